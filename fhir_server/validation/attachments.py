"""Attachments that hold their data: the size that they state is the size that it has.

http://hl7.org/fhir/R4/datatypes.html#Attachment
"""

from collections.abc import Iterator, Mapping

from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue


def check(node: Node) -> Iterator[Issue]:
    """The issue of each attachment in a resource whose size is not that of its data."""
    for child in node.children():
        if child.type == "Attachment" and isinstance(child.value, Mapping):
            yield from _one(child)
        elif not child.primitive:
            yield from check(child)


def _one(node: Node) -> Iterator[Issue]:
    data, stated = node.value.get("data"), node.value.get("size")
    if not isinstance(data, str) or not isinstance(stated, int):
        return
    plain = "".join(data.split())
    actual = len(plain) * 3 // 4 - plain[-2:].count("=")
    if actual != stated:
        yield Issue("structure", f"size says {stated} bytes; the data has {actual}", (f"{node.path}.size",))
