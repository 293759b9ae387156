"""_query: a search by a named query, with the parameters that its definition names.

http://hl7.org/fhir/R4/search.html#query
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_server.context import Context, Query
from fhir_server.interactions import stored_query
from fhir_server.outcome import BadRequest
from fhir_server.search.query import And, Node, SearchRequest
from fhir_server.search.tree import simple, unsettled

Parameters = Sequence[tuple[str, str]]


async def named(ctx: Context, type_: str, parameters: Parameters) -> Query | None:
    """The query that is asked for, None without `_query`. Raises BadRequest, whatever the handling, for one that is not here."""
    names = [value for name, value in parameters if name.partition(":")[0] == "_query" and value.strip()]
    if not names:
        return None
    if len(names) > 1:
        raise BadRequest("_query may be given only once", code="value", expression="http._query")
    known = [*ctx.server.routes.queries(type_), *await stored_query.queries(ctx, type_)]
    for query in known:
        if query.code == names[0]:
            return query
    listed = ", ".join(query.code for query in known)
    there = f"there are {listed}" if known else "there are no named queries here"
    text = f"_query={names[0][:64]}: no named query of searches of {type_ or 'the system'}; {there}"
    raise BadRequest(text, code="not-supported", expression="http._query")


def without(query: Query, parameters: Parameters) -> Parameters:
    """The parameters that are not the query's own."""
    return [pair for pair in parameters if not _own(query, pair)]


def limited(query: Query, parameters: Parameters, asked: SearchRequest) -> SearchRequest:
    """The search, with what the query asks for besides. Raises BadRequest."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in parameters:
        if name in query.parameters:
            values[name] = (*values.get(name, ()), value)
    where = {type_: _both(query, type_, tree, values) for type_, tree in asked.query.where.items()}
    own = tuple(pair for pair in parameters if _own(query, pair))
    doubt = asked.unsettled or any(unsettled(tree) for tree in where.values())
    return replace(asked, query=replace(asked.query, where=where), used=asked.used + own, unsettled=doubt)


def _both(query: Query, type_: str, tree: Node, values: Mapping[str, tuple[str, ...]]) -> Node:
    return simple(And((tree, query.tree(type_, values))))


def _own(query: Query, pair: tuple[str, str]) -> bool:
    return pair[0] == "_query" or pair[0] in query.parameters
