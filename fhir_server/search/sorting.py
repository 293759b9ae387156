"""_sort: the rules by which matches are put in order; by search parameters of the type, and of resources it refers to.

http://hl7.org/fhir/R4/search.html#sort

A rule is `[-]parameter`, or `[-]reference:Type.parameter` by a resource referred to, the type left out where there is but
one. `near` sorts by the distance from the place that the same search is near to, `_score` by how well the words of its `_text` and
`_content` match, the best first.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from fhir_server.outcome import BadRequest
from fhir_server.search.criteria import UnknownParameter
from fhir_server.search.parameters import COLUMNS, Parameter, parameters, unavailable
from fhir_server.search.query import And, Match, Near, Node, Or, Point, Prose, Sort

UNORDERED = frozenset({"composite", "prose", "phonetic", "nested"})
"""Usages of parameters that nothing can be sorted by."""
MAX_LINKS = 4
SCORE = "_score"


def rule(name: str, text: str, types: tuple[str, ...]) -> Sort:
    """One rule of a search of these types. Raises UnknownParameter for what they cannot be sorted by, BadRequest for a
    chain that cannot be.
    """
    code, descending = text.removeprefix("-"), text.startswith("-")
    *links, last = code.split(".")
    if len(links) > MAX_LINKS:
        raise _bad(name, f"_sort={code[:64]}: more than {MAX_LINKS} references one after another")
    chain: list[tuple[str, str]] = []
    for link in links:
        stored, target = _link(name, link, types)
        chain.append((stored, target))
        types = (target,)
    if last in COLUMNS and not chain:
        return Sort(last, None, descending)
    if last == SCORE and not chain:
        return Sort(SCORE, Prose, descending)
    found = _known(name, last, types)
    places = {(p.stored, p.kinds[0]) for p in found if p.usage not in UNORDERED and p.kinds}
    if len(places) == 1:
        kept, kind = places.pop()
        if len(kept) == 1 and not (chain and kind is Point):
            return Sort(kept[0], kind, descending, tuple(chain))
    raise UnknownParameter(f"_sort: sorting by {code[:64]} is not supported", expression=f"http.{name}")


def located(sorts: Sequence[Sort], where: Mapping[str, Node]) -> tuple[Sort, ...]:
    """The rules with the place that distances are measured from: that of the search's own `near`. Raises BadRequest without,
    and for a score where no words are looked for.
    """
    if any(sort.param == SCORE for sort in sorts) and not any(_words(tree) for tree in where.values()):
        raise _bad("_sort", "_sort=_score sorts by how well words match: give _text or _content")
    if not any(sort.kind is Point for sort in sorts):
        return tuple(sorts)
    places = {(near.latitude, near.longitude) for tree in where.values() for near in _nears(tree)}
    if len(places) != 1:
        raise _bad("_sort", "_sort=near takes one place to measure from: give near itself, once")
    origin = places.pop()
    return tuple(structs.replace(sort, origin=origin) if sort.kind is Point else sort for sort in sorts)


def _words(node: Node) -> bool:
    """Whether the tree asks the resources themselves for words."""
    match node:
        case Match(_, anyof):
            return anyof[0][0].kind is Prose
        case And(of) | Or(of):
            return any(_words(each) for each in of)
        case _:
            return False


def _nears(node: Node) -> Iterator[Near]:
    match node:
        case Near():
            yield node
        case And(of) | Or(of):
            for each in of:
                yield from _nears(each)


def _known(name: str, code: str, types: Sequence[str]) -> list[Parameter]:
    found = [parameters(type_).get(code) for type_ in types]
    for type_, parameter in zip(types, found, strict=True):
        if parameter is None:
            reason = unavailable(type_, code)
            why = f": {reason}" if reason else ""
            raise UnknownParameter(f"_sort: {type_} cannot be sorted by {code[:64]!r}{why}", expression=f"http.{name}")
    return [parameter for parameter in found if parameter is not None]


def _link(name: str, link: str, types: Sequence[str]) -> tuple[str, str]:
    """(code under which the reference is kept, type that it leads to)."""
    code, _, asked = link.partition(":")
    found = _known(name, code, types)
    allowed = {(p.target,) if p.target else p.targets for p in found}
    stored = {p.stored for p in found if "Reference" in p.types}
    if len(stored) != 1 or len(allowed) != 1 or len(next(iter(stored))) != 1:
        raise _bad(name, f"_sort: {code[:64]} is no reference that a sort can follow")
    targets = allowed.pop()
    if asked and asked not in targets:
        raise _bad(name, f"_sort: {code} does not refer to {asked[:64]!r}; it does to {', '.join(targets[:10])}")
    if not asked and len(targets) > 1:
        raise _bad(name, f"_sort: {code} may refer to several types; name one, as in {code}:{targets[0]}")
    return stored.pop()[0], asked or targets[0]


def _bad(name: str, text: str) -> BadRequest:
    return BadRequest(text, code="value", expression=f"http.{name}")
