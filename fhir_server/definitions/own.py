"""This server's own definitions: the conformance resources of profiles/own, which say what it adds to R4.

http://hl7.org/fhir/R4/operationdefinition.html
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from fhir_server.definitions.load import folder


@cache
def own() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """(resource type, id) → resource."""
    found = (orjson.loads(path.read_bytes()) for path in sorted(folder().with_name("own").glob("*.json")))
    return {(resource["resourceType"], resource["id"]): resource for resource in found}


@cache
def by_canonical() -> Mapping[str, str]:
    """Canonical → `OperationDefinition/[id]`."""
    return {str(resource["url"]): "/".join(key) for key, resource in own().items()}
