"""What an added SearchParameter lets clients do with it: its prefixes, modifiers and chains, and how often it may be given.

http://hl7.org/fhir/R4/searchparameter-definitions.html#SearchParameter.comparator

What a definition does not list it does not restrict: then all that R4 has for its type applies. R4's own parameters are not
restricted by their definitions, which say less than the text of the specification.
"""

from collections.abc import Sequence

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.search.parameters import Parameter
from fhir_server.search.types.reading import prefixed

PREFIXED = frozenset({"date", "number", "quantity"})
"""Types whose values may begin with a prefix."""

WRITTEN = {"ofType": "of-type", "type": "[type]"}
"""Codes of modifiers that are written otherwise in a URL."""


def permitted(parameter: Parameter, modifiers: Sequence[str]) -> tuple[str, ...]:
    """Those of the modifiers that R4 has for it which its definition leaves."""
    if not (parameter.added and parameter.definition.modifiers):
        return tuple(modifiers)
    listed = {WRITTEN.get(code, code) for code in parameter.definition.modifiers}
    types = definitions().is_resource
    return tuple(each for each in modifiers if each in listed or ("[type]" in listed and types(each)))


def check_values(parameter: Parameter, modifier: str, values: Sequence[str], name: str) -> None:
    """Raises BadRequest for several values where it takes one, and for a prefix that it has not."""
    if not parameter.added:
        return
    definition = parameter.definition
    if len(values) > 1 and not definition.multiple_or:
        raise _refused(name, f"{parameter.code} takes one value, not {len(values)} with commas between them")
    if parameter.type in PREFIXED and definition.comparators and modifier != "missing":
        for value in values:
            prefix, _ = prefixed(value)
            if prefix not in definition.comparators:
                implied = "" if value.startswith(prefix) else ", which is meant where none is written"
                right = ", ".join(definition.comparators)
                raise _refused(name, f"{parameter.code} has no prefix {prefix}{implied}; it has {right}")


def check_chain(parameter: Parameter, rest: str, name: str) -> None:
    """Raises BadRequest for a parameter that may not be chained to this one; `rest` is what stands behind the dot."""
    chains = parameter.definition.chains if parameter.added else ()
    code = rest.partition(".")[0].partition(":")[0]
    if chains and code not in chains:
        right = ", ".join(chains)
        raise _refused(name, f"{code[:64]} cannot be chained to {parameter.code}; these can: {right}")


def check_repeated(parameter: Parameter, place: str, given: set[str], name: str) -> None:
    """Raises BadRequest where it comes again although it may come but once. `place` is the type, with the chain that leads
    to it; `given` are those that were given, added to.
    """
    if not parameter.added or parameter.definition.multiple_and:
        return
    if (where := f"{place}.{parameter.code}") in given:
        raise _refused(name, f"{parameter.code} may be given once in a search, and is given again")
    given.add(where)


def _refused(name: str, text: str) -> BadRequest:
    return BadRequest(f"{name}: {text}", code="not-supported", expression=f"http.{name}")
