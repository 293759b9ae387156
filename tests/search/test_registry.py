"""The search parameters in force: a value that can be exchanged, and what hangs on it."""

from typing import Any

import pytest

from fhir_server.definitions import SearchParameter
from fhir_server.model import now
from fhir_server.outcome import BadRequest
from fhir_server.search.index import extract
from fhir_server.search.parameters import includes, parameters, revincludes, stored, unavailable
from fhir_server.search.parse import parse
from fhir_server.search.query import IndexEntry, Reference, String
from fhir_server.search.registry import R4, Added, Registry, registry, under
from fhir_server.settings import Settings

MAIDEN = "Patient.extension.where(url = 'http://example.org/maiden').value.as(string)"
GUARD = "Patient.extension.where(url = 'http://example.org/guard').value.as(Reference)"


def added(code: str, expression: str, *base: str, type_: str = "string", ready: bool = True) -> Added:
    definition = SearchParameter(code, f"http://example.org/{code}", base or ("Patient",), type_, expression)
    return Added(definition, f"SearchParameter/{code}", 1, ready=ready)


def kept(code: str, resource: dict[str, Any]) -> list[IndexEntry]:
    return [entry for entry in extract(resource) if entry.param == code]


PATIENT = {
    "resourceType": "Patient",
    "extension": [{"url": "http://example.org/maiden", "valueString": "Ångström"}],
}


def test_an_added_parameter_is_searched_and_indexed_by_under_its_registry_alone() -> None:
    assert kept("maiden", PATIENT) == []
    with under(Registry((added("maiden", MAIDEN),))) as chosen:
        assert registry() is chosen
        assert kept("maiden", PATIENT) == [IndexEntry("maiden", String("angstrom", "Ångström"))]
        assert set(parameters("Patient")) - {"maiden"} == set(R4.defined("Patient")) & set(parameters("Patient"))
        assert "maiden" in parameters("Patient")
        assert "maiden" not in parameters("Observation")
    assert registry() is R4
    assert kept("maiden", PATIENT) == []
    assert "maiden" not in parameters("Patient")


def test_what_is_not_ready_is_indexed_but_not_searched_by() -> None:
    with under(Registry((added("maiden", MAIDEN, ready=False),))) as chosen:
        chosen.progress = "3 of 7"
        assert len(kept("maiden", PATIENT)) == 1
        assert "maiden" not in parameters("Patient")
        assert unavailable("Patient", "maiden") == "it is being indexed and cannot be searched by yet (3 of 7)"


def test_repeated_searches_are_understood_by_the_registry_in_force() -> None:
    asked = {"settings": Settings(), "now": now(), "handling": "strict"}
    with pytest.raises(BadRequest):
        parse("Patient", [("maiden", "x")], **asked)  # type: ignore[arg-type]
    with under(Registry((added("maiden", MAIDEN),))):
        assert parse("Patient", [("maiden", "x")], **asked).used == (("maiden", "x"),)  # type: ignore[arg-type]
    with pytest.raises(BadRequest):
        parse("Patient", [("maiden", "x")], **asked)  # type: ignore[arg-type]


def test_how_far_indexing_is_comes_fresh_with_every_search() -> None:
    asked = {"settings": Settings(), "now": now(), "handling": "lenient"}
    with under(Registry((added("maiden", MAIDEN, ready=False),))) as chosen:
        for chosen.progress in ("1 of 2", "2 of 2"):
            ((_, reason),) = parse("Patient", [("maiden", "x")], **asked).ignored  # type: ignore[arg-type]
            assert chosen.progress in reason


def test_r4s_parameters_never_use_the_entries_of_others() -> None:
    """A short code for R4's own elements would otherwise give its name to them."""
    before = {code: p.stored for code, p in parameters("Patient").items()}
    with under(Registry((added("b", "Patient.birthDate", type_="date"), added("c", MAIDEN), added("d", MAIDEN)))):
        after = {code: p.stored for code, p in parameters("Patient").items()}
        assert {code: after[code] for code in before} == before
        assert {code: after[code] for code in after.keys() - before} == {
            "b": ("birthdate",),
            "c": ("c",),
            "d": ("d",),
        }
        assert {"c", "d"} == set(stored("Patient")) - before.keys()


def test_what_r4s_entries_hold_already_is_ready_at_once() -> None:
    with under(Registry((added("b", "Patient.birthDate", type_="date", ready=False),))):
        assert parameters("Patient")["b"].stored == ("birthdate",)


def test_an_added_parameter_does_not_take_the_place_of_one_of_r4() -> None:
    with under(Registry((added("birthdate", MAIDEN),))):
        assert parameters("Patient")["birthdate"].definition.url.startswith("http://hl7.org/fhir/SearchParameter/")


def test_parameters_of_resource_are_those_of_every_type() -> None:
    with under(Registry((added("lang2", "Resource.language", "Resource", type_="token"),))):
        assert parameters("Bundle")["lang2"].type == parameters("Patient")["lang2"].type == "token"


def test_includes_follow() -> None:
    guarded = {"extension": [{"url": "http://example.org/guard", "valueReference": {"reference": "Practitioner/1"}}]}
    with under(Registry((added("guard", GUARD, type_="reference"),))):
        assert "Patient:guard" in includes("Patient")
        assert "Patient:guard" in revincludes("Practitioner")
        (entry,) = kept("guard", {"resourceType": "Patient", **guarded})
        assert entry == IndexEntry("guard", Reference("Practitioner", "1"))
    assert "Patient:guard" not in revincludes("Practitioner")
