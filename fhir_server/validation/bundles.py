"""Rules of Bundles that no invariant states: full URLs, and references between entries.

http://hl7.org/fhir/R4/bundle.html#bundle-unique, http://hl7.org/fhir/R4/bundle.html#references and
http://hl7.org/fhir/R4/documents.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fhir_server import references
from fhir_server.definitions import definitions
from fhir_server.fhirpath.node import Node
from fhir_server.outcome import Issue
from fhir_server.validation import metadata

_REST: Final = re.compile(r"https?://\S+/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})")
UNFINISHED: Final = frozenset(
    {"transaction", "batch", "transaction-response", "batch-response", "history", "searchset"}
)
"""Types whose references may lead elsewhere, and whose entries need no full URL (or one of another making)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    node: Node
    resource: Node | None
    url: str

    @property
    def key(self) -> str:
        value = self.resource.value if self.resource is not None else {}
        return f"{self.resource.type}/{value.get('id')}" if self.resource is not None and value.get("id") else ""

    @property
    def version(self) -> str:
        meta = self.resource.value.get("meta") if self.resource is not None else None
        return str((meta or {}).get("versionId", ""))


def check(bundle: Node) -> Iterator[Issue]:
    """The issues of a Bundle as a whole; those of its resources by themselves are found elsewhere."""
    kind = bundle.value.get("type")
    entries = [
        _Entry(n, node, next(node.child("resource"), None), str(node.value.get("fullUrl") or ""))
        for n, node in enumerate(bundle.child("entry"))
    ]
    for entry in entries:
        yield from _full_url(entry, str(kind))
    if kind == "searchset":
        yield from _ids(entries)
    yield from _references(entries, {"document": "error", "message": "warning"}.get(str(kind)))
    if kind == "document":
        yield from _reached(entries)


def _full_url(entry: _Entry, kind: str) -> Iterator[Issue]:
    url, path = entry.url, f"{entry.node.path}.fullUrl"
    if not url:
        if kind not in UNFINISHED and entry.resource is not None:
            yield Issue("required", f"an entry of a {kind} Bundle has a fullUrl: the identity of its resource", (path,))
        return
    if ":" not in url:
        yield Issue("invalid", f"{url[:100]!r} is not absolute; a fullUrl is, or a urn:uuid or urn:oid", (path,))
    elif wrong := metadata.uuid_fault(url):
        yield Issue("invalid", wrong, (path,))
    found = _REST.fullmatch(url)
    if found is not None and not definitions().is_resource(found["type"]):
        found = None
    if found is not None and entry.resource is not None and "id" in entry.resource.value:
        right = f"{entry.resource.type}/{entry.resource.value['id']}"
        if f"{found['type']}/{found['id']}" != right:
            yield Issue(
                "invalid", f"the fullUrl {url[:200]} belongs to another resource: it must end in {right}", (path,)
            )


def _ids(entries: list[_Entry]) -> Iterator[Issue]:
    for entry in entries:
        if (
            entry.resource is not None
            and "id" not in entry.resource.value
            and entry.resource.type != "OperationOutcome"
        ):
            yield Issue("required", "resources that a search found have ids", (f"{entry.resource.path}.id",))


def _references(entries: list[_Entry], severity: str | None) -> Iterator[Issue]:
    """References that lead to an entry name its type. Those of a document or message lead to just one: what a document
    begins with must refer to nothing outside, a message may; `severity` is that of it (None: another kind of Bundle).
    """
    if not any(entry.url for entry in entries):
        return
    identities = _Identities(entries)
    for entry in entries:
        if entry.resource is None:
            continue
        for node, literal in _literals(entry.resource):
            found = identities.targets(literal, entry)
            place = f"{node.path}.reference"
            if len(found) > 1 and severity:
                yield Issue("multiple-matches", f"{literal} is the identity of {len(found)} entries", (place,))
            elif not found and severity and entry.number == 0 and not _elsewhere(literal):
                near = identities.keys.get(literal.partition("/_history/")[0], ())
                why = f"; {near[0].key} is here under the fullUrl {near[0].url}" if near else ""
                yield Issue("invalid", f"{literal} is not in this Bundle{why}", (place,), severity)
            elif found and found[0].resource is not None:
                yield from _type(literal, found[0].resource, place)


def _type(literal: str, target: Node, place: str) -> Iterator[Issue]:
    named = references.parse(literal)
    if named is not None and named.type and named.type != target.type:
        yield Issue("invalid", f"{literal} leads to a {target.type} in this Bundle", (place,))


def _elsewhere(literal: str) -> bool:
    return literal.startswith(("#", "http:", "https:"))


class _Identities:
    """The entries by their fullUrl, and by the type and id of their resources."""

    def __init__(self, entries: list[_Entry]) -> None:
        self.urls: dict[str, list[_Entry]] = {}
        self.keys: dict[str, list[_Entry]] = {}
        for entry in entries:
            self.urls.setdefault(entry.url, []).append(entry)
            if key := entry.key:
                self.keys.setdefault(key, []).append(entry)

    def targets(self, literal: str, entry: _Entry) -> list[_Entry]:
        """The entries that a reference in `entry` means: by fullUrl, a relative one under the base of its own."""
        plain, _, version = literal.partition("/_history/")
        wanted = plain
        if ":" not in plain and (base := _REST.fullmatch(entry.url)) is not None:
            wanted = entry.url[: base.start("type")] + plain
        return [one for one in self.urls.get(wanted, ()) if not version or version == one.version]


def _literals(node: Node) -> Iterator[tuple[Node, str]]:
    for child in node.children():
        if child.type == "Reference" and isinstance(child.value, Mapping):
            literal = child.value.get("reference")
            if isinstance(literal, str) and not literal.startswith("#"):
                yield child, literal
        if not child.primitive:
            yield from _literals(child)


def _reached(entries: list[_Entry]) -> Iterator[Issue]:
    """All entries of a document hang together with its Composition."""
    identities = _Identities(entries)
    links: dict[int, set[int]] = {entry.number: set() for entry in entries}
    for entry in entries:
        for _, literal in _literals(entry.resource) if entry.resource is not None else ():
            for target in identities.targets(literal, entry):
                links[entry.number].add(target.number)
                links[target.number].add(entry.number)
    reached, fresh = {0}, [0]
    while fresh:
        fresh = [n for at in fresh for n in links.get(at, ()) if n not in reached]
        reached.update(fresh)
    for entry in entries:
        if entry.number not in reached:
            yield Issue(
                "informational", f"nothing leads from the Composition to {entry.url}", (entry.node.path,), "warning"
            )
