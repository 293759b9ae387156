"""Hostile requests, made from good ones by seeded chance: JSON and XML bodies, search URLs, headers."""

import copy
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fhir_server.definitions import definitions
from fhir_server.formats import xml

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to send as it stands."""

    method: str
    target: bytes
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@cache
def corpus() -> tuple[dict[str, Any], ...]:
    """One good resource of each shape that the demo data has, small ones first."""
    found = [
        entry["resource"] for file in sorted(DEMO.glob("*.json")) for entry in json.loads(file.read_text())["entry"]
    ]
    return tuple(sorted(found, key=lambda resource: len(json.dumps(resource)))[::3])


LEAVES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e300, -0.0, 2**31, 2**63, 2**64, 10**30, "", " ", "\u0000", "\ufeff", "\u202e", "é" * 300,
    "a" * 5000, "2020-02-30", "9999-12-31T23:59:60Z", "0000", "2020-01-01T00:00:00+14:01", "../../etc/passwd", "javascript:alert(1)",
    "<script>alert(1)</script>", "' OR 1=1 --", "%00", "${jndi:ldap://x}", "{{7*7}}", "urn:uuid:x", "Patient/1", "#x", "#",
    "Patient?identifier=x", [], {}, [[]], [None], {"": ""}, {"resourceType": "Patient"}, {"$where": "1"}, {"__proto__": {}},
    [1] * 300, "A" * 64, "A" * 65, "http://[::1", "\ud83d\ude00",
)  # fmt: skip
NAMES: tuple[str, ...] = (
    "", "id", "_id", "resourceType", "contained", "extension", "modifierExtension", "_value", "value[x]", "valueString",
    "text", "div", "meta", "fhir_comments", "__proto__", "$", "a.b", "\u0000", "implicitRules", "language", "é",
)  # fmt: skip
DEEP = 5_000
RAW: tuple[bytes, ...] = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[]", b"null", b"1", b'"x"', b"{", b"}", b"{}", b'{"resourceType"}',
    b'{"resourceType":"Patient"', b'{"resourceType":"Patient"}x', b'{"resourceType":"Patient",}', b"NaN",
    b'{"resourceType":"Patient","multipleBirthInteger":NaN}', b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
    b'{"resourceType":"Patient","multipleBirthInteger":1e999}', b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}",
    b'{"resourceType":"Patient","resourceType":"Group"}', b'{"resourceType":"Patient","id":"a","id":"b"}',
    b'{"resourceType":"Patient","language":"\\ud800"}', b'{"resourceType":"Patient","language":"\xed\xa0\x80"}',
    b'{"resourceType":"Patient","language":"\\u0000"}', b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP,
    b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 120 + b"[]" + b"}]" * 120 + b"}",
    b'{"resourceType":"Patient","contact":[' + b"{}," * 20_000 + b"{}]}", b'{"resourceType":"' + b"P" * 100_000 + b'"}',
    '{"resourceType":"Patient"}'.encode("utf-16"), b'{"resourceType":"Bundle","type":"transaction","entry":[{}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"//"}}]}',
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/%zz?_count=x"}}]}',
)  # fmt: skip


def json_body(chance: random.Random) -> Sent:
    """A create, update, patch or Bundle whose JSON body is broken somehow."""
    if chance.random() < 0.2:
        return _with_body(chance, "Patient", chance.choice(RAW))
    resource = json.loads(json.dumps(chance.choice(corpus())))
    for _ in range(chance.randint(1, 3)):
        _mutate(chance, resource)
    body = json.dumps(resource, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    if chance.random() < 0.3:
        body = _cut(chance, body)
    if chance.random() < 0.15:
        entry = {
            "resource": resource,
            "request": {"method": "PUT", "url": chance.choice(URLS), "ifMatch": chance.choice(URLS)},
        }
        bundle = {"resourceType": "Bundle", "type": chance.choice(["batch", "transaction"]), "entry": [entry]}
        _mutate(chance, bundle)
        return Sent("POST", b"/fhir", json.dumps(bundle).encode())
    return _with_body(chance, str(resource.get("resourceType")), body)


URLS = (
    "Patient",
    "Patient/1",
    "Patient?",
    "Patient?x",
    "",
    "/",
    "//",
    "?",
    "%",
    "Patient/\u0000",
    "\ud83d\ude00",
    "http://x/fhir/Patient/1",
)


def _with_body(chance: random.Random, type_: str, body: bytes) -> Sent:
    type_ = type_ if type_.isalpha() and len(type_) < 60 else "Patient"
    match chance.randrange(5):
        case 0:
            return Sent("PUT", f"/fhir/{type_}/fuzz".encode(), body)
        case 1:
            return Sent(
                "PATCH", b"/fhir/Patient/there", _patch(chance, body), {"Content_Type": "application/json-patch+json"}
            )
        case 2:
            return Sent("PATCH", b"/fhir/Patient/there", body)
        case _:
            return Sent("POST", f"/fhir/{type_}".encode(), body)


def _patch(chance: random.Random, body: bytes) -> bytes:
    if chance.random() < 0.3:
        return body
    path = chance.choice(
        ["", "/", "/name/0/family", "/name/-", "/name/99999999999", "/~2", "/id", "/resourceType", "/x" * 200]
    )
    operation = {"op": chance.choice(["add", "remove", "replace", "move", "copy", "test", "x"]), "path": path}
    operation |= {"from": chance.choice(["", "/name", path]), "value": chance.choice(LEAVES)}
    return json.dumps([operation] * chance.choice([1, 2, 50])).encode()


def _leaf(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(LEAVES))


def _mutate(chance: random.Random, tree: Any) -> None:
    """Changes one place of the tree: a value, a name, one more or one less."""
    node = tree
    while True:
        inner = [v for v in (node.values() if isinstance(node, dict) else node) if isinstance(v, dict | list) and v]
        if not inner or chance.random() < 0.3:
            break
        node = chance.choice(inner)
    if isinstance(node, list):
        index = chance.randrange(len(node))
        chance.choice([
            lambda: node.__setitem__(index, _leaf(chance)),
            lambda: node.insert(index, _leaf(chance)),
            lambda: node.extend(copy.deepcopy(node) * chance.choice([1, 30])),
            node.clear,
        ])()  # fmt: skip
        return
    name = chance.choice(list(node))
    match chance.randrange(5):
        case 0:
            del node[name]
        case 1:
            node[chance.choice(NAMES)] = _leaf(chance)
        case 2:
            node[chance.choice(NAMES)] = copy.deepcopy(node[name])
        case 3:
            node[f"_{name}"] = _leaf(chance)
        case _:
            node[name] = _leaf(chance)


def _cut(chance: random.Random, body: bytes) -> bytes:
    """Some bytes lost, doubled, flipped or put in."""
    at, size = chance.randrange(len(body)), chance.choice([1, 1, 2, 10, 200])
    match chance.randrange(4):
        case 0:
            return body[:at] + body[at + size :]
        case 1:
            return body[: at + size] + body[at:]
        case 2:
            return body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]
        case _:
            return body[:at] + chance.randbytes(size) + body[at:]


F = b' xmlns="http://hl7.org/fhir"'
XML_RAW: tuple[bytes, ...] = (
    b"", b"<", b"<Patient/>", b"<Patient" + F + b">", b"<Patient" + F + b"/><Patient/>", b"<p:Patient xmlns:p='http://hl7.org/fhir'/>",
    b'<!DOCTYPE x [<!ENTITY a "b">]><Patient' + F + b'><language value="&a;"/></Patient>',
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient' + F + b"/>",
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient' + F + b"><language value='x'/>&a;</Patient>",
    b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 999 + b'"><!ENTITY b "' + b"&a;" * 99 + b'"><!ENTITY c "' + b"&b;" * 99 + b'">]><Patient' + F + b">&c;</Patient>",
    b"<?xml version='1.0' encoding='utf-16'?><Patient" + F + b"/>", b"<?xml version='1.1'?><Patient" + F + b"/>",
    b"<?php x ?><Patient" + F + b"/>", b"<Patient" + F + b"><?x y?></Patient>", b"<Patient" + F + b"><!-- -- --></Patient>",
    b"<Patient" + F + b">text</Patient>", b"<Patient" + F + b"><![CDATA[x]]></Patient>", b"<Patient" + F + b"><active value='true' value='false'/></Patient>",
    b"<Patient" + F + b"><active value='&#0;'/></Patient>", b"<Patient" + F + b"><language value='&#xD800;'/></Patient>",
    b"<Patient" + F + b">" + b"<extension>" * 300 + b"</extension>" * 300 + b"</Patient>", b"<a>" * DEEP, b"<a>" * DEEP + b"</a>" * DEEP,
    b"<Patient" + F + b" xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd'/></Patient>",
    b"<Patient" + F + b"><text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div></text></Patient>",
    b"<Patient" + F + b"><text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml' onload='x'>x</div></text></Patient>",
    "<Patient xmlns='http://hl7.org/fhir'/>".encode("utf-16"), b"<Patient" + F + b" " + b"a" * 100_000 + b"='x'/>", b"\xff<Patient/>",
)  # fmt: skip


@cache
def xml_corpus() -> tuple[tuple[str, bytes], ...]:
    return tuple((resource["resourceType"], xml.to_xml(json.dumps(resource).encode())) for resource in corpus()[:200])


def xml_body(chance: random.Random) -> Sent:
    """A create or update whose XML body is broken somehow."""
    headers = {
        "Content_Type": "application/fhir+xml",
        "Accept": chance.choice(["application/fhir+xml", "application/fhir+json"]),
    }
    if chance.random() < 0.25:
        return Sent("POST", b"/fhir/Patient", chance.choice(XML_RAW), headers)
    type_, body = chance.choice(xml_corpus())
    for _ in range(chance.randint(1, 2)):
        body = _cut(chance, body) if chance.random() < 0.5 else _swapped(chance, body)
    method, target = chance.choice([("POST", f"/fhir/{type_}"), ("PUT", f"/fhir/{type_}/fuzz"), ("POST", "/fhir")])
    return Sent(method, target.encode(), body, headers)


def _swapped(chance: random.Random, body: bytes) -> bytes:
    """One element's name or attribute value is another's."""
    parts = body.split(b"<")
    here, there = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[here] = chance.choice([parts[there], b"x/>", parts[here] + b"<" + parts[there], b'extension url=""/>', b""])
    return b"<".join(parts)


VALUES: tuple[str, ...] = (
    "", "|", "||", "|x", "x|", ",", "\\", "\\,", "$", "$$", "-", "é", "%", "\u0000", "*", "'", '"', ";", "--", "ge", "eq2020", "ge2020-13",
    "2020-02-30", "gt0000", "9999", "99999-01-01", "2020-01-01T25:00", "le2020-01-01T00:00:00.123456789123Z", "1e400", "-1e-400", "1e",
    "NaN", "Infinity", "5.4|http://unitsofmeasure.org|mg", "ap5||mg", "1" * 400, "Patient/1", "Patient/1/_history/2", "http://x/Patient/1",
    "urn:uuid:x", "#x", "true", "false", "_id", "-_id", "*:*", "Patient:*", "Observation:subject:Patient", "Observation:nosuch", "count",
    "accurate", "text", "data", "0", "-1", "1001", "999999999999999999999", "a" * 3000, ",".join("abcdefgh" * 30), "\u202e", "\U0001f600",
    "(((((", "[a-", "(a+)+$", "eyJhIjoxfQ==", "../..", "name eq x", "family,given,-birthdate", "2020&x=1", "AND", "NEAR(", '"', "system|co de",
)  # fmt: skip
MODIFIERS = ("", ":exact", ":contains", ":missing", ":not", ":text", ":in", ":not-in", ":below", ":above", ":identifier", ":of-type",
    ":Patient", ":nosuch", ":", "::", ".name", ".", ":Patient.name", ".subject.name", ":iterate", ":exact:exact")  # fmt: skip
CONTROL = ("_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_text", "_content",
    "_list", "_has", "_type", "_format", "_pretty", "_filter", "_query", "_tag", "_profile", "_security", "_source", "_contained", "_page",
    "_cursor", "_since", "_at", "_has:Observation:subject:code", "_has:Observation:patient:_has:X:y:z", "_has:", "_has:x", "", "x", "_")  # fmt: skip


@cache
def _codes(type_: str) -> tuple[str, ...]:
    return tuple(sorted(definitions().search_parameters(type_)))


@cache
def _types() -> tuple[str, ...]:
    return tuple(sorted(definitions().resource_types))


def search_url(chance: random.Random) -> Sent:
    """A search, history, read or path that nobody meant."""
    type_ = chance.choice(_types() if chance.random() < 0.7 else ("Patient", "Observation"))
    shape = chance.choice(["/fhir/{t}"] * 8 + ["/fhir", "/fhir/{t}/_history", "/fhir/_history", "/fhir/{t}/{v}", "/fhir/{t}/{v}/_history/{v}",
        "/fhir/{v}", "/fhir/{t}/{v}/{t}", "/fhir/{t}/${v}", "/fhir//{t}", "/fhir/metadata", "/fhir/{t}/_search", "/fhir/_async/{v}"])  # fmt: skip
    path = shape.replace("{t}", type_).replace("{v}", quote(chance.choice(VALUES)[:200], safe=""))
    pairs = []
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3, 8])):
        name = (
            chance.choice(CONTROL) if chance.random() < 0.4 else chance.choice(_codes(type_)) + chance.choice(MODIFIERS)
        )
        value = ",".join(chance.choice(VALUES) for _ in range(chance.choice([1, 1, 1, 2, 5])))
        if chance.random() < 0.1:
            value = "".join(chance.choice(string.printable + "é€😀\u0000") for _ in range(chance.randint(1, 40)))
        pairs.append(f"{quote(name, safe=':.')}={quote(value, safe='|,:$' if chance.random() < 0.5 else '')}")
    query = "&".join(pairs)
    if chance.random() < 0.05:
        query += chance.choice(
            ["&&&", "=", "%", "%zz", "%ff%fe", "%c0%80", "&" * 600, "a=" + "b" * 60_000, ";a=b", "?", "#"]
        )
    if chance.random() < 0.1:
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        return Sent("POST", path.removesuffix("/_search").encode() + b"/_search", query.encode(), form)
    return Sent(chance.choice(["GET"] * 9 + ["DELETE"]), f"{path}?{query}".encode())


HEADER_VALUES = ("", " ", "x", '"', 'W/"', 'W/"1"', '"1"', 'W/"1", W/"2"', "*", "*/*", "application/json;q=2", "a/b;q=0.5;q=x", ",,,", ";", "=",
    "application/fhir+json; fhirVersion=5.0", "text/html", "application/fhir+xml;charset=utf-16", "text/" + "x" * 5000, "\x7f",
    "return=minimal", "return=", "handling=lenient, return=x;y", "respond-async", "Mon, 01 Jan 0001 00:00:00 GMT", "Sat, 32 Foo 2020", "-1",
    "99999999999999999999", "identifier=|", "?", "identifier=a&identifier", "%00", "é", "gzip", "gzip, gzip", "br", "zstd", "identity;q=0, *;q=0",
    "bytes=0-1", "bytes=-", "../../x", "http://evil.example", "127.0.0.1, 10.0.0.1", "Patient/1", "0")  # fmt: skip
HEADER_NAMES = ("Accept", "Accept-Encoding", "Accept-Charset", "Content-Type", "Content-Encoding", "If-Match", "If-None-Match", "If-Modified-Since",
    "If-None-Exist", "Prefer", "X-Request-Id", "X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "Origin", "Range", "X-Security-Context",
    "X-HTTP-Method-Override", "Access-Control-Request-Method", "Authorization", "Cookie", "traceparent")  # fmt: skip


def header(chance: random.Random) -> Sent:
    """A plain request with headers that say something odd."""
    headers = {
        name.replace("-", "_"): chance.choice(HEADER_VALUES)
        for name in chance.sample(HEADER_NAMES, chance.choice([1, 1, 2, 4]))
    }
    method, target = chance.choice([
        ("GET", "/fhir/Patient/there"), ("GET", "/fhir/Patient"), ("PUT", "/fhir/Patient/there"), ("POST", "/fhir/Patient"), ("GET", "/fhir/metadata"),
        ("PATCH", "/fhir/Patient/there"), ("DELETE", "/fhir/Patient/never"), ("OPTIONS", "/fhir/Patient"), ("POST", "/fhir"), ("TRACE", "/fhir"),
        ("GET", "/fhir/Binary/there"), ("POST", "/fhir/Binary"), ("HEAD", "/fhir/Patient/there"),
    ])  # fmt: skip
    body = (
        json.dumps({"resourceType": "Patient", "id": "there"}).encode() if method in ("PUT", "POST", "PATCH") else None
    )
    return Sent(method, target.encode(), body, headers)


KINDS: dict[str, Callable[[random.Random], Sent]] = {
    "json": json_body,
    "xml": xml_body,
    "url": search_url,
    "header": header,
}
