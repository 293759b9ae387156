"""What the CapabilityStatement says of searches is true: all that it lists works, and what it does not list is refused.

http://hl7.org/fhir/R4/capabilitystatement.html
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.definitions import definitions
from tests.http.site import site
from tests.http.wire import Wire
from tests.stores import NewFolder

MODIFIERS = ("missing", "exact", "contains", "text", "not", "above", "below", "in", "not-in", "of-type", "identifier")
VALUES = {
    "string": "x",
    "token": "x",
    "uri": "http://example.org/x",
    "reference": "x",
    "date": "2013",
    "number": "1",
    "quantity": "1",
}
SPECIAL = {"_filter": "_id eq x", "near": "1|2", "_text": "x", "_content": "x"}
MODIFIED = {
    "missing": "true",
    "in": "http://hl7.org/fhir/ValueSet/administrative-gender",
    "not-in": "http://hl7.org/fhir/ValueSet/administrative-gender",
    "of-type": "s|c|x",
    "above": "http://hl7.org/fhir/administrative-gender|male",
    "below": "http://hl7.org/fhir/administrative-gender|male",
}
TYPES = definitions().resource_types
SLICE = ("Patient", "Observation", "Encounter", "Location", "ValueSet", "Bundle", "Composition", "Binary")
SLOW = [pytest.param(type_, marks=[] if type_ in SLICE else [pytest.mark.slow]) for type_ in TYPES]

Statement = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def wire(new_folder: NewFolder) -> Iterator[Wire]:
    with site(new_folder("capabilities")) as client, Wire(client.base_url.port or 0) as wire:
        yield wire


@pytest.fixture(scope="module")
def statement(wire: Wire) -> Statement:
    told = wire.request("GET", "/fhir/metadata").json()["rest"][0]["resource"]
    return {resource["type"]: resource for resource in told}


def asked(wire: Wire, type_: str, name: str, value: str) -> tuple[int, str]:
    """The status, and the issue code of what is refused."""
    answer = wire.request("GET", f"/fhir/{type_}?{quote(name)}={quote(value)}&_count=1", Prefer="handling=strict")
    if answer.status == 200:
        return 200, ""
    (issue,) = answer.json()["issue"]
    assert issue["severity"] == "error"
    assert issue["expression"] == [f"http.{name}"], answer.body
    return answer.status, issue["code"]


def listed(parameter: dict[str, str]) -> list[str]:
    """The modifiers that its documentation lists."""
    found = re.search(r"\(modifiers: ([^)]*)\)$", parameter["documentation"])
    return [each.removeprefix(":") for each in found[1].split(", ")] if found else []


def plain(parameter: dict[str, str], type_: str) -> str:
    name = parameter["name"]
    if parameter["type"] == "composite":
        components = definitions().search_parameters(type_)[name].components
        parts = [definitions().all_search_parameters[each.definition] for each in components]
        return "$".join(VALUES[part.type] for part in parts)
    return SPECIAL.get(name) or VALUES[parameter["type"]]


@pytest.mark.parametrize("type_", SLOW)
def test_parameters_and_modifiers(type_: str, wire: Wire, statement: Statement) -> None:
    wrong: dict[str, Any] = {}
    told = {parameter["name"]: parameter for parameter in statement[type_]["searchParam"]}
    for name, parameter in told.items():
        if asked(wire, type_, name, plain(parameter, type_)) != (200, ""):
            wrong[name] = asked(wire, type_, name, plain(parameter, type_))
        has = listed(parameter)
        for modifier in MODIFIERS:
            value = MODIFIED.get(modifier, plain(parameter, type_))
            if parameter["type"] in {"uri", "reference"} and modifier in {"above", "below"}:
                value = VALUES["uri"]
            right = (200, "") if modifier in has else (400, "not-supported")
            if (found := asked(wire, type_, f"{name}:{modifier}", value)) != right:
                wrong[f"{name}:{modifier}"] = found
        tried = TYPES if parameter["type"] == "reference" else ("Patient", "Group")
        types = {target for target in tried if asked(wire, type_, f"{name}:{target}", "x")[0] == 200}
        if bool(types) != ("[type]" in has):
            wrong[f"{name}:[type]"] = types
    for name in {*definitions().search_parameters(type_), "colour", "_query", "_score"} - set(told):
        if asked(wire, type_, name, "x") != (400, "not-supported"):
            wrong[name] = asked(wire, type_, name, "x")
    assert wrong == {}


@pytest.mark.parametrize("type_", SLOW)
def test_includes_and_revincludes(type_: str, wire: Wire, statement: Statement) -> None:
    wrong: dict[str, Any] = {}
    includes, back = (set(statement[type_].get(each, ())) for each in ("searchInclude", "searchRevInclude"))
    references = {
        f"{source}:{p.code}"
        for source in TYPES
        for p in definitions().search_parameters(source).values()
        if p.type == "reference"
    }
    others = {f"{type_}:{code}" for code in definitions().search_parameters(type_)} | {f"{type_}:colour"}
    if type_ not in SLICE[:2]:
        references &= {each for each in references if each.startswith((f"{type_}:", "Observation:", "Group:"))}
    for name, told, tried in (
        ("_include", includes, includes | references | others),
        ("_revinclude", back, back | references | others),
    ):
        for value in sorted(tried):
            right = (200, "") if value in told else (400, "not-supported")
            if (found := asked(wire, type_, name, value)) != right:
                wrong[f"{name}={value}"] = found
    assert wrong == {}
