"""$fhirpath: expressions evaluated for developers.

http://hl7.org/fhir/R4/fhirpath.html
"""

from typing import Any

import pytest

from fhir_server.operations.typed import JSON, PATH
from tests.interactions.client import Client, patient

COLOURS = {
    "resourceType": "CodeSystem",
    "id": "colours",
    "url": "http://example.org/colours",
    "status": "active",
    "content": "complete",
    "hierarchyMeaning": "is-a",
    "concept": [{"code": "red", "concept": [{"code": "crimson"}]}, {"code": "blue"}],
}
NAMED = patient(name=[{"family": "Adler", "given": ["Ann", "Bea"]}])


def call(resource: dict[str, Any] | None, *expressions: str, **more: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [{"name": "expression", "valueString": each} for each in expressions]
    found += [{"name": name, "valueString": value} for name, value in more.items()]
    if resource is not None:
        found.append({"name": "resource", "resource": resource})
    return {"resourceType": "Parameters", "parameter": found}


async def parts(client: Client, expression: str, resource: dict[str, Any] | None = None) -> list[Any]:
    """The items of the only result, without their places."""
    (result,) = (await client.post("$fhirpath", call(resource, expression)))["parameter"]
    assert result["name"] == "result"
    return [{k: v for k, v in part.items() if k != "extension"} for part in result.get("part", [])]


async def test_each_item_has_its_type_and_its_place(client: Client) -> None:
    answer = await client.post("$fhirpath", call(NAMED, "name.given"))
    assert answer["parameter"] == [
        {
            "name": "result",
            "part": [
                {
                    "name": "string",
                    "extension": [{"url": PATH, "valueString": f"Patient.name[0].given[{n}]"}],
                    "valueString": given,
                }
                for n, given in enumerate(("Ann", "Bea"))
            ],
        }
    ]
    assert await parts(client, "name", NAMED) == [{"name": "HumanName", "valueHumanName": NAMED["name"][0]}]
    assert await parts(client, "$this.ofType(Patient)", NAMED) == [{"name": "Patient", "resource": NAMED}]
    assert await parts(client, "photo", NAMED) == []


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("1 + 1", {"name": "integer", "valueInteger": 2}),
        ("1.50", {"name": "decimal", "valueDecimal": 1.5}),
        ("1 = 1", {"name": "boolean", "valueBoolean": True}),
        ("'a' & 'b'", {"name": "string", "valueString": "ab"}),
        ("@2020-02", {"name": "date", "valueDate": "2020-02"}),
        ("@T10:00:00", {"name": "time", "valueTime": "10:00:00"}),
        ("@T10", {"name": "time"}),
        ("@2020-02-03T10:00:00Z", {"name": "dateTime", "valueDateTime": "2020-02-03T10:00:00Z"}),
        ("''", {"name": "string"}),
        (
            "4 'mg'",
            {
                "name": "Quantity",
                "valueQuantity": {"value": 4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
            },
        ),
    ],
)
async def test_values_of_the_language(client: Client, expression: str, part: dict[str, Any]) -> None:
    assert await parts(client, expression) == [part]


async def test_what_no_value_can_hold_is_told_as_json(client: Client) -> None:
    sent = patient(contact=[{"name": {"text": "Bo"}}])
    (result,) = (await client.post("$fhirpath", call(sent, "contact")))["parameter"]
    assert result["part"] == [
        {
            "name": "Patient.contact",
            "extension": [
                {"url": PATH, "valueString": "Patient.contact[0]"},
                {"url": JSON, "valueString": '{"name":{"text":"Bo"}}'},
            ],
        }
    ]


async def test_context_and_several_expressions(client: Client) -> None:
    two = patient(name=[{"family": "Adler"}, {"family": "Berg"}])
    answer = await client.post("$fhirpath", call(two, "family", context="name"))
    assert [(one["valueString"], one["part"][0]["valueString"]) for one in answer["parameter"]] == [
        ("Patient.name[0]", "Adler"),
        ("Patient.name[1]", "Berg"),
    ]
    answer = await client.post("$fhirpath", call(two, "name.count()", "id"))
    assert [one["part"][0]["valueString"] for one in answer["parameter"]] == ["name.count()", "id"]
    assert [one["part"][1].get("part") for one in answer["parameter"]] == [
        [{"name": "integer", "valueInteger": 2}],
        None,
    ]


async def test_stored_resources_and_bare_bodies(client: Client) -> None:
    await client.put("Patient/a", patient("a"))
    assert (await client.get("Patient/a/$fhirpath?expression=id"))["parameter"][0]["part"][0]["valueId"] == "a"
    bare = await client.post("Patient/$fhirpath?expression=name.family", NAMED)
    assert bare["parameter"][0]["part"][0]["valueString"] == "Adler"
    assert (await client.fails("GET", "Patient/b/$fhirpath?expression=id")).status == 404


async def test_references_lead_to_what_is_stored(client: Client) -> None:
    await client.put("Organization/o", {"resourceType": "Organization", "id": "o", "name": "Ward"})
    await client.put("Patient/a", patient("a", managingOrganization={"reference": "Organization/o"}))
    of = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "Patient/a"}}
    assert await parts(client, "subject.resolve().managingOrganization.resolve().name", of) == [
        {"name": "string", "valueString": "Ward"}
    ]
    gone = {**of, "subject": {"reference": "Patient/none"}}
    assert await parts(client, "subject.resolve()", gone) == []


async def test_terminology_and_profiles_answer(client: Client) -> None:
    await client.put("CodeSystem/colours", COLOURS)
    coded = {
        "resourceType": "Basic",
        "code": {"coding": [{"system": COLOURS["url"], "code": code} for code in ("crimson",)]},
        "extension": [{"url": "http://x", "valueCoding": {"system": COLOURS["url"], "code": "red"}}],
    }
    yes, no = ([{"name": "boolean", "valueBoolean": answer}] for answer in (True, False))
    assert await parts(client, "extension.value.subsumes(%resource.code)", coded) == yes
    assert await parts(client, "extension.value.subsumedBy(%resource.code)", coded) == no
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert await parts(client, f"gender.memberOf('{url}')", patient(gender="female")) == yes
    assert await parts(client, "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", NAMED) == yes


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (call(NAMED), "required"),
        (call(NAMED, *["id"] * 21), "required"),
        (call(NAMED, "name.("), "invalid"),
        (call(NAMED, "nonsense()"), "invalid"),
        (call(NAMED, "name.given.single()"), "invalid"),
        (call(NAMED, "'" + "x" * 1_000_000 + "'"), "too-costly"),
        (call(NAMED, "repeat(name)" + ".select($this | $this)" * 5 + "(" * 500), "invalid"),
        (call(NAMED, "(1|2|3|4|5|6|7|8|9)" + ".select(1|2|3|4|5|6|7|8|9)" * 2 + ".repeat($this + 1)"), "too-costly"),
        (call(patient(gender="x"), "id"), "code-invalid"),
        ({**call(NAMED), "parameter": [{"name": n, "valueString": "id"} for n in ("expression", "resource")]}, "value"),
        (call(NAMED, "conformsTo('http://example.org/unknown')"), "invalid"),
    ],
)
async def test_wrong_calls_are_400(client: Client, sent: dict[str, Any], code: str) -> None:
    error = await client.fails("POST", "$fhirpath", sent)
    assert (error.status, [issue.code for issue in error.issues]) == (400, [code])


@pytest.mark.parametrize("expression", ["name.given", "name.family.select(%resource)", "descendants()"])
async def test_results_are_bounded(client: Client, expression: str) -> None:
    many = patient(name=[{"family": "x" * 10_000, "given": ["y"] * 20} for _ in range(60)])
    error = await client.fails("POST", "$fhirpath", call(many, expression))
    assert [issue.code for issue in error.issues] == ["too-costly"]
