"""JSON: nothing is lost, nothing twice, and what is not FHIR's JSON is refused with a place and an advice."""

import copy
import json as stdlib
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats import json
from fhir_server.outcome import Invalid
from tests.formats.examples import json_examples


def refused(raw: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        json.parse(raw)
    assert caught.value.status == 400
    return str(caught.value)


def nested(levels: int) -> bytes:
    """`levels` objects and arrays within each other."""
    inner = levels - 1
    return b'{"a":' + b"[" * inner + b"]" * inner + b"}"


# --- what is kept


@pytest.mark.parametrize(
    "number",
    [
        "1.00", "0.0", "-0", "-0.0", "1E5", "1e22", "1.0e0", "100000000000000000000000000000.10", "0.1234567890123456789012",
        "1.000000000000000000E-245", "-1.000000000000000000E+245", "9" * 100, "18446744073709551616", "-9223372036854775809",
        "12345678901234567890", "1e-300", "1E+300",
    ],
)  # fmt: skip
def test_parse_number_keeps_its_digits(number: str) -> None:
    raw = f'{{"resourceType":"Basic","x":[{number}]}}'.encode()
    parsed = json.parse(raw)
    assert json.dumps(parsed.tree) == raw
    assert type(parsed.plain["x"][0]) in (int, float)


def test_parse_plain_document_is_read_once() -> None:
    parsed = json.parse(b'{ "a" : 1.5, "b": [true, null, 7, "x\\n\\""] }')
    assert parsed.tree is parsed.plain
    assert not parsed.exact
    assert parsed.tree == {"a": 1.5, "b": [True, None, 7, 'x\n"']}


def test_parse_escapes_that_lose_nothing_need_no_exact_reading() -> None:
    parsed = json.parse(b'{"a":"\\u00e9\\/\\ud83d\\ude00\\\\u0007","\\u0062":1}')
    assert not parsed.exact
    assert parsed.tree == {"a": "é/😀\\u0007", "b": 1}


def test_parse_escapes_and_decimals_together() -> None:
    parsed = json.parse(b'{"a":"\\u00e9","b":1.0,"c":1.10}')
    assert parsed.exact
    assert json.dumps(parsed.tree) == '{"a":"é","b":1.0,"c":1.10}'.encode()
    assert parsed.plain == {"a": "é", "b": 1.0, "c": 1.1}


def test_parse_large_document_keeps_decimals() -> None:
    raw = b'{"a":[' + b",".join(b'{"v":[%d.10]}' % n for n in range(500)) + b"]}"
    assert json.dumps(json.parse(raw).tree) == raw


@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,3})?\Z"))
def test_parse_any_number_is_kept_or_refused(number: str) -> None:
    raw = f'{{"x":{number}}}'.encode()
    try:
        parsed = json.parse(raw)
    except Invalid:
        exponent = re.search(r"[eE][+-]?0*([0-9]+)$", number)
        assert len(number) > 100 or (exponent and int(exponent[1]) > 200)
    else:
        assert json.dumps(parsed.tree) == raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(-1e300, 1e300) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_parse_any_object_comes_back_in_its_digits(
    tree: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    raw = stdlib.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()
    written = stdlib.dumps(tree, ensure_ascii=False)
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\\\\[bf]|\\\\u00[01]", written):
        return
    parsed = json.parse(raw)
    assert json.dumps(parsed.tree) == msgspec.json.format(written.encode(), indent=-1).replace(b"\\u007f", b"\x7f")


# --- what is refused


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", "line 1, column 1: Input is a zero-length, empty document; send a resource"),
        (b"[]", "not a JSON object"),
        (b'"Patient"', "not a JSON object"),
        (b'{"a":NaN}', "line 1, column 6"),
        (b'{"a":\n-Infinity}', "line 2"),
        (b'{"a":1e999}', "exponent from -300 to 300"),
        (b'{"a":1e-400}', "use an exponent from -300 to 300"),
        (b'{"a":0e99999999999}', "beyond the range of a double"),
        (b'{"a":1.%s}' % (b"0" * 99), "101 characters long; at most 100 are kept (line 1, column 6)"),
        (b'{"a":%s}' % (b"9" * 101), "101 characters long"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\xff"}', "not UTF-8 at line 1, column 7"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON"),
        ('{"a":1}'.encode("utf-32"), "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "without a byte order mark"),
        (b'{"a":1} {"a":1}', "line 1, column 9"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":"\x01"}', "write control characters as"),
        (b'{"a":"\x00"}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":+1}', "not JSON"),
        (b'{"a":.5}', "not JSON"),
        (b'{"a":1} // comment', "not JSON"),
    ],
)
def test_parse_refuses(raw: bytes, text: str) -> None:
    assert text in refused(raw)


@pytest.mark.parametrize("escape", ["\\u0000", "\\b", "\\f", "\\u001f", "\\u000B", "\\uFFFE", "\\uffff", "￾"])
@pytest.mark.parametrize("template", ['{{"resourceType":"Patient","name":[{{"family":"{}"}}]}}', '{{"a{}":1}}'])
def test_parse_character_that_fhir_cannot_carry_is_refused(escape: str, template: str) -> None:
    with pytest.raises(Invalid) as caught:
        json.parse(template.format(escape).encode())
    issue = caught.value.issues[0]
    assert issue.code == "value"
    assert issue.expression == (("Patient.name[0].family",) if "Patient" in template else ())


@pytest.mark.parametrize("text", ["\\u0009\\n\\r\\t", "\\\\b", "\\\\u0000", "\uffe5\ufffd", "\x7f\u0085"])
def test_parse_character_that_fhir_carries_is_kept(text: str) -> None:
    assert json.parse(f'{{"a":"{text}"}}'.encode()).tree == {"a": stdlib.loads(f'"{text}"')}


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"resourceType":"Patient","resourceType":"Patient"}', "Patient.resourceType"),
        (b'{"resourceType":"Patient","name":[{},{"family":"a","family":"a"}]}', "Patient.name[1].family"),
        (b'{"resourceType":"Patient","a":{"x":1.0},"a":{"x":1.0}}', "Patient.a"),
        (b'{"resourceType":"Patient","a":"\\u00e9","\\u0061":"e"}', "Patient.a"),
        (b'{"a":{"b":1,"b":12345678901234567890123}}', "a.b"),
        (b'{"a":{},"a":{}}', "a"),
    ],
)
def test_parse_duplicate_key_is_refused_with_its_path(raw: bytes, path: str) -> None:
    with pytest.raises(Invalid) as caught:
        json.parse(raw)
    assert caught.value.issues[0].expression == (path,)
    assert str(caught.value) == f"{path} is there more than once; every key may stand once in an object"


def test_parse_duplicate_key_in_a_large_document_is_refused() -> None:
    entries = b",".join(b'{"v":[%d]}' % n for n in range(500))
    assert "a[500].w" in refused(b'{"a":[' + entries + b',{"w":1,"w":1}]}')


@pytest.mark.parametrize(
    ("levels", "accepted"),
    [(1, True), (99, True), (100, True), (101, False), (300, False), (2000, False), (100_000, False)],
)
def test_parse_depth(levels: int, accepted: bool) -> None:
    if accepted:
        assert json.dumps(json.parse(nested(levels)).tree) == nested(levels) if levels > 1 else True
    else:
        assert "100 levels" in refused(nested(levels))


def test_parse_depth_of_objects() -> None:
    json.parse(b'{"a":' * 99 + b"{}" + b"}" * 99)
    assert "100 levels" in refused(b'{"a":' * 100 + b"{}" + b"}" * 100)


def test_parse_brackets_in_strings_are_not_depth() -> None:
    raw = b'{"a":"' + b"[" * 5000 + b"{" * 5000 + b"\\n" + b"  " * 200 + b'"}'
    assert json.dumps(json.parse(raw).tree) == raw


@given(st.binary(max_size=60))
def test_parse_any_bytes_are_parsed_or_invalid(raw: bytes) -> None:
    with suppress(Invalid):
        json.parse(raw)


@given(st.data())
def test_parse_damaged_document_is_parsed_or_invalid(data: st.DataObject) -> None:
    raw = bytearray(
        b'{"resourceType":"Patient","x":[1.10,-0,{"a":"\\u00e9\\"\xc3\xa9"},[[]],1E-5],"name":[{"given":["A",null]}]}'
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"e9", b"[", b"{"])
        )
    try:
        parsed = json.parse(bytes(raw))
    except Invalid:
        return
    assert json.parse(json.dumps(parsed.tree)).tree == parsed.tree


# --- writing

MOMENT = datetime(2026, 1, 31, 23, 59, 59, 123_987, tzinfo=UTC)


def test_stamp_replaces_identity_and_keeps_all_else_in_order() -> None:
    sent = (
        b'{"id":"mine","meta":{"lastUpdated":"2000-01-01T00:00:00Z","tag":[{"code":"x"}],"versionId":"9","profile":["p"]},'
        b'"language":"de","resourceType":"Observation","valueQuantity":{"value":1.10}}'
    )
    tree = json.parse(sent).tree
    before = copy.deepcopy(tree)
    assert json.stamp(tree, "a-1", "2", MOMENT) == (
        b'{"resourceType":"Observation","id":"a-1","meta":{"versionId":"2","lastUpdated":"2026-01-31T23:59:59.123Z",'
        b'"tag":[{"code":"x"}],"profile":["p"]},"language":"de","valueQuantity":{"value":1.10}}'
    )
    assert json.dumps(tree) == json.dumps(before)


def test_stamp_without_meta() -> None:
    assert (
        json.stamp({"resourceType": "Basic", "code": {"text": "é"}}, "1", "1", MOMENT)
        == (
            '{"resourceType":"Basic","id":"1","meta":{"versionId":"1","lastUpdated":"2026-01-31T23:59:59.123Z"},'
            '"code":{"text":"é"}}'
        ).encode()
    )


def test_instant_is_utc_with_milliseconds() -> None:
    assert json.instant(datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "2026-02-28T23:30:00.000Z"


def test_dumps_decimal() -> None:
    assert json.dumps({"value": Decimal("1.00"), "big": Decimal("1E+30")}) == b'{"value":1.00,"big":1E+30}'


def test_dumps_refuses_what_is_not_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"value": Decimal("NaN")})


def test_pretty_changes_no_digit() -> None:
    assert json.pretty(b'{"a":[1.00,{"b":"\\n"}]}') == b'{\n  "a": [\n    1.00,\n    {\n      "b": "\\n"\n    }\n  ]\n}'


# --- the official examples


def test_examples_come_back_in_their_digits() -> None:
    examples = json_examples()
    changed = [
        name
        for name, raw in examples.items()
        if stdlib.loads(json.dumps(json.parse(raw).tree), parse_float=str, object_pairs_hook=list)
        != stdlib.loads(raw, parse_float=str, object_pairs_hook=list)
    ]
    assert len(examples) == 2905
    assert changed == []
