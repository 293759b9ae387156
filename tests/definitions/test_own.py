"""This server's own definitions: they are valid by its own validator, and say what its operations do.

http://hl7.org/fhir/R4/operationdefinition.html
"""

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_server.definitions.own import by_canonical, own
from fhir_server.interactions import stored_query
from fhir_server.operations.registry import Operation
from fhir_server.routes import OPERATIONS
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.interactions.client import Client

Json = dict[str, Any]

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in (CHECKOUT / "profiles", CHECKOUT / "terminology", *CHECKOUT.glob("plugins/*/definitions"))
    for path in folder.rglob("*.json")
)
OURS = [operation for operation in OPERATIONS if not operation.definition.startswith("http://hl7.org/fhir/")]


def _validator() -> Validator:
    """Knows R4 and all of these files."""
    there = [json.loads(path.read_text()) for path in FILES]

    def find(type_: str, canonical: str) -> Json | None:
        url = canonical.partition("|")[0]
        return next((r for r in there if r["resourceType"] == type_ and r.get("url") == url), None)

    return Validator(Profiles(lambda canonical: find("StructureDefinition", canonical)), CoreCodes(), find)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_a_definition_is_valid(path: Path) -> None:
    resource = json.loads(path.read_text())
    issues = _validator().issues(resource, best_practice=True)
    assert [(i.severity, i.text, i.expression) for i in issues if i.severity != "information"] == []
    assert path.stem == f"{resource['resourceType']}-{resource['id']}"


def test_the_check_can_fail() -> None:
    resource = json.loads(FILES[0].read_text())
    resource["parameter"][0]["type"] = "nonsense"
    del resource["code"]
    issues = _validator().issues(resource)
    assert {i.expression[0] for i in issues if i.severity == "error"} >= {"OperationDefinition.code"}


@pytest.mark.parametrize("operation", OURS, ids=lambda operation: operation.code)
def test_an_operation_of_ours_is_defined_as_it_is(operation: Operation) -> None:
    type_, _, id_ = by_canonical()[operation.definition].partition("/")
    found = own()[type_, id_]
    levels = {name: found[name] for name in ("system", "type", "instance")}
    assert levels == {"system": operation.system, "type": operation.type, "instance": operation.instance}
    assert (found["code"], found["affectsState"]) == (operation.code, operation.affects_state)
    assert tuple(found.get("resource", ())) == (operation.resource or ("Resource",))


EXTENSIONS = {stored_query.EXTENSION}


def test_every_definition_is_of_an_operation_or_an_extension_that_is_read() -> None:
    assert {*by_canonical()} == {operation.definition for operation in OURS} | EXTENSIONS


async def test_what_the_capability_statement_names_can_be_read(client: Client) -> None:
    rest = (await client.get("metadata"))["rest"][0]
    every = [*rest["operation"], *(each for resource in rest["resource"] for each in resource.get("operation", ()))]
    told = {each["definition"]: each["documentation"] for each in every if "documentation" in each}
    assert {*told} == {*by_canonical()} - EXTENSIONS
    for canonical, place in by_canonical().items():
        assert canonical in EXTENSIONS or told[canonical] == f"[{place}]({client.server.base_url}/{place})"
        found = await client.get(place)
        assert (found["url"], found["meta"]["versionId"]) == (canonical, "1")
    assert (await client.fails("GET", "OperationDefinition/fhir-server-none")).status == 404


async def test_what_is_stored_in_its_place_wins(client: Client) -> None:
    place = by_canonical()[OURS[0].definition]
    changed = {**(await client.get(place)), "title": "Another one"}
    await client.put(place, changed)
    assert (await client.get(place))["title"] == "Another one"
