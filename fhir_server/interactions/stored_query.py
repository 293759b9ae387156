"""Named queries that OperationDefinitions add: those of kind query that say in an extension which criteria they stand for.

http://hl7.org/fhir/R4/search.html#query and http://hl7.org/fhir/R4/operationdefinition.html

R4 lets an OperationDefinition name a query and its parameters, but has no element for what it asks: the extension holds a
search with `{parameter}` where a value goes (`code=8480-6&value-quantity=gt{limit}`). A criterion whose parameter is
not given is left out; one that is given several times is asked for each.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Final

from fhir_server.context import Context, Query
from fhir_server.interactions import claims
from fhir_server.interactions.claims import Parameter, Stored
from fhir_server.interactions.write import writable
from fhir_server.model import Change, Version
from fhir_server.outcome import BadRequest, Issue, PreconditionFailed, Unprocessable
from fhir_server.search.parse import criteria, query_string
from fhir_server.search.query import EVERYTHING, And, Node
from fhir_server.search.results import PASSED_OVER, READERS
from fhir_server.search.tree import simple

EXTENSION: Final = "urn:fhir-server:StructureDefinition:query-criteria"
NO_TYPE: Final = ("",)
_PLACE: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9\-]{0,63})\}", re.ASCII)
_SAMPLES: Final = ("sample", "2000", "true", "1|1")
"""What stands for a value when a definition is looked at: one of them is a value of any type of search parameter."""


async def queries(ctx: Context, type_: str) -> tuple[Query, ...]:
    """Those that are in force now for searches of this type ("": of the system)."""
    state = ctx.server.store.state if ctx.transaction is None else ctx.transaction.state
    found, _ = await claims.read(state)
    return tuple(_query(ctx, stored) for stored in found.queries.values() if stored.of(type_))


async def take_effect(ctx: Context, change: Change) -> Version | None:
    """A BeforeWrite hook of OperationDefinition: with the version the named queries change, or neither does.

    Raises Unprocessable for an active query that cannot be asked.
    """
    state, key = writable(ctx).state, str(change.after.key)
    tree = None if change.after.deleted else change.after.resource
    text = _criteria(tree) if tree is not None and tree["status"] == "active" and tree["kind"] == "query" else None
    stored = None
    if tree is not None and text is not None:
        known, _ = await claims.read(state)
        stored = _stored(tree, text)
        others = [other for name, other in known.queries.items() if name != key]
        if issues := [*_issues(ctx, stored, others)]:
            raise Unprocessable(issues=issues)
    await claims.asked(state, key, stored)
    return None


def _criteria(tree: Mapping[str, Any]) -> str | None:
    return next((str(e.get("valueString", "")) for e in tree.get("extension", ()) if e["url"] == EXTENSION), None)


def _stored(tree: Mapping[str, Any], text: str) -> Stored:
    given = [p for p in tree.get("parameter", ()) if p["use"] == "in"]
    types = tuple(tree.get("resource", ())) if tree["type"] else NO_TYPE
    return Stored(
        tree["code"],
        claims.canonical(tree) if "url" in tree else "",
        () if "Resource" in types or "DomainResource" in types else types,
        bool(tree["system"]),
        tuple(Parameter(p["name"], p["min"], p["max"]) for p in given),
        text,
    )


def _issues(ctx: Context, stored: Stored, others: list[Stored]) -> Iterator[Issue]:
    """What stands in the way of asking it."""
    if any(other.code == stored.code for other in others):
        yield _issue("code", f"there is a query {stored.code} already", "duplicate")
    if not stored.definition:
        yield _issue("url", "a query has a url: the CapabilityStatement lists it by that", "required")
    for n, parameter in enumerate(stored.parameters):
        if parameter.name in READERS or parameter.name in PASSED_OVER or parameter.name in ("_query", "_type"):
            yield _issue(f"parameter[{n}].name", f"{parameter.name} means something else in every search", "value")
    asked, known = set(_PLACE.findall(stored.criteria)), {parameter.name for parameter in stored.parameters}
    for name in sorted(asked - known):
        yield _issue("extension", f"the criteria ask for {{{name}}}, which is no parameter with the use in", "value")
    for name in sorted(known - asked):
        yield _issue("parameter", f"the parameter {name} has no place in the criteria", "value")
    if asked == known:
        for type_ in [each for each in stored.resource if each] or ["Patient"]:
            yield from _unanswerable(ctx, stored, type_)


def _unanswerable(ctx: Context, stored: Stored, type_: str) -> Iterator[Issue]:
    """The criteria that no value makes a search of the type."""
    names = [parameter.name for parameter in stored.parameters]
    samples = [dict.fromkeys(names, (sample,)) for sample in _SAMPLES]
    try:
        for filled in zip(*(_filled(stored.criteria, sample) for sample in samples), strict=True):
            errors = [error for each in filled for error in _refused(ctx, type_, each)]
            if len(errors) == len(_SAMPLES):
                yield _issue("extension", f"the criteria cannot be asked of {type_}: {errors[0]}", "value")
    except BadRequest as error:  # no query string at all
        yield _issue("extension", f"the criteria are no search: {error}", "value")


def _refused(ctx: Context, type_: str, criterion: tuple[str, str, tuple[str, ...]]) -> Iterator[str]:
    try:
        _criterion(ctx, type_, *criterion)
    except BadRequest as error:
        yield str(error)


def _issue(element: str, text: str, code: str) -> Issue:
    return Issue(code, text, (f"OperationDefinition.{element}",))


def _query(ctx: Context, stored: Stored) -> Query:
    def tree(type_: str, values: Mapping[str, tuple[str, ...]]) -> Node:
        return _tree(ctx, stored, type_, values)

    names = tuple(parameter.name for parameter in stored.parameters)
    return Query(stored.code, tree, stored.definition, stored.resource, names)


def _tree(ctx: Context, stored: Stored, type_: str, values: Mapping[str, tuple[str, ...]]) -> Node:
    for parameter in stored.parameters:
        given = len(values.get(parameter.name, ()))
        most = float("inf") if parameter.max == "*" else int(parameter.max)
        if not parameter.min <= given <= most:
            right = f"{parameter.min} to {parameter.max} times"
            text = f"{parameter.name} is given {given} times; the query {stored.code} takes it {right}"
            raise BadRequest(
                text, code="required" if given < parameter.min else "value", expression=f"http.{parameter.name}"
            )
    return simple(And(tuple(_criterion(ctx, type_, *each) for each in _filled(stored.criteria, values))))


def _criterion(ctx: Context, type_: str, name: str, value: str, places: tuple[str, ...]) -> Node:
    """Raises BadRequest, whose place is the parameter that the value comes from."""
    try:
        return criteria(type_, [(name, value)], settings=ctx.settings, now=ctx.now, base=ctx.server.base_url)
    except PreconditionFailed:
        return EVERYTHING  # an empty value asks for nothing
    except BadRequest as error:
        expression = tuple(f"http.{place}" for place in places or ("_query",))
        error.issues = tuple(replace(issue, expression=expression) for issue in error.issues)
        raise


def _filled(text: str, values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name and value of each criterion, and the parameters that its values come from: once for all that can be put in."""
    for name, value in query_string(text):
        names = tuple(dict.fromkeys(_PLACE.findall(value)))
        for chosen in product(*(values.get(each, ()) for each in names)):
            given = dict(zip(names, chosen, strict=True))
            yield name, _PLACE.sub(lambda found: given[found[1]], value), names  # noqa: B023 - used at once
