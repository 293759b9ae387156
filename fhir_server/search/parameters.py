"""Which search parameters each resource type can be searched by, and under which codes their values are kept.

http://hl7.org/fhir/R4/searchparameter-registry.html

Parameters that speak of the same elements share one set of index entries: `patient` of an Observation is its `subject`
with a target type, `combo-code` is `code` and `component-code` together. Extraction and parsing read this same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from fhir_server.definitions import Component, SearchParameter, definitions
from fhir_server.fhirpath import compile as compiled
from fhir_server.search import query
from fhir_server.search.expression import Branch, UnsupportedExpression, branches, terms
from fhir_server.search.registry import registry, remembered
from fhir_server.search.types import CONVERTERS, KINDS, token

Kinds = tuple[type[query.Value], ...]

RESOURCE = "%resource"
"""How a component's expression begins that does not start from the composite's base."""

COLUMNS = {"_id": "token", "_lastUpdated": "date"}
"""Parameters whose values are columns of every store, not index entries, with their types."""

UNAVAILABLE = {
    "_query": "it stands by itself, not in a chain, and has no modifiers",
    "_filter": "it stands by itself, not in a chain, and has no modifiers",
    "_score": "it is what _sort=_score sorts by, and is told in Bundle.entry.search: how well a match of _text or _content fits",
}
"""Codes of parameters that R4 has and this server has not, with the reason."""

USAGES = {
    ("string", "phonetic"): "phonetic",
    ("special", "near"): "nearby",
    ("string", "_text"): "prose",
    ("string", "_content"): "prose",
}
"""Parameters that work otherwise than others of their type (SearchParameter.xpathUsage), by type and code."""

NESTED = frozenset(f"http://hl7.org/fhir/SearchParameter/Bundle-{code}" for code in ("composition", "message"))
"""Parameters that speak of a resource within the resource, the first of a Bundle: they are searched by its parameters."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one resource type.

    `stored` are the codes under which its entries are kept (none for a column, composite or nested resource); `target` limits a reference to
    one type. `types` are the FHIR types of its elements, `targets` the resource types that a reference may point to.
    `usage` is its type, or one of USAGES: what decides how its values are indexed and read. `ways` are those of a composite.
    What is not `ready` is being indexed: it cannot be searched by yet. `computed`: its expression is more than paths.
    `added`: it is not R4's own, and its definition says what clients may do with it (search.restrictions).
    """

    code: str
    type: str
    definition: SearchParameter
    stored: tuple[str, ...]
    types: frozenset[str]
    branches: tuple[Branch, ...]
    target: str | None = None
    targets: tuple[str, ...] = ()
    ready: bool = True
    usage: str = ""
    ways: tuple["Way", ...] = ()
    computed: bool = False
    added: bool = False

    @property
    def kinds(self) -> Kinds:
        """The kinds of entries that it has; none for a composite."""
        return KINDS[self.usage]

    @property
    def exact(self) -> bool:
        """Case matters to all its values: they are ids and URIs, or codes of systems that mind it."""
        return self.types <= {"id", "uri"} or (
            self.types == {"code"}
            and not self.computed
            and all(token.minds_case(b.element.binding) for b in self.branches)
        )

    @property
    def media_types(self) -> bool:
        """Its codes are MIME types."""
        return (
            self.types == {"code"}
            and not self.computed
            and all(token.is_media_type(b.element.binding) for b in self.branches)
        )

    @property
    def implied_system(self) -> str:
        """The one system that all its codes are of, "" where it is not settled."""
        systems = [token.implied_systems(b.element.binding) for b in self.branches]
        first = systems[0] if systems and self.types == {"code"} else ""
        return first if isinstance(first, str) and all(each == first for each in systems) else ""


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a composite, on one way: `parameter` keeps under `stored` what it means there. `grouped`: its entries
    carry the number of the base element; otherwise it speaks of the resource as a whole.
    """

    parameter: Parameter
    grouped: bool


Way = tuple[Part, ...]
"""The parts of a composite on one base element: all hold, those that are grouped on one and the same element."""


@remembered
def parameters(type_: str) -> Mapping[str, Parameter]:
    """Code → Parameter of a resource type: all that it can be searched by. KeyError for an unknown type."""
    return MappingProxyType({code: p for code, p in indexed(type_).items() if p.ready})


@remembered
def indexed(type_: str) -> Mapping[str, Parameter]:
    """Code → Parameter of a resource type: all that its resources are indexed by, also what is not ready yet.

    Parameters that were added use R4's entries where these hold all they speak of; R4's parameters never use theirs, nor
    do they use each other's: adding and removing changes nothing for the rest.
    """
    own = definitions().search_parameters(type_).items()
    found = {code: made for code, d in own if (made := _parameter(d, type_))}
    owners = _share(found)
    for code, definition in own:
        if definition.type == "composite" and (ways := _ways(definition, type_, found, owners)):
            found[code] = _composite(definition, ways)
    found = dict(sorted(found.items()))
    if registry().added:
        _add(found, owners, type_)
    return MappingProxyType(found)


def _add(found: dict[str, Parameter], owners: "Owners", type_: str) -> None:
    """The parameters that were added to R4's."""
    of_all = dict(owners)
    added_to = [a for a in registry().added_to(type_) if not a.failed and a.definition.code not in found]
    for added in added_to:
        code = added.definition.code
        made = _parameter(added.definition, type_)
        if made:
            found[code] = replace(_shared(made, found, owners) or replace(made, ready=added.ready), added=True)
            of_all.setdefault((made.usage, _shape(made)), code)
    for added in added_to:
        definition, code = added.definition, added.definition.code
        if definition.type == "composite" and (ways := _ways(definition, type_, found, of_all)):
            found[code] = replace(_composite(definition, ways, ready=added.ready), added=True)


def _composite(definition: SearchParameter, ways: tuple["Way", ...], *, ready: bool = True) -> Parameter:
    return Parameter(
        definition.code, "composite", definition, (), frozenset(), (), usage="composite", ways=ways, ready=ready
    )


def unavailable(type_: str, code: str) -> str | None:
    """Why a parameter that R4 has for this type cannot be searched by here; None for one that can, or is none."""
    if code in UNAVAILABLE:
        return UNAVAILABLE[code]
    definition = registry().defined(type_).get(code)
    if definition is None or code in parameters(type_):
        return None
    failed = next((a.failed for a in registry().added_to(type_) if a.definition.code == code), "")
    if failed:
        return f"it cannot be indexed ({failed})"
    if code in indexed(type_):
        return f"it is being indexed and cannot be searched by yet ({registry().progress or 'waiting'})"
    return "no element of this type can be searched so"


def stored(type_: str) -> Mapping[str, tuple[Branch, ...]]:
    """Code → branches of what is kept in the index for resources of this type: each element once."""
    return {p.code: p.branches for p in indexed(type_).values() if p.stored == (p.code,)}


def _usage(definition: SearchParameter) -> str:
    return USAGES.get((definition.type, definition.code), definition.type)


def _parameter(definition: SearchParameter, type_: str) -> Parameter | None:
    """The Parameter by itself, before any sharing; None where it cannot be searched by."""
    code, type_of, usage = definition.code, definition.type, _usage(definition)
    if usage == "prose":
        return Parameter(code, type_of, definition, (code,), frozenset(), (), usage=usage)
    if code in UNAVAILABLE or definition.expression is None or type_of == "composite":
        return None
    if code in COLUMNS:
        return Parameter(code, type_of, definition, (), frozenset(), (), usage=usage)
    if definition.url in NESTED:
        types = frozenset({"Resource"})
        return Parameter(code, type_of, definition, (), types, (), targets=definition.targets, usage="nested")
    converters = CONVERTERS.get(usage, {})
    try:
        ways = tuple(b for b in branches(definition.expression, type_) if b.type in converters or b.truth)
    except UnsupportedExpression:
        return _computed(definition, type_)
    return _on(ways, definition) if ways else None


def _computed(definition: SearchParameter, type_: str) -> Parameter | None:
    """The Parameter of FHIRPath beyond simple paths."""
    code, kind, types = definition.code, definition.type, computed_types(definition, type_)
    if not types:
        return None
    targets = (definition.targets or definitions().resource_types) if kind == "reference" else ()
    return Parameter(code, kind, definition, (code,), types, (), targets=targets, usage=kind, computed=True)


def computed_types(definition: SearchParameter, type_: str) -> frozenset[str]:
    """The FHIR types that its expression may lead to and that are indexed; empty where nothing is. As far as can be told:
    of an expression whose types only show when it is evaluated, all. FhirPathError for what is no FHIRPath.
    """
    fitting = frozenset(CONVERTERS.get(definition.type, {}))
    found = compiled(str(definition.expression)).types(type_)
    return fitting if found is None else fitting & found


def _on(ways: tuple[Branch, ...], definition: SearchParameter) -> Parameter:
    """The Parameter of these elements, kept under its own code."""
    return Parameter(
        definition.code,
        definition.type,
        definition,
        (definition.code,),
        frozenset(b.type for b in ways),
        ways,
        targets=_targets(definition, ways) if definition.type == "reference" else (),
        usage=_usage(definition),
    )


def _targets(definition: SearchParameter, ways: tuple[Branch, ...]) -> tuple[str, ...]:
    """The resource types that the elements may point to, by their own definitions where these say so."""
    fixed = {b.resolves_to for b in ways}
    if None not in fixed:
        return tuple(sorted(t for t in fixed if t))
    if any(not b.element.targets for b in ways):
        return definition.targets or definitions().resource_types
    return tuple(sorted({t for b in ways for t in b.element.targets}))


Owners = dict[tuple[str, frozenset[Branch]], str]
"""Usage and elements → the code that their entries are kept under."""


def _share(found: dict[str, Parameter]) -> Owners:
    """Lets parameters of the same elements use the entries of one, and unions those of their parts."""
    shapes = {code: _shape(p) for code, p in found.items()}
    plain = {c: shapes[c] for c in sorted(found, key=_rank) if shapes[c] and not _tested(found[c])}
    owners: Owners = {}
    for code, shape in plain.items():
        owners.setdefault((found[code].usage, shape), code)
    for code, p in tuple(found.items()):
        found[code] = _shared(p, {}, owners) or p
    for code, p in tuple(found.items()):
        if any(found[part].stored != (part,) for part in p.stored):
            found[code] = _flat(p, found)
    return owners


def _shared(p: Parameter, found: Mapping[str, Parameter], owners: Owners) -> Parameter | None:
    """The parameter as one that uses the entries of `owners`, and what these use in turn; None where they lack some."""
    shape = _shape(p)
    parts = _parts(p.usage, shape, owners) if shape else ()
    if not parts:
        return None
    target = next(iter({b.resolves_to for b in p.branches})) if _tested(p) else None
    using = replace(p, stored=parts, target=target)
    return _flat(using, found) if found else using


def _flat(p: Parameter, found: Mapping[str, Parameter]) -> Parameter:
    return replace(p, stored=tuple(dict.fromkeys(s for part in p.stored for s in found[part].stored)))


def _ways(definition: SearchParameter, type_: str, found: Mapping[str, Parameter], owners: Owners) -> tuple[Way, ...]:
    """The ways of a composite: one for each base element that it may speak of; () where a component cannot be found by."""
    ways = []
    for base in terms(definition.expression or ""):
        path = branches(base, type_)
        if base != type_ and not path:
            continue  # of another type
        parts = [_part(c, base, type_, found, owners) for c in definition.components]
        if None in parts or not parts:
            return ()
        ways.append(tuple(part for part in parts if part is not None))
    return tuple(ways)


def _part(component: Component, base: str, type_: str, found: Mapping[str, Parameter], owners: Owners) -> Part | None:
    """The component where its base is `base`; None where nothing is kept of it there."""
    definition = _named(component.definition.partition("|")[0])
    if definition is None:
        return None
    pieces = terms(component.expression)
    whole = all(piece.startswith(RESOURCE) for piece in pieces)
    expression = " | ".join(type_ + piece.removeprefix(RESOURCE) if whole else f"{base}.{piece}" for piece in pieces)
    usage = _usage(definition)
    ways = tuple(b for b in branches(expression, type_) if b.type in CONVERTERS.get(usage, {}))
    if not ways:
        return None
    parameter = _on(ways, definition)
    codes = _parts(usage, _shape(parameter), owners)
    if not codes and definition.code in found and _shape(parameter) < _shape(found[definition.code]):
        codes = (definition.code,)  # the parameter says more than the component: R4 names the parameter
    if not codes:
        return None
    stored = tuple(s for code in codes for s in found[code].stored)
    grouped = not whole and any(step.repeats for b in branches(base, type_) for step in b.steps)
    return Part(replace(parameter, stored=stored), grouped)


def _named(url: str) -> SearchParameter | None:
    """The parameter with this canonical URL, R4's own or one that was added."""
    own = definitions().all_search_parameters.get(url)
    return own or next((a.definition for a in registry().added if a.definition.url == url), None)


def _rank(code: str) -> tuple[bool, int, str]:
    """The plainest code comes first: it gives its name to shared entries."""
    return code.startswith("_"), len(code), code


def _shape(p: Parameter) -> frozenset[Branch]:
    return frozenset(replace(b, resolves_to=None) for b in p.branches)


def _tested(p: Parameter) -> bool:
    """All branches ask for one and the same target type."""
    return len({b.resolves_to for b in p.branches}) == 1 and p.branches[0].resolves_to is not None


def _parts(kind: str, shape: frozenset[Branch], owners: Owners) -> tuple[str, ...]:
    """The code that owns exactly this shape, or those of smaller shapes that make it up; () where there is neither."""
    smaller = [(s, code) for (k, s), code in owners.items() if k == kind and s < shape]
    left, parts = set(shape), []
    for s, code in sorted(smaller, key=lambda pair: (-len(pair[0]), pair[1])):
        if s <= left:
            parts.append(code)
            left -= s
    if not left:
        return tuple(parts)
    whole = owners.get((kind, shape))
    return (whole,) if whole else ()


def includes(type_: str) -> tuple[str, ...]:
    """CapabilityStatement.rest.resource.searchInclude: what `_include` can follow from this type."""
    followed = sorted(p.code for p in parameters(type_).values() if p.usage == "reference")
    return ("*", f"{type_}:*", *(f"{type_}:{code}" for code in followed)) if followed else ()


@remembered
def revincludes(type_: str) -> tuple[str, ...]:
    """CapabilityStatement.rest.resource.searchRevInclude: what `_revinclude` can bring along to this type."""
    found: list[str] = []
    for source in definitions().resource_types:
        ways = [p.code for p in parameters(source).values() if p.usage == "reference" and type_ in p.targets]
        found += [f"{source}:{code}" for code in ("*", *ways)] if ways else []
    return ("*", *found) if found else ()
