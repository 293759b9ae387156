"""$everything: the compartment and what it refers to, page by page.

http://hl7.org/fhir/R4/operation-patient-everything.html and http://hl7.org/fhir/R4/operation-encounter-everything.html
"""

from typing import Any

import pytest

from fhir_server.context import Prefer
from fhir_server.formats.json import instant
from fhir_server.model import Key
from fhir_server.operations import care_dates
from fhir_server.search.query import UNRESTRICTED
from tests.interactions.client import BASE, Client, encounter, observation, patient

RESOURCES: tuple[dict[str, Any], ...] = (
    {"resourceType": "Organization", "id": "clinic", "name": "Clinic"},
    {"resourceType": "Practitioner", "id": "joe"},
    {"resourceType": "Medication", "id": "pill"},
    {"resourceType": "Binary", "id": "scan", "contentType": "text/plain", "data": "YQ=="},
    patient("eve", managingOrganization={"reference": "Organization/clinic"}),
    patient("bob"),
    {**encounter("Patient/eve"), "id": "visit", "period": {"start": "2020-03-01", "end": "2020-03-02"}}
    | {"participant": [{"individual": {"reference": "Practitioner/joe"}}]},
    {**observation("Patient/eve"), "id": "old", "effectiveDateTime": "2019-05-01"},
    {**observation("Patient/eve"), "id": "new", "effectiveDateTime": "2020-03-01T10:00:00Z"}
    | {"encounter": {"reference": "Encounter/visit"}, "performer": [{"reference": f"{BASE}/Practitioner/joe"}]},
    {**observation("Patient/eve"), "id": "undated"},
    {**observation("Patient/bob"), "id": "other"},
    {
        "resourceType": "MedicationAdministration",
        "id": "given",
        "status": "completed",
        "subject": {"reference": "Patient/eve"},
        "medicationReference": {"reference": "Medication/pill"},
        "effectiveDateTime": "2020-03-01",
    },
    {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": {"reference": "Patient/eve"},
        "content": [{"attachment": {"url": "Binary/scan"}}],
    },
)


@pytest.fixture
async def chart(client: Client) -> Client:
    for resource in RESOURCES:
        await client.put(f"{resource['resourceType']}/{resource['id']}", resource)
    return client


def listed(page: dict[str, Any]) -> dict[str, set[str]]:
    """Mode → what stands in the page so; nothing stands twice."""
    found: dict[str, set[str]] = {}
    urls = [entry["fullUrl"] for entry in page.get("entry", []) if "fullUrl" in entry]
    assert len(urls) == len(set(urls))
    for entry in page.get("entry", []):
        if "fullUrl" in entry:
            key = entry["fullUrl"].removeprefix(f"{BASE}/")
            found.setdefault(entry["search"]["mode"], set()).add(key)
    return found


EVE = {
    "Patient/eve",
    "Encounter/visit",
    "Observation/old",
    "Observation/new",
    "Observation/undated",
    "MedicationAdministration/given",
    "DocumentReference/letter",
}
AROUND = {"Organization/clinic", "Practitioner/joe", "Medication/pill", "Binary/scan"}


async def test_patient_is_the_compartment_and_what_it_refers_to(chart: Client) -> None:
    page = await chart.get("Patient/eve/$everything")
    assert listed(page) == {"match": EVE, "include": AROUND}
    assert (page["type"], page["total"]) == ("searchset", len(EVE))
    assert page["link"] == [{"relation": "self", "url": f"{BASE}/Patient/eve/$everything"}]


async def test_posted_parameters_ask_the_same(chart: Client) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "start", "valueDate": "2020"}, {"name": "_count", "valueInteger": 3}],
    }
    got, posted = (
        await chart.get("Patient/eve/$everything?start=2020&_count=3"),
        await chart.post("Patient/eve/$everything", body),
    )
    assert (got["entry"], got["link"][0]) == (posted["entry"], posted["link"][0])
    wrong = {"resourceType": "Parameters", "parameter": [{"name": "start", "valuePeriod": {"start": "2020"}}]}
    assert (await chart.fails("POST", "Patient/eve/$everything", wrong)).status == 400
    assert (await chart.fails("POST", "Patient/eve/$everything", patient())).status == 400


async def test_pages_hold_everything_once(chart: Client) -> None:
    page = await chart.get("Patient/eve/$everything?_count=2")
    matches: list[str] = []
    included: set[str] = set()
    backwards: list[str] = []
    while True:
        found = listed(page)
        matches += sorted(found["match"])
        included |= found.get("include", set())
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert len(found["match"]) <= 2
        assert "total" not in page
        if "next" not in links:
            break
        backwards.append(links["self"])
        page = await chart.get(links["next"])
    assert (len(matches), set(matches), included) == (len(EVE), EVE, AROUND)
    assert links["first"] == f"{BASE}/Patient/eve/$everything?_count=2"
    previous = await chart.get(links["previous"])
    assert listed(previous)["match"] == listed(await chart.get(backwards[-1]))["match"]


async def test_pages_stay_when_others_write(chart: Client) -> None:
    page = await chart.get("Patient/eve/$everything?_count=3")
    seen = listed(page)["match"]
    await chart.put("Observation/later", {**observation("Patient/eve"), "id": "later"})
    while next_ := next((link["url"] for link in page["link"] if link["relation"] == "next"), None):
        page = await chart.get(next_)
        assert seen.isdisjoint(listed(page)["match"])
        seen |= listed(page)["match"]
    assert seen == EVE


async def test_care_dates_limit_what_has_them(chart: Client) -> None:
    undated = {"Patient/eve", "Observation/undated", "DocumentReference/letter"}
    new = {"Encounter/visit", "Observation/new", "MedicationAdministration/given"}
    for query, dated in (
        ("start=2020", new),
        ("end=2019", {"Observation/old"}),
        ("start=2020-03-02", {"Encounter/visit"}),
        ("start=2019-05-01&end=2019-05-01", {"Observation/old"}),
        ("start=2019&end=2020-02", {"Observation/old"}),
    ):
        assert listed(await chart.get(f"Patient/eve/$everything?{query}"))["match"] == undated | dated


async def test_types_limit_what_is_shown(chart: Client) -> None:
    page = await chart.get("Patient/eve/$everything?_type=Observation,Practitioner&_type=Medication")
    assert listed(page) == {
        "match": {"Observation/old", "Observation/new", "Observation/undated"},
        "include": {"Practitioner/joe", "Medication/pill"},
    }
    page = await chart.get("Patient/eve/$everything?_type=Observation")
    assert listed(page) == {"match": {"Observation/old", "Observation/new", "Observation/undated"}}
    assert page["total"] == 3


async def test_since_limits_by_record_time(chart: Client) -> None:
    version = await chart.server.store.reader(UNRESTRICTED).read(Key("Observation", "undated"))
    assert version is not None
    page = await chart.get(f"Patient/eve/$everything?_since={instant(version.last_updated)}")
    assert {"Observation/undated", "MedicationAdministration/given", "DocumentReference/letter"} <= listed(page)[
        "match"
    ]
    assert listed(await chart.get("Patient/eve/$everything?_since=2200-01-01T00:00:00Z")) == {}


async def test_all_patients(chart: Client) -> None:
    page = await chart.get("Patient/$everything")
    assert listed(page) == {"match": EVE | {"Patient/bob", "Observation/other"}, "include": AROUND}


async def test_encounter(chart: Client) -> None:
    page = await chart.get("Encounter/visit/$everything")
    assert listed(page) == {
        "match": {"Encounter/visit", "Observation/new"},
        "include": {"Patient/eve", "Practitioner/joe"},
    }
    assert (await chart.fails("GET", "Encounter/visit/$everything?start=2020")).status == 400
    assert (await chart.fails("GET", "Encounter/$everything")).status == 404


async def test_what_is_not_there(chart: Client) -> None:
    assert (await chart.fails("GET", "Patient/nobody/$everything")).status == 404
    await chart.put("Patient/gone", patient("gone"))
    await chart.delete("Patient/gone")
    assert (await chart.fails("GET", "Patient/gone/$everything")).status == 410


@pytest.mark.parametrize(
    "query", ["start=soon", "_count=0", "_count=x", "_type=Nothing", "nonsense=1", "start=2020&start=2021", "_page=x"]
)
async def test_wrong_parameters_are_400(chart: Client, query: str) -> None:
    error = await chart.fails("GET", f"Patient/eve/$everything?{query}")
    assert (error.status, error.issues[0].expression) == (400, (f"http.{query.partition('=')[0]}",))


async def test_lenient_handling_says_what_it_passed_over(chart: Client) -> None:
    page = await chart.get("Patient/bob/$everything?nonsense=1", prefer=Prefer(handling="lenient"))
    assert page["entry"][-1]["resource"]["issue"][0]["expression"] == ["http.nonsense"]


async def test_operations_are_in_the_capability_statement(client: Client) -> None:
    made = await client.get("metadata")
    named = {
        resource["type"]: {operation["name"]: operation["definition"] for operation in resource["operation"]}
        for resource in made["rest"][0]["resource"]
    }
    assert named["Patient"]["everything"] == "http://hl7.org/fhir/OperationDefinition/Patient-everything"
    assert named["Encounter"]["everything"] == "http://hl7.org/fhir/OperationDefinition/Encounter-everything"
    assert "everything" not in named["Practitioner"]


def test_care_dates_are_of_care() -> None:
    assert care_dates.codes("Patient") == ()
    assert care_dates.codes("Observation") == ("date",)
    assert care_dates.codes("Condition") == ("onset-date", "abatement-date")
