"""A condition on the concepts of one code system, said as a value set: how another server is asked for them.

http://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.concepts import (
    Above,
    AllOf,
    AnyOf,
    Below,
    Condition,
    Every,
    Flagged,
    Listed,
    Matching,
    Not,
    Saying,
    System,
    Under,
    Valued,
)
from fhir_server.outcome import BadRequest

Json = Mapping[str, Any]


def composed(system: System, where: Condition) -> dict[str, Any]:
    """The ValueSet of the concepts that are meant. Raises BadRequest (not-supported) for what a value set cannot say."""
    of = {"system": system.url, **({"version": system.version} if system.version else {})}
    include: list[Json] = []
    exclude: list[Json] = []
    compose: dict[str, Any] = {"include": include}
    choices = where.of if isinstance(where, AnyOf) else (where,)
    for choice in choices:
        parts = conjuncts(choice)
        less = [part.of for part in parts if isinstance(part, Not)]
        if less and len(choices) > 1:
            raise _unsayable(system)
        include.append({**of, **_said(system, [part for part in parts if not isinstance(part, Not)])})
        for each in less:
            if each == Flagged("inactive"):
                compose["inactive"] = False
                continue
            exclude += [{**of, **_said(system, conjuncts(one))} for one in (each.of if isinstance(each, AnyOf) else (each,))]  # fmt: skip
    if exclude:
        compose["exclude"] = exclude
    return {"resourceType": "ValueSet", "status": "active", "compose": compose}


def conjuncts(where: Condition) -> tuple[Condition, ...]:
    """Conditions that hold together."""
    return where.of if isinstance(where, AllOf) else (where,)


def words(where: Condition) -> tuple[tuple[str, ...], tuple[Condition, ...]]:
    """The words that all that is meant says, and the conditions beside them."""
    parts = conjuncts(where)
    said = tuple(word for part in parts if isinstance(part, Saying) for word in part.words)
    return said, tuple(part for part in parts if not isinstance(part, Saying))


def _said(system: System, parts: Sequence[Condition]) -> Json:
    """What an include says beside its system: codes, or filters (R4's vsd-3: not both)."""
    parts = [part for part in parts if not isinstance(part, Every)]
    codes = [part for part in parts if isinstance(part, Listed)]
    if not parts:
        return {}
    if codes:
        if len(parts) > 1 or not codes[0].codes:
            raise _unsayable(system)
        return {"concept": [{"code": code} for code in sorted(codes[0].codes)]}
    return {"filter": [_filter(system, part) for part in parts]}


def _filter(system: System, part: Condition) -> Json:
    match part:
        case Below(code, True):
            found = "concept", "is-a", code
        case Below(code, False):
            found = "concept", "descendent-of", code
        case Above(code):
            found = "concept", "generalizes", code
        case Under(code, up):
            found = "child" if up else "parent", "=", code
        case Valued(name, None):
            found = name, "exists", "true"
        case Valued(name, values) if values is not None and len(values) == 1:
            found = name, "=", min(values)
        case Valued(name, values) if values and not any("," in value for value in values):
            found = name, "in", ",".join(sorted(values))
        case Matching(name, regex):
            found = name, "regex", regex
        case Flagged(flag):
            found = "inactive" if flag == "inactive" else "notSelectable", "=", "true"
        case _:
            raise _unsayable(system)
    name, op, value = found
    return {"property": name, "op": op, "value": value}


def _unsayable(system: System) -> BadRequest:
    return BadRequest(
        f"what is meant of {system.url[:200]} cannot be asked of the terminology server that knows this code system",
        code="not-supported",
    )
