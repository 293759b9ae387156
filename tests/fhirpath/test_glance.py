"""A glance never says anything else than the evaluation.

http://hl7.org/fhirpath/N1/#boolean-logic
"""

from collections.abc import Iterator
from typing import Any

import pytest

from fhir_server.definitions import definitions
from fhir_server.fhirpath import FhirPathError, types
from fhir_server.fhirpath import compile as compiled
from fhir_server.fhirpath.glance import glance
from fhir_server.fhirpath.node import Node, root
from fhir_server.fhirpath.scope import truth
from fhir_server.formats import json
from fhir_server.validation import structure
from tests.formats.examples import json_examples

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "active": True,
    "_gender": {"id": "x"},
    "name": [{"family": "#1"}],
}


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("active.exists()", True),
        ("gender.exists()", True),
        ("gender.hasValue()", None),
        ("birthDate.hasValue()", False),
        ("birthDate.empty()", True),
        ("deceased.exists()", False),
        ("active.exists().not()", False),
        ("active.exists() and birthDate.exists()", False),
        ("birthDate.exists() or active.exists()", True),
        ("birthDate.exists() implies gender = 'male'", True),
        ("active.exists() xor birthDate.exists()", True),
        ("gender = 'male'", None),
        ("contact.name.where(family = 'x').empty()", True),
        ("contact.count() = 0", None),
        ("nonsense.empty()", None),
    ],
)
def test_what_a_glance_tells(expression: str, told: bool | None) -> None:
    found = glance(compiled(expression).parsed, "Patient")
    assert (None if found is None else found(PATIENT)) is told


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from _nodes(child)


def test_it_agrees_with_the_evaluation_on_all_official_examples() -> None:
    stated = {t: [c for c in cs if "htmlChecks" not in c.expression] for t, cs in definitions().constraints.items()}
    agreed = 0
    for raw in list(json_examples().values())[::7]:
        example = json.parse(raw).plain
        if len(raw) > 100_000 or structure.check(example):
            continue
        for node in _nodes(root(example)):
            if not isinstance(node.value, dict) or not types.known(node.type):
                continue
            for constraint in stated.get(node.type.partition(".")[0], ()):
                if constraint.path != node.type:
                    continue
                expression = compiled(constraint.expression)
                seen = glance(expression.parsed, node.type)
                told = None if seen is None else seen(node.value)
                if told is None:
                    continue
                try:
                    evaluated = truth(expression.evaluate(node), "")
                except FhirPathError:
                    continue
                assert told is evaluated, (constraint, node)
                agreed += 1
    assert agreed > 1_000
