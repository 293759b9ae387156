"""What is left of a resource of unsound structure without its faulty parts: the further tiers look at that, so that all that
is wrong is told at once.

http://hl7.org/fhir/R4/validation.html
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from fhir_server.outcome import Issue

Json = Mapping[str, Any]
Check = Callable[[Json], Sequence[Issue]]

ROUNDS: Final = 5
"""Taking out a fault may leave another: an object without content."""
_STEP: Final = re.compile(r"\.(?P<name>[A-Za-z][A-Za-z0-9]*|`[^`]*`)(?:\[(?P<index>[0-9]+)\])?")
_INDEX: Final = re.compile(r"\[[0-9]+\]$")
_KEPT: Final = frozenset({"required", "code-invalid"})
"""Faults that leave everything in its place: what is not there cannot be taken out, and a code remains a code."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """`resource` without what is `gone`, faulty or never there; codes at the places `wrong` are none of their value set."""

    resource: Json
    gone: frozenset[str]
    wrong: frozenset[str]

    def new(self, issues: Iterable[Issue]) -> list[Issue]:
        """The issues that do not come of the faults."""
        return [issue for issue in issues if not any(map(self._touched, issue.expression))]

    def _touched(self, place: str) -> bool:
        """At a faulty place or below it; and right above what is gone, where something may be missing for that reason."""
        return any(
            place == fault or place.startswith((f"{fault}.", f"{fault}[")) for fault in (*self.gone, *self.wrong)
        ) or place in {fault.rpartition(".")[0] for fault in self.gone}


def remainder(resource: Json, faults: Sequence[Issue], check: Check) -> Remainder | None:
    """None where nothing is left that could be looked at. `check` finds faults of structure."""
    left: Any = orjson.loads(orjson.dumps(resource))
    gone: set[str] = set()
    wrong: set[str] = set()
    for _ in range(ROUNDS):
        for issue in faults:
            places = {_INDEX.sub("", place) for place in issue.expression}
            if issue.code == "code-invalid":
                wrong |= {*issue.expression}
            elif issue.code == "required" or all(_take_out(left, place) for place in places):
                gone |= places
            else:
                return None
        faults = [issue for issue in check(left) if issue.severity in ("error", "fatal")]
        if all(issue.code in _KEPT for issue in faults):
            gone |= {place for issue in faults if issue.code == "required" for place in issue.expression}
            return Remainder(left, frozenset(gone), frozenset(wrong))
    return None


def _take_out(resource: Any, place: str) -> bool:
    """Whether it could be: the member at the place is gone, which may be a whole array."""
    type_, dot, rest = place.partition(".")
    steps = list(_STEP.finditer(dot + rest))
    if not steps or "".join(step[0] for step in steps) != dot + rest or type_ != resource.get("resourceType"):
        return False
    holder = resource
    for step in steps[:-1]:
        holder = _inside(holder, step["name"], int(step["index"] or 0))
        if holder is None:
            return True  # taken out already, with what was around it
    for name in _members(holder, steps[-1]["name"]):
        del holder[name]
    return True


def _inside(holder: Any, name: str, index: int) -> Any:
    """The JSON object of an element, or of its item: of a primitive the one with its extensions."""
    for value in _members(holder, name).values():
        found = value[index : index + 1] if isinstance(value, list) else [value]
        if found and isinstance(found[0], dict):
            return found[0]
    return None


def _members(holder: Any, name: str) -> dict[str, Any]:
    """The members of a JSON object that an element is in: `value` is in valueString and _valueString."""
    if not isinstance(holder, dict):
        return {}
    own = name.strip("`").encode().decode("unicode_escape")
    found = {key: value for key, value in holder.items() if key.removeprefix("_") == own}
    if found:
        return found
    return {key: value for key, value in holder.items() if _chosen(key.removeprefix("_"), own)}


def _chosen(key: str, name: str) -> bool:
    """The key is that of a choice, with its type."""
    type_ = key.removeprefix(name)
    return type_ != key and type_[:1].isupper() and type_.isalpha()
