"""A search URL, understood: its parameters as a SearchRequest. Criteria of conditional interactions, as a tree.

http://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl

from fhir_server.definitions import definitions
from fhir_server.model import now as this_moment
from fhir_server.outcome import BadRequest, PreconditionFailed
from fhir_server.search.contained import containers
from fhir_server.search.criteria import MAX_CHAIN, MAX_NAME, Terms, UnknownParameter, criterion
from fhir_server.search.filter import filtered
from fhir_server.search.query import And, Node, SearchQuery, SearchRequest, Total
from fhir_server.search.registry import Registry, registry
from fhir_server.search.results import PASSED_OVER, READERS, Results
from fhir_server.search.sorting import located
from fhir_server.search.tree import simple, unsettled
from fhir_server.settings import Settings

MAX_PARAMETERS = 512
MAX_HAS = 32
MAX_REMEMBERED = 1000
"""Characters of values; what is longer is hardly asked again."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")

Parameters = Sequence[tuple[str, str]]


def parse(
    types: str | tuple[str, ...] | None,
    parameters: Parameters,
    *,
    settings: Settings,
    now: datetime,
    base: str = "",
    handling: str = "",
) -> SearchRequest:
    """What the decoded `parameters` of a search ask for, of one type, of several, or (None) of all.

    `base` is this server's base URL; `handling` is that of the Prefer header, "" where the setting decides. Parameters
    with an empty value ask for nothing and are left out. Unknown search parameters, and sorts and includes by them, raise
    BadRequest under strict handling and are listed in `ignored` under lenient. Modifiers and values that are not
    understood always raise it: the error names the parameter in its expression, `http.<parameter>`.
    """
    base = (base or settings.base_url).rstrip("/")
    lenient = (handling or settings.handling) == "lenient"
    limits = settings.default_count, settings.max_count, settings.max_chain
    if _depends_on_now(parameters) or sum(len(value) for _, value in parameters) > MAX_REMEMBERED:
        return _understood(types, tuple(parameters), base, lenient, limits, now)
    found = _remembered(registry(), types, tuple(parameters), base, lenient, limits)
    if found.ignored:  # the reason may say how far indexing is
        found = _understood(types, tuple(parameters), base, lenient, limits, now)
    return SearchRequest(
        found.query,
        found.include,
        found.elements,
        found.summary,
        found.used,
        found.ignored,
        now,
        found.unsettled,
        found.contained,
        found.contained_type,
    )


def _depends_on_now(parameters: Parameters) -> bool:
    """Whether a value may have the prefix `ap`, whose meaning hangs on the moment."""
    return any("ap" in value for _, value in parameters)


@lru_cache(maxsize=1000)
def _remembered(
    _in_force: Registry,
    types: str | tuple[str, ...] | None,
    parameters: tuple[tuple[str, str], ...],
    base: str,
    lenient: bool,
    limits: tuple[int, int, int],
) -> SearchRequest:
    """Clients ask the same again and again, and page through it."""
    return _understood(types, parameters, base, lenient, limits, EPOCH)


def _understood(
    types: str | tuple[str, ...] | None,
    parameters: tuple[tuple[str, str], ...],
    base: str,
    lenient: bool,
    limits: tuple[int, int, int],
    now: datetime,
) -> SearchRequest:
    terms = Terms(base, now, limits[2])
    searched, rest = _types(types, parameters)
    _check_limits(parameters)
    results = Results()
    nodes: dict[str, list[Node]] = {type_: [] for type_ in searched}
    used: list[tuple[str, str]] = [(n, v) for n, v in parameters if n == "_type"]
    ignored: list[tuple[str, str]] = []
    for name, value in rest:
        if not value.strip() or name in PASSED_OVER:
            continue
        try:
            if not results.read(name, value, searched):
                found = [(type_, _criterion(type_, name, value, terms)) for type_ in searched]
                for type_, node in found:
                    if node is not None:
                        nodes[type_].append(node)
                if all(node is None for _, node in found):
                    continue
        except UnknownParameter as error:
            if not lenient:
                raise
            ignored.append((name, str(error)))
        else:
            used.append((name, value))
    results.check()
    return _request(results, nodes, limits, used, ignored, now)


def criteria(
    type_: str,
    asked: str | Iterable[tuple[str, str]],
    *,
    settings: Settings | None = None,
    now: datetime | None = None,
    base: str = "",
) -> Node:
    """The tree of a conditional interaction's criteria: a query string (If-None-Exist, a conditional reference) or decoded
    parameters.

    Raises BadRequest for what is not understood, whatever the handling, and for result parameters; PreconditionFailed
    where nothing restricts the type.
    """
    parameters = tuple(query_string(asked)) if isinstance(asked, str) else tuple(asked)
    if not definitions().is_resource(type_):
        raise BadRequest(f"{type_[:64]!r} is no resource type", code="value")
    _check_limits(parameters)
    terms = Terms((base or (settings.base_url if settings else "")).rstrip("/"), now or this_moment(), _depth(settings))
    nodes: list[Node] = []
    for name, value in parameters:
        if name in PASSED_OVER:
            continue
        if name.partition(":")[0] in READERS or name == "_type":
            raise BadRequest(f"{name} is no criterion: it only says how matches come back", expression=f"http.{name}")
        node = _criterion(type_, name, value, terms)
        if node is not None:
            nodes.append(node)
    tree = simple(And(tuple(nodes)))
    if tree == And(()):
        raise PreconditionFailed(f"criteria are needed to tell which {type_} is meant", code="required")
    return tree


def _criterion(type_: str, name: str, value: str, terms: Terms) -> Node | None:
    """Raises BadRequest, whose place is the parameter as it stands in the URL, however deep in a chain the reason lies."""
    terms = replace(terms, place=name)
    try:
        return filtered(type_, value, terms) if name == "_filter" else criterion(type_, name, value, terms)
    except BadRequest as error:
        error.issues = tuple(replace(issue, expression=(f"http.{name[:MAX_NAME]}",)) for issue in error.issues)
        raise


def _depth(settings: Settings | None) -> int:
    return settings.max_chain if settings else MAX_CHAIN


def query_string(text: str) -> Iterator[tuple[str, str]]:
    """The decoded parameters of `a=b&c=d`. Raises BadRequest where it is not UTF-8, percent-encoded, or too long."""
    if "%" in text and _NOT_ENCODED.search(text):
        raise BadRequest("a % in the query is not followed by two hexadecimal digits (a plain % is sent as %25)")
    if "%00" in text or "\x00" in text:
        raise BadRequest("the query holds a NUL character")
    try:
        pairs = parse_qsl(
            text.removeprefix("?"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        raise BadRequest("the query is not percent-encoded UTF-8, or has too many parameters") from error
    yield from pairs


def _types(types: str | tuple[str, ...] | None, parameters: Parameters) -> tuple[tuple[str, ...], Parameters]:
    """The types that are searched, and the parameters without `_type`, which chooses among several."""
    possible = (types,) if isinstance(types, str) else types
    if possible is not None and len(possible) == 1:
        for name, _ in parameters:
            if name == "_type":
                text = "_type is for searches of the whole system, or of all types of a compartment"
                raise BadRequest(text, expression="http._type")
        return possible, parameters
    named = [piece.strip() for name, value in parameters if name == "_type" for piece in value.split(",")]
    chosen = tuple(dict.fromkeys(type_ for type_ in named if type_))
    for type_ in chosen:
        if not definitions().is_resource(type_):
            raise BadRequest(f"_type: {type_[:64]!r} is no resource type", code="value", expression="http._type")
        if possible is not None and type_ not in possible:
            raise BadRequest(f"_type: {type_} is never in this compartment", code="value", expression="http._type")
    return chosen or possible or definitions().resource_types, [(n, v) for n, v in parameters if n != "_type"]


def _check_limits(parameters: Parameters) -> None:
    if len(parameters) > MAX_PARAMETERS:
        raise BadRequest(f"more than {MAX_PARAMETERS} parameters", code="too-costly")
    if sum(name.count("_has:") for name, _ in parameters) > MAX_HAS:
        raise BadRequest(f"more than {MAX_HAS} _has", code="too-costly", expression="http._has")


def _request(
    results: Results,
    nodes: dict[str, list[Node]],
    limits: tuple[int, int, int],
    used: list[tuple[str, str]],
    ignored: list[tuple[str, str]],
    now: datetime,
) -> SearchRequest:
    default, most, _ = limits
    count = default if results.count is None else min(results.count, most)
    counting = results.summary == "count" or count == 0
    where = {type_: simple(And(tuple(of))) for type_, of in nodes.items()}
    if results.contained:
        where = containers(where, both=results.contained == "both")
    query = SearchQuery(
        where=where,
        sort=located(results.sort, where),
        count=0 if counting else count,
        total=Total.ACCURATE if counting else results.total,
    )
    return SearchRequest(
        query=query,
        include=tuple(results.include),
        elements=tuple(dict.fromkeys(results.elements)),
        summary=results.summary,
        used=tuple(used),
        ignored=tuple(ignored),
        now=now,
        unsettled=any(unsettled(tree) for tree in where.values()),
        contained=results.contained,
        contained_type=results.contained_type,
    )
