"""Attachments that hold their data: the size that they state is the size that it has.

http://hl7.org/fhir/R4/datatypes.html#Attachment
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue


def check(node: Node) -> Iterator[Issue]:
    """The issue of an attachment whose size is not that of its data."""
    value: Mapping[str, Any] = node.value if isinstance(node.value, Mapping) else {}
    data, stated = value.get("data"), value.get("size")
    if not isinstance(data, str) or not isinstance(stated, int):
        return
    plain = "".join(data.split())
    actual = len(plain) * 3 // 4 - plain[-2:].count("=")
    if actual != stated:
        yield Issue("structure", f"size says {stated} bytes; the data has {actual}", (f"{node.path}.size",))


def glance(value: Mapping[str, Any]) -> bool:
    """Whether nothing can be wrong: no size is stated."""
    return "size" not in value
