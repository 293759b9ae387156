"""The official examples of R4, read once from their archive."""

import json
import tarfile
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
import pytest

from tests.conformance_data import require

Json = dict[str, Any]


@cache
def _read() -> Mapping[str, Json]:
    found: dict[str, Json] = {}
    with tarfile.open(require("r4-examples", "r4-examples-json.tar.xz")) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and member.name.endswith(".json"):
                found[member.name.rpartition("/")[2]] = orjson.loads(content.read())
    return found


@pytest.fixture(scope="session")
def examples() -> Mapping[str, Json]:
    """File name → resource; the file that is no resource is left out."""
    faults = json.loads(require("r4-examples", "known-faults.json").read_text())
    return {name: r for name, r in sorted(_read().items()) if name not in faults["not_a_resource"]}
