"""FHIRPath on R4's invariants over the Synthea set; beside fhirpathpy where it is on the path.

    python -m benchmarks.fhirpath [--every 40]
    PYTHONPATH=$PWD:/a/venv/lib/python3.11/site-packages python -m benchmarks.fhirpath   # with fhirpathpy 2.2.4 in it

Both evaluate the same expressions on the same elements, compiled beforehand. "One by one" is each expression by itself;
"as validation does" are the tiers that writes go through, structure included, which see most answers at a glance. CPU time.
"""

import argparse
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib import import_module
from time import process_time
from typing import Any, NamedTuple

import orjson

from benchmarks.data import bundles
from fhir_server.definitions import definitions
from fhir_server.fhirpath import Environment, FhirPathError, Node, root, types
from fhir_server.fhirpath import compile as compiled
from fhir_server.validation import invariants, structure

fhirpathpy: Any = None
models: Any = None
with suppress(ImportError):
    fhirpathpy, models = import_module("fhirpathpy"), import_module("fhirpathpy.models").models


class Question(NamedTuple):
    """An invariant and an element that it is asked of."""

    resource: Mapping[str, Any]
    node: Node
    expression: str


def resources(every: int) -> Iterator[dict[str, Any]]:
    """Every so-many-th resource."""
    number = 0
    for raw in bundles():
        for entry in orjson.loads(raw).get("entry", ()):
            if number % every == 0:
                yield entry["resource"]
            number += 1


def questions(resource: Mapping[str, Any]) -> list[Question]:
    """All that validation has to answer for a resource."""
    return [
        Question(resource, node, text) for node, path in _elements(root(resource)) for text in _rules(node.type, path)
    ]


def _elements(node: Node, path: str = "") -> Iterator[tuple[Node, str]]:
    """A node and all below it, with the paths that their definitions have."""
    yield node, path or node.type
    for child in node.children():
        element = types.element(node.type, child.key)
        yield from _elements(child, "" if element is None or element.type == "Resource" else element.path)


@cache
def _rules(type_: str, path: str) -> tuple[str, ...]:
    """All invariants of a type, of what it specializes, and of the place."""
    found: dict[str, str] = {}
    current: str | None = type_
    while current is not None:
        found |= {c.key: c.expression for c in definitions().constraints.get(current, ()) if c.path == current}
        current = definitions().base(current) if types.known(current) else None
    found |= {c.key: c.expression for c in definitions().constraints.get(path.partition(".")[0], ()) if c.path == path}
    return tuple(found.values())


def ours(asked: list[Question]) -> Callable[[int], object]:
    environment = Environment(html_checks=lambda _: True)
    ready = [(compiled(q.expression), q.node) for q in asked]

    def run(at: int) -> object:
        expression, node = ready[at]
        try:
            return expression.holds(node, environment=environment)
        except FhirPathError:
            return "error"

    return run


def theirs(asked: list[Question]) -> Callable[[int], object]:
    made: dict[str, Any] = {}
    for q in asked:
        if q.expression not in made:
            try:
                made[q.expression] = fhirpathpy.compile(q.expression, models["r4"])
            except Exception:  # noqa: BLE001 - whatever it does not understand is left out
                made[q.expression] = None

    def run(at: int) -> object:
        q = asked[at]
        evaluate = made[q.expression]
        if evaluate is None:
            return "error"
        try:
            found = evaluate(q.node.value, {"resource": q.resource, "rootResource": q.resource})
        except Exception:  # noqa: BLE001
            return "error"
        return not found or found[0] is not False

    return run


def validated(resource: Mapping[str, Any], environment: Environment) -> None:
    """The two tiers that see to R4's invariants; the first one looks at everything else, too."""
    structure.check(resource)
    list(invariants.check(root(resource), environment, best_practice=True))


def spent(run: Callable[[int], object], numbers: list[int]) -> float:
    """CPU seconds."""
    began = process_time()
    for number in numbers:
        run(number)
    return process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="FHIRPath on R4's invariants")
    parser.add_argument("--every", type=int, default=400, help="one resource of so many")
    sample = list(resources(parser.parse_args().every))
    asked = [q for resource in sample for q in questions(resource)]
    numbers = list(range(len(asked)))
    mine = ours(asked)
    spent(mine, numbers)  # compiled, caches filled
    print(f"{len(sample):,} resources, {len(asked):,} questions, {len({q.expression for q in asked})} expressions")
    own = spent(mine, numbers)
    _line("this engine, one by one", own, len(asked), len(sample))
    environment = Environment(html_checks=lambda _: True)
    for resource in sample:
        validated(resource, environment)
    began = process_time()
    for resource in sample:
        validated(resource, environment)
    walk = process_time() - began
    _line("this engine, as validation does", walk, len(asked), len(sample))
    if fhirpathpy is None:
        print("fhirpathpy is not here: see the head of this file")
        return
    other = theirs(asked)
    with redirect_stdout(io.StringIO()):  # where its trace() goes
        understood = [n for n in numbers if other(n) != "error"]
        other_time, own = spent(other, understood), spent(mine, understood)
        same = sum(mine(n) == other(n) for n in understood)
    _line("fhirpathpy", other_time, len(understood), len(sample))
    print(
        f"of its {len(understood):,} answers {same:,} are ours; {len(asked) - len(understood):,} questions it cannot answer"
    )
    each = other_time / len(understood) / (walk / len(asked))
    print(f"ratio on these: {other_time / own:.1f} one by one; a question, as validation does, on all: {each:.1f}")


def _line(what: str, seconds: float, number: int, resources: int) -> None:
    print(
        f"{what:34}{seconds:8.3f} s  {seconds / number * 1e6:8.1f} µs a question  {seconds / resources * 1e3:8.2f} ms a resource"
    )


if __name__ == "__main__":
    main()
