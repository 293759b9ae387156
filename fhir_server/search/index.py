"""What a resource can be found by: its index entries.

http://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.dates import DateError
from fhir_server.outcome import Invalid
from fhir_server.search.compile import extractor
from fhir_server.search.query import IndexEntry


def extract(resource: Mapping[str, Any], base: str = "") -> list[IndexEntry]:
    """The entries of a structurally valid resource, for all its search parameters; the same one may come twice.

    `_id` and `_lastUpdated` have none: they are columns of every store. With `base`, this server's base URL, absolute
    references below it are local ones. Contained resources are not indexed. Raises Invalid for a date that the calendar
    does not have (1980-02-31), with its place.
    """
    try:
        return extractor(resource["resourceType"])(resource, base)
    except DateError as error:
        place = next(_places(resource, error.text, resource["resourceType"]), resource["resourceType"])
        raise Invalid(str(error), expression=place, code="value") from error


def _places(value: Any, text: str, path: str) -> Iterator[str]:
    """The FHIRPaths at which `text` stands."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from _places(child, text, f"{path}.{name}")
    elif isinstance(value, list):
        for n, child in enumerate(value):
            yield from _places(child, text, f"{path}[{n}]")
    elif value == text:
        yield path
