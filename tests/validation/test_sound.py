"""What is accepted at a glance has no error, and most of what is right is accepted so.

http://hl7.org/fhir/R4/validation.html
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.validation import check
from fhir_server.validation.codes import CoreCodes
from fhir_server.validation.profiles.registry import Profiles
from fhir_server.validation.tiers import Validator
from tests.conformance.synthea import demo, everybody
from tests.validation.test_official_examples import EXAMPLES, us_core, us_core_validator

Json = dict[str, Any]
ELSEWHERE: Final = frozenset({"Bundle", "Parameters", "QuestionnaireResponse"})
"""Always walked, as is what has a canonical URL."""


def _refused(validator: Validator, resource: Json, asked: Sequence[str] = ()) -> bool:
    return any(issue.severity in ("error", "fatal") for issue in validator.further(resource, asked))


def _share(validator: Validator, resources: Iterable[Json]) -> float:
    """The share of what is right that is accepted; nothing is accepted that is refused."""
    accepted = right = 0
    for resource in resources:
        if check(resource):
            continue
        sound, refused = validator.sound(resource), _refused(validator, resource)
        assert not (sound and refused), resource.get("id")
        accepted, right = accepted + sound, right + (not refused)
    print(f"{accepted} of {right} accepted at a glance")  # noqa: T201 - a figure to look at
    return accepted / right


def _clinical(resources: Iterable[Json]) -> list[Json]:
    return [r for r in resources if "url" not in r and r["resourceType"] not in ELSEWHERE]


def test_examples_of_r4_slice(examples: Mapping[str, Json]) -> None:
    part = [r for n, r in enumerate(examples.values()) if n % 15 == 0]
    assert _share(Validator(Profiles(), CoreCodes(), lambda *_: None), _clinical(part)) > 0.85


@pytest.mark.slow
def test_examples_of_r4(examples: Mapping[str, Json]) -> None:
    _share(Validator(Profiles(), CoreCodes(), lambda *_: None), examples.values())


@pytest.mark.parametrize("version", EXAMPLES)
def test_examples_of_us_core(version: str) -> None:
    examples = [r for name, r in us_core(version).items() if name.startswith("example/")]
    assert _share(us_core_validator(version), _clinical(examples)) > 0.9


def _synthea(bundles: Iterable[tuple[str, bytes]]) -> Iterator[Json]:
    for _, raw in bundles:
        yield from (entry["resource"] for entry in json.loads(raw)["entry"])


def test_synthea_slice() -> None:
    resources = [r for n, r in enumerate(_synthea(demo())) if n % 3 == 0]
    assert _share(Validator(Profiles(), CoreCodes(), lambda *_: None), resources) == 1
    assert _share(us_core_validator("3.1.1"), resources) > 0.95


@pytest.mark.slow
def test_synthea() -> None:
    resources = [
        r for n, r in enumerate(_synthea(everybody())) if n % 6 == 0
    ]  # the walk, twice, is what takes the time
    assert _share(Validator(Profiles(), CoreCodes(), lambda *_: None), resources) > 0.99
    assert _share(us_core_validator("6.1.0"), resources) > 0.95


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, name or index) of everything in a tree."""
    for name, child in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, name
        if isinstance(child, dict | list):
            yield from _places(child)


def _changed(resource: Json, data: st.DataObject) -> Json:
    """A copy in which something is left out, doubled, exchanged with something else or another text."""
    whole = deepcopy(resource)
    for _ in range(data.draw(st.integers(1, 3))):
        places = [(holder, name) for holder, name in _places(whole) if name not in ("resourceType", "div")]
        holder, name = data.draw(st.sampled_from(places))
        other, of_other = data.draw(st.sampled_from(places))
        change = data.draw(st.sampled_from(["leave out", "double", "exchange", "another text", "contained"]))
        if change == "leave out":
            del holder[name]
        elif change == "double" and isinstance(holder, list):
            holder.insert(name, deepcopy(holder[name]))
        elif change == "exchange" and type(holder[name]) is type(other[of_other]):
            holder[name] = deepcopy(other[of_other])
        elif change == "another text" and isinstance(holder[name], str):
            holder[name] = data.draw(st.sampled_from(["final", "http://acme.org/x", "Basic/1", "2020", "mg", "x"]))
        elif change == "contained" and name == "reference":
            holder[name] = "#here"
    return whole


@pytest.fixture(scope="module")
def sources() -> list[tuple[Validator, list[Json]]]:
    """What is changed: examples with their version of US Core, which are right, and Synthea's with R4's own profiles."""
    of_us_core = [
        (us_core_validator(version), [r for name, r in us_core(version).items() if name.startswith("example/")])
        for version in ("3.1.1", "6.1.0")
    ]
    own = Validator(Profiles(), CoreCodes(), lambda *_: None)
    pairs = [*of_us_core, (own, [r for n, r in enumerate(_synthea(demo())) if n % 5 == 0])]
    return [(validator, [r for r in _clinical(some) if len(str(r)) < 8_000]) for validator, some in pairs]


@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_change_that_is_refused_is_never_accepted(
    sources: list[tuple[Validator, list[Json]]], data: st.DataObject
) -> None:
    validator, resources = data.draw(st.sampled_from(sources))
    changed = _changed(data.draw(st.sampled_from(resources)), data)
    if not check(changed) and validator.sound(changed):
        assert not _refused(validator, changed)
