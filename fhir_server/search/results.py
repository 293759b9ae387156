"""Search result parameters: how the matches come back.

http://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_server.definitions import definitions
from fhir_server.outcome import BadRequest
from fhir_server.search import sorting
from fhir_server.search.criteria import UnknownParameter
from fhir_server.search.parameters import COLUMNS, Parameter, parameters, unavailable
from fhir_server.search.query import Include, Sort, Total

PASSED_OVER = frozenset({"_format", "_pretty", "_page"})
"""Parameters of the request that other rooms read."""
MAX_SORTS = 10
MAX_INCLUDES = 64
SUMMARIES = ("true", "text", "data", "count", "false")


@dataclass(slots=True)
class Results:
    """What the result parameters ask for; `count` None: not said."""

    count: int | None = None
    sort: list[Sort] = field(default_factory=list)
    total: Total = Total.NONE
    summary: str = ""
    elements: list[str] = field(default_factory=list)
    include: list[Include] = field(default_factory=list)
    contained: str = ""
    contained_type: str = "container"
    seen: set[str] = field(default_factory=set)

    def read(self, name: str, value: str, types: tuple[str, ...]) -> bool:
        """Takes a result parameter in; False where `name` is none. Raises BadRequest, or UnknownParameter for a sort,
        include or _elements that lenient handling may pass over.
        """
        code, _, modifier = name.partition(":")
        reader = READERS.get(code)
        if reader is None:
            return False
        if modifier and (code not in ("_include", "_revinclude") or modifier != "iterate"):
            raise _bad(name, f"{code} has no modifier :{modifier[:64]}")
        if code in ONCE and code in self.seen:
            raise _bad(name, f"{code} may be given only once")
        self.seen.add(code)
        reader(self, name, value, types)
        return True

    def check(self) -> None:
        """Raises BadRequest for what cannot go together."""
        if self.include and self.summary == "text":
            raise _bad("_summary", "_include and _revinclude cannot be mixed with _summary=text")
        if self.elements and self.summary not in ("", "false"):
            raise _bad("_elements", "_elements and _summary cannot be used together")
        if self.contained and any(rule.param not in COLUMNS or rule.chain for rule in self.sort):
            raise _bad(
                "_sort", "with _contained, matches are sorted by _id or _lastUpdated alone: those of their containers"
            )


def _bad(name: str, text: str) -> BadRequest:
    return BadRequest(text, code="value", expression=f"http.{name}")


def _count(results: Results, name: str, value: str, _types: tuple[str, ...]) -> None:
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise _bad(name, f"_count={value[:64]}: expected a whole number")
    results.count = int(value)


def _total(results: Results, name: str, value: str, _types: tuple[str, ...]) -> None:
    try:
        results.total = Total(value)
    except ValueError:
        raise _bad(name, f"_total={value[:64]}: expected none, estimate or accurate") from None


def _summary(results: Results, name: str, value: str, _types: tuple[str, ...]) -> None:
    if value not in SUMMARIES:
        raise _bad(name, f"_summary={value[:64]}: expected {', '.join(SUMMARIES[:-1])} or false")
    results.summary = value


def _elements(results: Results, name: str, value: str, types: tuple[str, ...]) -> None:
    results.elements += element_names(value, types, name)


def element_names(value: str, types: Sequence[str], name: str = "_elements") -> list[str]:
    """Element names of the base resource; those of a choice by either name. Raises UnknownParameter where one of them is
    no element of any of the types, or one below their own: R4 lets the client choose between these alone.
    """
    d = definitions()
    known = {n for t in types for e in d.elements(t).values() for n in (e.name, e.choice)}
    names = []
    for piece in value.split(","):
        element = piece.strip()
        for type_ in types:
            element = element.removeprefix(f"{type_}.")
        if element not in known:
            text = f"_elements={piece[:64]}: no element of {' or '.join(types[:3])}"
            raise UnknownParameter(text, code="value", expression=f"http.{name}")
        names.append(element)
    return names


def _sort(results: Results, name: str, value: str, types: tuple[str, ...]) -> None:
    results.sort += [sorting.rule(name, rule.strip(), types) for rule in value.split(",") if rule.strip()]
    if len(results.sort) > MAX_SORTS:
        raise _bad(name, f"_sort has more than {MAX_SORTS} rules")


def _include(results: Results, name: str, value: str, types: tuple[str, ...]) -> None:
    code, _, modifier = name.partition(":")
    reverse, iterate = code == "_revinclude", modifier == "iterate"
    parts = value.split(":")
    if len(results.include) >= MAX_INCLUDES:
        raise _bad(name, f"more than {MAX_INCLUDES} includes")
    if value == "*":
        results.include.append(Include("*", "*", None, reverse, iterate))
        return
    if len(parts) not in (2, 3) or not all(parts):
        raise _bad(name, f"{name}={value[:64]}: expected [type]:[parameter] or [type]:[parameter]:[target type]")
    source, param, target = (*parts, None)[:3]
    _check_include(name, str(source), str(param), target)
    one = Include(str(source), str(param), target, reverse, iterate)
    if not iterate and not _leads(one, types):
        way = "to" if reverse else "from"
        text = f"{name}={value[:64]} leads nowhere {way} {' and '.join(types[:3])}; {code}:iterate follows what is included"
        raise UnknownParameter(text, expression=f"http.{name}")
    if one not in results.include:
        results.include.append(one)


def _leads(one: Include, types: tuple[str, ...]) -> bool:
    """Whether it goes out from one of the types searched, or as `_revinclude` leads to one."""
    if not one.reverse:
        return one.source in types
    known = parameters(one.source)
    ways = [p for p in known.values() if p.usage == "reference"] if one.param == "*" else [known[one.param]]
    reached = {type_ for p in ways for type_ in p.targets}
    return any(type_ in reached for type_ in types if one.target in (None, type_))


def _check_include(name: str, source: str, param: str, target: str | None) -> None:
    if not definitions().is_resource(source):
        raise _bad(name, f"{name}: {source[:64]!r} is no resource type")
    if target is not None and not definitions().is_resource(target):
        raise _bad(name, f"{name}: {target[:64]!r} is no resource type")
    if param == "*":
        return
    found: Parameter | None = parameters(source).get(param)
    if found is None or found.usage != "reference":
        why = f": {reason}" if (reason := unavailable(source, param)) else ""
        text = f"{name}: {source} has no reference parameter {param[:64]!r}{why}"
        raise UnknownParameter(text, expression=f"http.{name}")
    if target is not None and target not in found.targets:
        right = ", ".join(found.targets[:10])
        raise _bad(name, f"{name}: {source}:{param} does not refer to {target}; it does to {right}")


def _contained(results: Results, name: str, value: str, _types: tuple[str, ...]) -> None:
    if value not in ("true", "false", "both"):
        raise _bad(name, f"_contained={value[:64]}: expected true, false or both")
    results.contained = "" if value == "false" else value


def _contained_type(results: Results, name: str, value: str, _types: tuple[str, ...]) -> None:
    if value not in ("container", "contained"):
        raise _bad(name, f"_containedType={value[:64]}: expected container or contained")
    results.contained_type = value


READERS: dict[str, Callable[[Results, str, str, tuple[str, ...]], None]] = {
    "_count": _count,
    "_total": _total,
    "_summary": _summary,
    "_elements": _elements,
    "_sort": _sort,
    "_include": _include,
    "_revinclude": _include,
    "_contained": _contained,
    "_containedType": _contained_type,
}
ONCE = frozenset({"_count", "_total", "_summary", "_contained", "_containedType"})
