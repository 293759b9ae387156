from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from fhir_server.model import Key, Version
from fhir_server.outcome import BadRequest
from fhir_server.search.include import follow
from fhir_server.search.index import extract
from fhir_server.search.parse import parse, query_string
from fhir_server.search.query import UNRESTRICTED, Access, Ids
from fhir_server.settings import Settings
from fhir_server.storage.base import Reader, Store, Transaction, Write

BASE = "http://example.org/fhir"
NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

RESOURCES: dict[str, dict[str, Any]] = {
    "Organization/top": {},
    "Organization/clinic": {"partOf": {"reference": "Organization/top"}},
    "Practitioner/joe": {},
    "Patient/eve": {
        "managingOrganization": {"reference": "Organization/clinic"},
        "generalPractitioner": [{"reference": "Practitioner/joe"}, {"reference": "Practitioner/nobody"}],
    },
    "Group/g": {"member": [{"entity": {"reference": "Patient/eve"}}]},
    "Observation/o": {
        "subject": {"reference": f"{BASE}/Patient/eve"},
        "hasMember": [{"reference": "Observation/part"}, {"reference": "Observation/o"}],
        "performer": [{"reference": "http://other.org/fhir/Practitioner/1"}],
    },
    "Observation/part": {"hasMember": [{"reference": "Observation/leaf"}]},
    "Observation/leaf": {"hasMember": [{"reference": "Observation/deep"}]},
    "Observation/deep": {"hasMember": [{"reference": "Observation/deeper"}]},
    "Observation/deeper": {},
    "Observation/group": {"subject": {"reference": "Group/g"}},
    "Provenance/p": {"target": [{"reference": "Observation/o"}, {"reference": "Patient/eve"}]},
    "Provenance/old": {"target": [{"reference": "Patient/eve/_history/1"}]},
    "Questionnaire/q1": {"url": "http://a.org/q", "version": "1"},
    "Questionnaire/q2": {"url": "http://a.org/q", "version": "2"},
    "QuestionnaireResponse/any": {"questionnaire": "http://a.org/q"},
    "QuestionnaireResponse/two": {"questionnaire": "http://a.org/q|2"},
}


@pytest.fixture
async def store(store: Store) -> Store:
    """All resources; Patient/eve in two versions."""
    writes = [_write(name, body, "1") for name, body in RESOURCES.items()]

    async def work(transaction: Transaction) -> None:
        await transaction.append(writes)
        await transaction.append([_write("Patient/eve", RESOURCES["Patient/eve"] | {"active": True}, "2")])

    await store.transact(UNRESTRICTED, work)
    return store


def _write(name: str, body: dict[str, Any], version_id: str) -> Write:
    key = Key(*name.split("/"))
    resource = {"resourceType": key.type, "id": key.id, **body}
    version = Version(key, version_id, NOW, orjson.dumps(resource))
    return Write(version, extract(resource, BASE), None if version_id == "1" else "1")


async def included(reader: Reader, url: str, limit: int = 1000) -> list[str]:
    """The keys of what is included, in their order; versions that are not the first with their number."""
    type_, _, query = url.partition("?")
    request = parse(type_, tuple(query_string(query)), settings=Settings(), now=NOW, base=BASE)
    page = await reader.search(request.query)
    found = await follow(reader, request, [hit.version for hit in page.hits], limit, BASE)
    return sorted(f"{v.key}/{v.version_id}" for v in found.versions)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("Observation?_id=o&_include=Observation:subject", ["Patient/eve/2"]),
        ("Observation?_id=o,group&_include=Observation:subject", ["Group/g/1", "Patient/eve/2"]),
        ("Observation?_id=o,group&_include=Observation:subject:Group", ["Group/g/1"]),
        ("Observation?_id=o,group&_include=Observation:patient", ["Patient/eve/2"]),
        (
            "Observation?_id=o&_include=Observation:patient&_include:iterate=Patient:organization",
            ["Organization/clinic/1", "Patient/eve/2"],
        ),
        (
            "Observation?_id=o&_include=Observation:patient&_include:iterate=Patient:organization&_include:iterate=Organization:partof",
            ["Organization/clinic/1", "Organization/top/1", "Patient/eve/2"],
        ),
        ("Observation?_id=o&_include=Observation:has-member", ["Observation/part/1"]),
        (
            "Observation?_id=o&_include:iterate=Observation:has-member",
            ["Observation/deep/1", "Observation/deeper/1", "Observation/leaf/1", "Observation/part/1"],
        ),
        ("Observation?_id=o,part&_include=Observation:has-member", ["Observation/leaf/1"]),
        ("Observation?_id=o&_include=*", ["Observation/part/1", "Patient/eve/2"]),
        ("Patient?_include=Patient:*", ["Organization/clinic/1", "Practitioner/joe/1"]),
        ("Patient?_include=Patient:general-practitioner", ["Practitioner/joe/1"]),
        ("Provenance?_id=old&_include=Provenance:target", ["Patient/eve/1"]),
        ("Provenance?_include=Provenance:target", ["Observation/o/1", "Patient/eve/1", "Patient/eve/2"]),
        ("Patient?_revinclude=Provenance:target", ["Provenance/old/1", "Provenance/p/1"]),
        ("Patient?_revinclude=Observation:patient", ["Observation/o/1"]),
        ("Patient?_revinclude=Observation:*", ["Observation/o/1"]),
        ("Patient?_revinclude=*", ["Group/g/1", "Observation/o/1", "Provenance/old/1", "Provenance/p/1"]),
        (
            "Observation?_id=leaf&_revinclude:iterate=Observation:has-member",
            ["Observation/o/1", "Observation/part/1"],
        ),
        (
            "Patient?_revinclude=Group:member&_revinclude:iterate=Observation:subject",
            ["Group/g/1", "Observation/group/1", "Observation/o/1"],
        ),
        (
            "QuestionnaireResponse?_id=any&_include=QuestionnaireResponse:questionnaire",
            ["Questionnaire/q1/1", "Questionnaire/q2/1"],
        ),
        ("QuestionnaireResponse?_id=two&_include=QuestionnaireResponse:questionnaire", ["Questionnaire/q2/1"]),
        (
            "Questionnaire?_id=q2&_revinclude=QuestionnaireResponse:questionnaire",
            ["QuestionnaireResponse/any/1", "QuestionnaireResponse/two/1"],
        ),
        ("Questionnaire?_id=q1&_revinclude=QuestionnaireResponse:questionnaire", ["QuestionnaireResponse/any/1"]),
    ],
)
async def test_included_are(store: Store, url: str, expected: list[str]) -> None:
    assert await included(store.reader(UNRESTRICTED), url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "Observation?_id=o&_include=Patient:organization",
        "Observation?_id=o&_include=Observation:patient&_include=Patient:organization",
        "Patient?_revinclude=Provenance:target:Observation",
        "Patient?_revinclude=Observation:encounter",
        "Organization?_revinclude=PaymentNotice:*:Patient",
    ],
)
def test_what_leads_nowhere_is_refused_or_said(url: str) -> None:
    type_, _, query = url.partition("?")
    asked = {"settings": Settings(), "now": NOW, "base": BASE}
    with pytest.raises(
        BadRequest, match=r"leads nowhere (to|from) .*; _(rev)?include:iterate follows what is included"
    ):
        parse(type_, tuple(query_string(query)), handling="strict", **asked)  # type: ignore[arg-type]
    lenient = parse(type_, tuple(query_string(query)), handling="lenient", **asked)  # type: ignore[arg-type]
    assert [name for name, _ in lenient.ignored] == [query.split("&")[-1].partition("=")[0]]


async def test_no_more_is_included_than_the_limit(store: Store) -> None:
    reader = store.reader(UNRESTRICTED)
    assert len(await included(reader, "Observation?_id=o&_include:iterate=Observation:has-member", limit=2)) == 2
    assert len(await included(reader, "Patient?_revinclude=Provenance:target", limit=1)) == 1


async def _cut(reader: Reader, url: str, limit: int) -> list[str]:
    """The includes that left something out."""
    type_, _, query = url.partition("?")
    request = parse(type_, tuple(query_string(query)), settings=Settings(), now=NOW, base=BASE)
    page = await reader.search(request.query)
    found = await follow(reader, request, [hit.version for hit in page.hits], limit, BASE)
    assert len(found.versions) <= limit
    return [str(rule) for rule in (*found.cut, *found.deeper)]


@pytest.mark.parametrize(
    ("query", "limit", "expected"),
    [
        ("Observation?_id=o&_include:iterate=Observation:has-member", 3, ["_include:iterate=Observation:has-member"]),
        ("Observation?_id=o&_include:iterate=Observation:has-member", 4, []),
        ("Patient?_revinclude=Provenance:target", 1, ["_revinclude=Provenance:target"]),
        ("Patient?_revinclude=Provenance:target", 2, []),
        ("Patient?_revinclude=Group:member&_revinclude=Provenance:target", 1, ["_revinclude=Provenance:target"]),
        ("Patient?_revinclude=*", 3, ["_revinclude=*"]),
        ("Observation?_id=o&_include=*&_include=Observation:subject", 1, ["_include=*"]),
        ("Observation?_id=o&_include=Observation:subject", 0, ["_include=Observation:subject"]),
        (
            "QuestionnaireResponse?_id=any&_include=QuestionnaireResponse:questionnaire",
            1,
            ["_include=QuestionnaireResponse:questionnaire"],
        ),
    ],
)
async def test_what_is_left_out_is_said(store: Store, query: str, limit: int, expected: list[str]) -> None:
    assert await _cut(store.reader(UNRESTRICTED), query, limit) == expected


async def test_iterating_ends_visibly(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_server.search.include.MAX_ROUNDS", 2)
    url = "Observation?_id=o&_include:iterate=Observation:has-member"
    assert await _cut(store.reader(UNRESTRICTED), url, 1000) == ["_include:iterate=Observation:has-member"]


async def test_what_the_reader_does_not_show_is_not_included(store: Store) -> None:
    seen = Access("p", where={"Observation": Ids(("o",)), "Patient": Ids(("eve",)), "Provenance": Ids(())})
    reader = store.reader(seen)
    assert await included(reader, "Observation?_include=Observation:has-member&_include=Observation:subject") == [
        "Patient/eve/2"
    ]
    assert await included(reader, "Patient?_revinclude=Provenance:target&_revinclude=Observation:subject") == [
        "Observation/o/1"
    ]
