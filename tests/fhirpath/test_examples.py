"""R4's own invariants on R4's own examples: each evaluates; those that an example breaks are in broken_invariants.json."""

import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_server import fhirpath
from fhir_server.definitions import Constraint, definitions
from fhir_server.fhirpath import Budget, Environment, Node
from tests.conformance_data import require

LARGEST = 200_000
BROKEN: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("broken_invariants.json").read_text())


def resources() -> Iterator[tuple[str, dict[str, Any]]]:
    with tarfile.open(require("r4-examples", "r4-examples-json.tar.xz")) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.size < LARGEST else None
            tree = json.loads(stream.read()) if stream and member.name.endswith(".json") else None
            if isinstance(tree, dict) and tree.get("resourceType") in definitions().resource_types:
                yield member.name.rpartition("/")[2], tree


def rules() -> dict[str, list[Constraint]]:
    """Type → the error-level constraints stated for it."""
    found = defaultdict(list)
    for constraints in definitions().constraints.values():
        for constraint in constraints:
            if constraint.severity == "error":
                found[constraint.path].append(constraint)
    return found


def below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from below(child)


def lineage(type_: str | None) -> Iterator[str]:
    while type_ is not None:
        yield type_
        type_ = definitions().base(type_)


def link_ids(tree: Any) -> Iterator[str]:
    """Every linkId of a Questionnaire, found without FHIRPath: que-2 forbids the same one twice."""
    if isinstance(tree, dict):
        if "linkId" in tree:
            yield tree["linkId"]
        tree = list(tree.values())
    for one in tree if isinstance(tree, list) else ():
        yield from link_ids(one)


@pytest.mark.slow
def test_only_the_listed_examples_break_an_invariant() -> None:
    stated, environment = rules(), Environment(html_checks=lambda _: True)
    expected = {(example, key) for key, known in BROKEN.items() for example in known["examples"]}
    broken, evaluated = set(), 0
    for name, resource in resources():
        if resource["resourceType"] == "Questionnaire" and max(Counter(link_ids(resource)).values(), default=0) > 1:
            expected.add((name, "que-2"))
        for node in below(fhirpath.root(resource)):
            for constraint in (one for type_ in lineage(node.type) for one in stated.get(type_, ())):
                evaluated += 1
                if not fhirpath.compile(constraint.expression).holds(
                    node, environment=environment, budget=Budget(seconds=10)
                ):
                    broken.add((name, constraint.key))
    assert evaluated > 1_000_000
    assert broken == expected
