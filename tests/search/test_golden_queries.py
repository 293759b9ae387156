"""The meaning of search by itself, no store and no HTTP: golden queries on 92,114 Synthea resources, by brute force."""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
import pytest

from fhir_server.search.parse import parse, query_string
from fhir_server.settings import Settings
from tests.conformance_data import require
from tests.search.evaluate import World

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
SEARCHED = {"Patient", "Observation", "Encounter", "Procedure", "Condition"}
QUERIES = [f"g{number:02}" for number in range(1, 25)]


def _resources() -> Iterator[dict[str, Any]]:
    """Those that the queries touch, under the ids that their entries' fullUrls hold."""
    with tarfile.open(require("synthea", "blaze-120.tar.xz")) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is None or not member.name.endswith(".json"):
                continue
            raw = file.read()
            found = orjson.loads(raw)
            places = {
                e["fullUrl"]: f"{e['resource']['resourceType']}/{e['fullUrl'][9:]}"
                for e in found["entry"]
                if "fullUrl" in e
            }
            for entry in found["entry"]:
                resource = entry["resource"]
                if resource["resourceType"] in SEARCHED:
                    _resolve(resource, places)
                    resource["id"] = entry["fullUrl"][9:]
                    yield resource


def _resolve(node: Any, places: dict[str, str]) -> None:
    if isinstance(node, dict):
        literal = node.get("reference")
        if isinstance(literal, str) and literal in places:
            node["reference"] = places[literal]
        for child in node.values():
            _resolve(child, places)
    elif isinstance(node, list):
        for child in node:
            _resolve(child, places)


@cache
def world() -> World:
    return World(_resources())


@pytest.mark.slow
@pytest.mark.xdist_group("golden-meaning")
@pytest.mark.parametrize("number", QUERIES)
def test_query_means_exactly_these(number: str) -> None:
    listed = json.loads(require("synthea", "golden-queries.json").read_text())["queries"]
    (query,) = [each for each in listed if each["id"] == number]
    request = parse(query["path"], tuple(query_string(query["query"])), settings=Settings(), now=NOW)
    assert len(world().matches(request.query.where)) == query["expected"]
