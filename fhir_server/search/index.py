"""What a resource can be found by: its index entries.

http://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhir_server.dates import DateError
from fhir_server.outcome import Invalid
from fhir_server.search.compile import extractor
from fhir_server.search.current_lists import MODE
from fhir_server.search.nested import FULL_URL
from fhir_server.search.prose import content_words, narrative_words
from fhir_server.search.query import Contained, IndexEntry, Prose, Token, Uri

LEADING = frozenset({"Composition", "MessageHeader"})
"""What Bundle's search parameters speak of, where it is in the first entry."""


def extract(resource: Mapping[str, Any], base: str = "") -> list[IndexEntry]:
    """The entries of a structurally valid resource, for all its search parameters; the same one may come twice.

    `_id` and `_lastUpdated` have none: they are columns of every store. With `base`, this server's base URL, absolute
    references below it are local ones. Each contained resource is one entry, with all that it is found by itself; so is
    what leads a Bundle. The words of all texts and of the narrative come last. Raises Invalid for a date that the calendar
    does not have (1980-02-31), with its place.
    """
    try:
        entries = extractor(resource["resourceType"])(resource, base)
        if "contained" in resource:
            entries += [_contained(each, base) for each in resource["contained"]]
        elif "entry" in resource and resource["resourceType"] == "Bundle":
            entries += _leading(resource["entry"], base)
        if resource["resourceType"] == "List" and "mode" in resource:
            entries.append(IndexEntry(MODE, Token("", resource["mode"])))
    except DateError as error:
        place = next(_places(resource, error.text, resource["resourceType"]), resource["resourceType"])
        raise Invalid(str(error), expression=place, code="value") from error
    if words := content_words(resource):
        entries.append(IndexEntry("_content", Prose(words)))
        if "text" in resource and (words := narrative_words(resource)):
            entries.append(IndexEntry("_text", Prose(words)))
    return entries


def _leading(entry: Sequence[Mapping[str, Any]], base: str) -> list[IndexEntry]:
    """A document's Composition or a message's MessageHeader, as if the Bundle contained it."""
    first = entry[0].get("resource") if entry else None
    if first is None or first["resourceType"] not in LEADING:
        return []
    url = entry[0].get("fullUrl")
    return [_contained(first, base, [] if url is None else [IndexEntry(FULL_URL, Uri(url))])]


def _contained(resource: Mapping[str, Any], base: str, more: Sequence[IndexEntry] = ()) -> IndexEntry:
    type_ = resource["resourceType"]
    entries = (*extractor(type_)(resource, base), *more)
    return IndexEntry("_contained", Contained(type_, resource.get("id", ""), entries))


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
