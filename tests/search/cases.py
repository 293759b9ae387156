"""The specification's search examples as data: tests/cases/search/*.yaml, named by section."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fhir_server.model import Key

FOLDER = Path(__file__).resolve().parent.parent / "cases" / "search"
BASE = "http://example.org/fhir"


@dataclass(frozen=True)
class Case:
    """A query on resources and what it must give: the ids of the matches, or the status of the refusal."""

    id: str
    resources: tuple[dict[str, Any], ...]
    type: str
    query: str
    expect: frozenset[str] | int

    @property
    def matches(self) -> set[Key]:
        assert not isinstance(self.expect, int)
        return {Key(*name.split("/")) if "/" in name else Key(self.type, name) for name in self.expect}


def cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.yaml")) for case in _cases(path)]


def _cases(path: Path) -> list[Case]:
    """A file holds groups; a group holds resources and the queries on them: `Type?query: [ids]` or `Type?query: 400`."""
    found = []
    for group in yaml.safe_load(path.read_text()):
        resources = tuple(_resource(name, body or {}) for name, body in group["resources"].items())
        for url, expect in group["queries"].items():
            type_, _, query = url.partition("?")
            right = expect if isinstance(expect, int) else frozenset(map(str, expect))
            found.append(Case(f"{path.stem}: {url}", resources, type_, query, right))
    return found


def _resource(name: str, body: dict[str, Any]) -> dict[str, Any]:
    type_, _, id_ = name.partition("/")
    return {"resourceType": type_, "id": id_, **body}
