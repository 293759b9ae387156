"""Links between the entries of a transaction: what points to an entry's fullUrl comes to point to where it is stored.

http://hl7.org/fhir/R4/http.html#trules, http://hl7.org/fhir/R4/bundle.html#references

Replaced are Reference.reference, elements of type uri, url, oid and uuid that hold exactly a fullUrl (a fragment may
follow), and the targets of `<a href>` and `<img src>` in narratives; canonical elements are not, nor is any other text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from typing import Any, Final

from fhir_server.definitions import definitions

Container = dict[str, Any] | list[Any]

_REPLACED: Final = frozenset({"uri", "url", "oid", "uuid"})
_OF_REFERENCE: Final = frozenset(
    {"reference", "type", "identifier", "display", "id", "extension", "_reference", "_type", "_display"}
)
_TAG: Final = re.compile(r"""<(?:a|img)\s(?:[^"'<>]|"[^"<]*"|'[^'<]*')*>""")
_TARGET: Final = re.compile(r"""(\s(?:href|src)\s*=\s*)(?:"([^"]*)"|'([^']*)')""")
_VERSIONED: Final = re.compile(r"(.+)/_history/[A-Za-z0-9\-.]{1,64}")
_RESTFUL: Final = re.compile(r"(https?://.+)/([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}")


@dataclass(slots=True)
class Slot:
    """A string in a resource that is or holds a link: `container[name]`, as it was sent. `reference`: its element is called
    reference; `narrative`: it is a div with links in it.
    """

    container: Any
    name: Any
    sent: str
    reference: bool = False
    narrative: bool = False

    @property
    def literal(self) -> bool:
        """A Reference.reference, and not one of the three elements of type uri that R4 calls `reference` too."""
        return self.reference and self.container.keys() <= _OF_REFERENCE


def slots(resource: dict[str, Any], full_urls: Mapping[str, Any], settled: Mapping[str, str]) -> list[Slot]:
    """Every place of the resource that may have to be rewritten: all references but those to contained resources, whatever
    holds one of `full_urls`, and narratives with links. What a Bundle holds is its own affair: nothing in it is found.

    References that `settled` knows are rewritten at once (in place) and not among them.
    """
    if resource.get("resourceType") == "Bundle":
        return []
    found: list[Slot] = []
    if _collect(resource, full_urls, settled, found):
        found = [slot for slot in found if slot.reference or slot.narrative]
        found += (slot for slot in _typed(resource, resource["resourceType"]) if _begins(slot.sent, full_urls))
    return found


def _collect(
    resource: dict[str, Any], full_urls: Mapping[str, Any], settled: Mapping[str, str], found: list[Slot]
) -> bool:
    """Collects references and narratives; True where a string that may be a uri is a full URL: its type has to be looked up.

    One walk, without types, for the nine in ten resources that need nothing else.
    """
    doubt = False
    uris = _uri_names()
    left: list[dict[str, Any]] = [resource]
    while left:
        node = left.pop()
        for name, value in node.items():
            kind = type(value)
            if kind is dict:
                left.append(value)
            elif kind is list:
                for item in value:
                    if type(item) is dict:
                        left.append(item)
                    elif type(item) is str and name in uris and _begins(item, full_urls):
                        doubt = True
            elif name == "reference":
                text = settled.get(value)
                if text is not None:
                    node[name] = text
                elif kind is str and value[:1] != "#":
                    found.append(Slot(node, name, value, reference=True))
            elif name == "div":
                if kind is str and ("href" in value or "src" in value):
                    found.append(Slot(node, name, value, narrative=True))
            elif name in uris and kind is str and (value in full_urls or ("#" in value and _begins(value, full_urls))):
                doubt = True
    return doubt


@cache
def _uri_names() -> frozenset[str]:
    """The JSON names that elements of the types to be replaced have anywhere."""
    known = definitions()
    types = (*known.resource_types, *known.data_types, *known.inline_types)
    return frozenset(
        element.name for type_ in types for element in known.elements(type_).values() if element.type in _REPLACED
    )


def _begins(value: str, full_urls: Mapping[str, Any]) -> bool:
    return value in full_urls or value.partition("#")[0] in full_urls


def _typed(node: Mapping[str, Any], type_: str) -> Iterator[Slot]:
    """Every element of type uri, url, oid or uuid, apart from those that are a part of the format."""
    known = _elements(type_)
    for name, value in node.items():
        below = known.get(name)
        if below is None:
            continue
        values = value if isinstance(value, list) else [value]
        for position, item in enumerate(values):
            if isinstance(item, dict):
                yield from _typed(item, item.get("resourceType", "") if below == "Resource" else below)
            elif isinstance(item, str) and below in _REPLACED:
                yield Slot(value, position, item) if isinstance(value, list) else Slot(node, name, item)


@cache
def _elements(type_: str) -> Mapping[str, str]:
    try:
        elements = definitions().elements(type_)
    except KeyError:
        return {}
    return {
        name: element.type for name, element in elements.items() if not (type_ == "Reference" and name == "reference")
    }


def narrative(div: str, target: Callable[[str], str | None]) -> str:
    """The div with the targets of its `<a href>` and `<img src>` replaced where `target` knows another one."""

    def attribute(found: re.Match[str]) -> str:
        new = target(unescape(found[2] if found[2] is not None else found[3]))
        return found[0] if new is None else f'{found[1]}"{escape(new)}"'

    return _TAG.sub(lambda tag: _TARGET.sub(attribute, tag[0]), div)


def versioned(text: str) -> str | None:
    """What a version-specific link names, without its version; None for other links."""
    found = _VERSIONED.fullmatch(text)
    return found[1] if found else None


def root(full_url: str) -> str:
    """The base under which relative references of an entry with this fullUrl are meant; "" where there is none."""
    found = _RESTFUL.fullmatch(full_url)
    return found[1] if found and definitions().is_resource(found[2]) else ""
