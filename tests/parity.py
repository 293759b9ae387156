"""The same tests on every kind of store: checked whenever tests are collected, and shown as a table after a run.

`make parity` writes the table into examples/stores.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

STORE = "store"
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mongodb": "MongoDB"}
BEGIN, END = "<!-- parity: begin -->", "<!-- parity: end -->"

Passed = Mapping[str, Mapping[str, int]]
"""How many tests of each suite passed on each kind of store."""


def note(items: Iterable[pytest.Item], kinds: list[str]) -> list[str]:
    """Each test says in its report which kind of store it ran on; returns those that do not run on all kinds."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        parameters = dict(item.callspec.params)
        kind = parameters.pop("stores", None)
        if kind is not None:
            item.user_properties.append((STORE, str(kind)))
            found[f"{item.location[0]}::{item.originalname} {sorted(map(repr, parameters.items()))}"].add(str(kind))
    return [name for name, on in found.items() if on != set(kinds)]


def passed(reports: Iterable[pytest.TestReport]) -> Passed:
    """The tests that passed, by suite (the folder) and kind."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for report in reports:
        kind = dict(report.user_properties).get(STORE)
        if kind is not None and report.when == "call":
            place = Path(report.nodeid.partition("::")[0])
            found[str(place if place.parent.name == "tests" else place.parent)][str(kind)] += 1
    return found


def table(found: Passed, kinds: list[str]) -> str:
    """As Markdown."""
    head = ["tests that passed", *(NAMES[kind] for kind in kinds)]
    rows = [[f"`{suite}`", *(f"{found[suite].get(kind, 0):,}" for kind in kinds)] for suite in sorted(found)]
    rows.append(["all", *(f"{sum(each.get(kind, 0) for each in found.values()):,}" for kind in kinds)])
    lines = [head, ["---", *("---:" for _ in kinds)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(page: Path, text: str) -> None:
    """The table takes its place in the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
