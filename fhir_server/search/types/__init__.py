"""The search parameter types: for each what it indexes, and what its search values mean.

http://hl7.org/fhir/R4/search.html#ptypes
"""

from collections.abc import Callable, Mapping

from fhir_server.search import query
from fhir_server.search.types import date, nearby, number, phonetic, quantity, reference, string, token, uri
from fhir_server.search.types.reading import Alternatives, Reading

CONVERTERS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "string": string.CONVERTERS,
    "token": token.CONVERTERS,
    "reference": reference.CONVERTERS,
    "date": date.CONVERTERS,
    "number": number.CONVERTERS,
    "quantity": quantity.CONVERTERS,
    "uri": uri.CONVERTERS,
    "phonetic": phonetic.CONVERTERS,
    "nearby": nearby.CONVERTERS,
}
"""Search parameter type (or usage) → FHIR type of an element → what adds its entries."""

ALTERNATIVES: Mapping[str, Callable[[str, str, Reading], Alternatives]] = {
    "string": string.alternatives,
    "token": token.alternatives,
    "reference": reference.alternatives,
    "date": date.alternatives,
    "number": number.alternatives,
    "quantity": quantity.alternatives,
    "uri": uri.alternatives,
}
"""Search parameter type → what one search value, with its modifier, compares with."""

MODIFIERS: Mapping[str, frozenset[str]] = {
    "string": string.MODIFIERS,
    "token": token.MODIFIERS,
    "reference": reference.MODIFIERS,
    "date": date.MODIFIERS,
    "number": number.MODIFIERS,
    "quantity": quantity.MODIFIERS,
    "uri": uri.MODIFIERS,
    "phonetic": frozenset(),
}
"""Modifiers beside :missing and, of references, :[type]. A usage that is not here has none at all."""

KINDS: Mapping[str, tuple[type[query.Value], ...]] = {
    "string": (query.String,),
    "token": (query.Token, query.Text),
    "reference": (query.Reference, query.Identifier),
    "date": (query.DateRange,),
    "number": (query.Number,),
    "quantity": (query.Quantity,),
    "uri": (query.Uri,),
    "phonetic": (query.Token,),
    "nearby": (query.Point,),
    "prose": (query.Prose,),
    "composite": (),
    "nested": (),
}
"""The kinds of entries of a search parameter type; sorting goes by the first."""
