"""Referential integrity: what is referred to exists, and what is referred to stays. A setting, off unless asked for.

http://hl7.org/fhir/R4/http.html#delete (409) and http://hl7.org/fhir/R4/http.html#rejecting-updates (422)
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fhir_server.definitions import definitions
from fhir_server.model import Change, Key
from fhir_server.outcome import Conflict, FhirError, Issue, Unprocessable
from fhir_server.references import parse
from fhir_server.search.parameters import parameters
from fhir_server.search.query import Compare, Match, Node, Op, Or, Reference, SearchQuery
from fhir_server.search.registry import remembered
from fhir_server.storage.base import Reader, Transaction

MOST: Final = 100
"""Issues that one outcome lists."""


async def judge(transaction: Transaction, changes: Sequence[Change], base: str) -> None:
    """Holds if every local reference of the versions written exists and nothing refers to what was deleted.

    Looks at the state after all changes; absolute references below `base` are local ones. Raises Unprocessable naming the references, Conflict naming the referrers.
    """
    issues: list[Issue] = []
    error: type[FhirError] = Unprocessable
    for change in changes:
        if change.after.deleted:
            kept = await keeping(transaction, change.after.key, base)
            if kept:
                error = Conflict
                issues += kept
        else:
            issues += await _missing(transaction, change, base)
    if issues:
        raise error(issues=issues[:MOST])


async def keeping(reader: Reader, key: Key, base: str) -> list[Issue]:
    """Why the resource cannot be deleted: something else refers to it; [] where nothing does."""
    found = await _referrer(reader, key, base)
    return [] if found is None else [Issue("conflict", f"{key} cannot be deleted: {found} refers to it", (key.type,))]


async def _missing(transaction: Transaction, change: Change, base: str) -> list[Issue]:
    places: dict[Key, list[str]] = {}
    for place, text in references(change.after.resource, change.after.key.type):
        target = parse(text, base)
        if target is not None and target.local:
            places.setdefault(Key(target.type, target.id), []).append(place)
    existing = {version.key for version in await transaction.read_many(places)} if places else set()
    return [
        Issue("not-found", f"The reference {key} leads nowhere: there is no such resource here", tuple(found))
        for key, found in places.items()
        if key not in existing
    ]


def references(node: object, path: str) -> Iterator[tuple[str, str]]:
    """Every literal Reference.reference below `node` with its FHIRPath."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield f"{path}.reference", value
            elif isinstance(value, dict | list):
                yield from references(value, f"{path}.{name}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            if isinstance(value, dict):
                yield from references(value, f"{path}[{position}]")


async def _referrer(reader: Reader, key: Key, base: str) -> Key | None:
    page = await reader.search(SearchQuery(_referring(key, base), count=2))
    return next((hit.version.key for hit in page.hits if hit.version.key != key), None)


def _referring(key: Key, base: str) -> dict[str, Node]:
    """For each type the tree of those that refer to `key` by one of their search parameters."""
    alternatives = (
        (Compare(Reference, "type", Op.EQ, key.type), Compare(Reference, "id", Op.EQ, key.id)),
        (Compare(Reference, "url", Op.EQ, f"{base}/{key}"),),
    )
    return {
        type_: Or(tuple(Match(code, alternatives) for code in codes)) for type_, codes in _parameters(key.type).items()
    }


@remembered
def _parameters(target: str) -> dict[str, tuple[str, ...]]:
    """Type → the codes under which its references to `target` are kept."""
    found: dict[str, tuple[str, ...]] = {}
    for type_ in definitions().resource_types:
        codes = {
            code
            for parameter in parameters(type_).values()
            if parameter.usage == "reference" and (not parameter.targets or target in parameter.targets)
            for code in parameter.stored
        }
        if codes:
            found[type_] = tuple(sorted(codes))
    return found
