"""Conformance and knowledge resources: the URL that identifies them is absolute, and a UUID in it is one.

http://hl7.org/fhir/R4/resource.html#canonical and http://hl7.org/fhir/R4/datatypes.html#uri
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from fhir_server.definitions import definitions
from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue

_UUID: Final = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_A_THING: Final = frozenset({"Device", "DeviceDefinition"})
"""Their `url` is a place where to reach the thing."""


@cache
def canonical_type(type_: str) -> bool:
    """Whether resources of this type are known by a canonical URL."""
    if not definitions().is_resource(type_) or type_ in _OF_A_THING:
        return False
    return any(element.name == "url" for element in definitions().elements(type_).values())


def uuid_fault(uri: str) -> str:
    """What is wrong with a `urn:uuid:`; "" for a good one, and for any other URI."""
    if uri[:9].lower() != "urn:uuid:" or _UUID.fullmatch(uri):
        return ""
    return f"{uri[:100]!r} is no UUID: urn:uuid: and 8-4-4-4-12 hexadecimal digits in lower case"


def check(node: Node) -> Iterator[Issue]:
    """The issues of a resource's canonical URL, and of the code systems that a value set takes codes of."""
    yield from _absolute(node.value.get("url"), f"{node.path}.url")
    if node.type == "ValueSet":
        for part in node.child("compose"):
            for name in ("include", "exclude"):
                for one in part.child(name):
                    yield from _absolute(one.value.get("system"), f"{one.path}.system")


def _absolute(url: object, path: str) -> Iterator[Issue]:
    if not isinstance(url, str):
        return
    wrong = uuid_fault(url)
    if wrong:
        yield Issue("invalid", wrong, (path,))
    elif ":" not in url:
        yield Issue("invalid", f"{url[:100]!r} is relative; an absolute URI is needed here", (path,))
