"""The official R4 examples in JSON and XML, from the conformance data."""

import json
import tarfile
from functools import cache
from typing import Any

from fhir_server.formats import json as fhir_json
from tests.conformance_data import require

NOT_A_RESOURCE = "package-min-ver"


@cache
def _archive(name: str) -> dict[str, bytes]:
    found = {}
    with tarfile.open(require("r4-examples", name)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file:
                found[member.name.partition("/")[2]] = file.read()
    return found


def json_examples() -> dict[str, bytes]:
    """Name without .json → the 2,905 JSON examples that are resources."""
    named = {name.removesuffix(".json"): raw for name, raw in _archive("r4-examples-json.tar.xz").items()}
    return {name: raw for name, raw in sorted(named.items()) if name != NOT_A_RESOURCE}


def pairs() -> dict[str, tuple[bytes, bytes]]:
    """Name → the same example in JSON and in XML."""
    files = _archive("r4-examples-xml.tar.xz")
    names = [name[len("xml/") : -len(".xml")] for name in sorted(files) if name.startswith("xml/")]
    return {name: (files[f"json/{name}.json"], files[f"xml/{name}.xml"]) for name in names}


def schemas() -> dict[str, bytes]:
    """File name → XSD."""
    return {name.partition("/")[2]: raw for name, raw in _archive("r4-schemas.tar.xz").items() if name.endswith(".xsd")}


def listed(file: str) -> Any:
    """pairs.json or known-faults.json."""
    return json.loads(require("r4-examples", file).read_bytes())


def ordered(node: Any) -> Any:
    """The same tree with the members of objects sorted: the order of JSON members says nothing."""
    if isinstance(node, dict):
        return {name: ordered(node[name]) for name in sorted(node)}
    return [ordered(item) for item in node] if isinstance(node, list) else node


def canonical(tree: Any) -> bytes:
    """Bytes that are equal where two resources are: members sorted, numbers in their digits."""
    return fhir_json.dumps(ordered(tree))
