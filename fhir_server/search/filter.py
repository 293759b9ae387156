"""_filter: a filter as a tree of the same kind as that of the other search parameters.

http://hl7.org/fhir/R4/search_filter.html

A test is about the set of values that its path leads to: `eq`, `ne` and the like hold where one of them is so, `ni` and
`pr false` where none is. What R4's search prefixes and modifiers mean is meant here too; text is compared without case and
accents, by the order of its code points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import product

from fhir_server.outcome import BadRequest
from fhir_server.search.criteria import Terms, criterion
from fhir_server.search.filter_syntax import Condition, Filter, Junction, Negation, Step, parse, wrong
from fhir_server.search.folding import fold
from fhir_server.search.parameters import COLUMNS, Parameter, parameters, unavailable
from fhir_server.search.query import (
    And,
    Chain,
    Compare,
    DateRange,
    Match,
    Node,
    Not,
    Number,
    Op,
    Or,
    String,
    Together,
    Uri,
)
from fhir_server.search.restrictions import check_chain
from fhir_server.search.tree import simple
from fhir_server.search.types import ALTERNATIVES, date, number
from fhir_server.search.types.reading import Alternatives, Reading

APPLICABLE: Mapping[str, str] = {
    "string": "eq ne co sw ew gt lt ge le pr",
    "number": "eq ne co gt lt ge le ap sa eb pr",
    "date": "eq ne co gt lt ge le ap sa eb pr po",
    "token": "eq ne pr ss sb in ni",
    "reference": "pr re",
    "quantity": "eq ne gt lt ge le ap sa eb pr",
    "uri": "eq ne sw pr",
}
"""Search parameter type → the operators that R4's table gives it (it has no line for uri); any other type has `eq` alone."""

GROUPED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("Group", "characteristic"): {"value": "value", "code": "characteristic"},
    ("DocumentReference", "relatesTo"): {"code": "relation", "target": "relatesto"},
}
"""R4's additional parameters: type and name → names below it → search parameters. Those whose search parameters R4 itself
has not (Observation.related, ServiceRequest.event, item and item-event) are not here.
"""

NAMESPACES: Mapping[str, str] = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ucum": "http://unitsofmeasure.org",
}
MODIFIED: Mapping[str, str] = {"ss": "below", "sb": "above", "in": "in"}
TEXT_OPS: Mapping[str, Op] = {
    "eq": Op.EQ,
    "ne": Op.NE,
    "co": Op.CONTAINS,
    "sw": Op.STARTS,
    "ew": Op.ENDS,
    "gt": Op.GT,
    "lt": Op.LT,
    "ge": Op.GE,
    "le": Op.LE,
}
MAX_CHAINS = 8
MAX_TESTS = 2000
"""Tests after a path was followed to each of the types that it may lead to."""


def filtered(type_: str, text: str, terms: Terms) -> Node | None:
    """The tree of `_filter=text` for resources of this type; None for a blank text. Raises BadRequest, which names the place."""
    return simple(_Filter(replace(terms, given=None)).node(parse(text), type_)) if text.strip() else None


class _Unknown(BadRequest):
    """The type has no such parameter; another that the path leads to may have."""


class _Filter:
    """Makes the nodes of one filter."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.made = 0

    def node(self, part: Filter, type_: str, chains: int = 0) -> Node:
        match part:
            case Junction("and", of):
                return And(tuple(self.node(each, type_, chains) for each in of))
            case Junction(_, of):
                return Or(tuple(self.node(each, type_, chains) for each in of))
            case Negation(of):
                return Not(self.node(of, type_, chains))
            case Condition(path, "ni", value, at):
                return Not(self.path(Condition(path, "in", value, at), type_, path, chains))
            case Condition(path, "pr", value, at):
                if value.lower() not in ("true", "false"):
                    raise wrong(at, f"pr {value[:64]}: expected true or false")
                found = self.path(Condition(path, "pr", "true", at), type_, path, chains)
                return found if value.lower() == "true" else Not(found)
            case Condition(path):
                return self.path(part, type_, path, chains)

    def path(self, test: Condition, type_: str, path: Sequence[Step], chains: int) -> Node:
        """The test on what is left of its path, from a resource of this type."""
        step, *rest = path
        if (type_, step.name) in GROUPED and (rest or step.where is not None):
            return self.grouped(test, type_, step, rest)
        if rest:
            return self.chain(test, type_, step, rest, chains)
        if step.target:
            raise wrong(step.at, f"{step.name} is followed by a type, and so must be by . and a name")
        self.made += 1
        if self.made > MAX_TESTS:
            raise wrong(step.at, "the filter leads to too many types: name those that are meant", "too-costly")
        parameter = _parameter(type_, step)
        try:
            return self.compared(type_, parameter, test)
        except BadRequest as error:
            if error.issues[0].expression == ("http._filter",):
                raise
            raise wrong(step.at, str(error), error.issues[0].code) from error

    def chain(self, test: Condition, type_: str, step: Step, rest: Sequence[Step], chains: int) -> Node:
        """The resource refers to one for which the rest of the path holds, and the filter in brackets."""
        if chains >= MAX_CHAINS:
            raise wrong(step.at, f"more than {MAX_CHAINS} chains within one another", "too-costly")
        parameter = _parameter(type_, step)
        if "Reference" not in parameter.types:
            raise wrong(step.at, f"{step.name} is no reference that can be followed")
        try:
            check_chain(parameter, rest[0].name, step.name)
        except BadRequest as error:
            raise wrong(step.at, str(error), error.issues[0].code) from error
        allowed = (parameter.target,) if parameter.target else parameter.targets
        if step.target and step.target not in allowed:
            raise wrong(step.at, f"{step.name} does not refer to {step.target}; it does to {', '.join(allowed[:10])}")
        found: list[Node] = []
        unknown: _Unknown | None = None
        for target in (step.target,) if step.target else allowed:
            try:
                where = self.path(test, target, rest, chains + 1)
                if step.where is not None:
                    where = And((self.node(step.where, target, chains + 1), where))
            except _Unknown as error:
                unknown = unknown or error
                continue
            found += [Chain(code, target, where) for code in parameter.stored]
        if not found:
            raise unknown or wrong(step.at, f"{step.name} refers to no type that can be searched")
        return Or(tuple(found))

    def grouped(self, test: Condition, type_: str, step: Step, rest: Sequence[Step]) -> Node:
        """Tests on parts of one and the same element."""
        names = GROUPED[type_, step.name]
        if step.where is None or len(rest) != 1 or rest[0].where is not None:
            raise wrong(step.at, f"{step.name} stands with a filter and a name: {step.name}[…].{next(iter(names))}")
        inner = self.node(_renamed(step.where, names), type_)
        last = self.path(test, type_, [_named(rest[0], names)], 0)
        found = []
        for one, other in product(_alternatives(simple(inner)), _alternatives(simple(last))):
            if one is None or other is None:
                raise wrong(step.at, f"inside {step.name}[…] tests are joined by and and or alone")
            found.append(Together((*one, *other)))
        return Or(tuple(found))

    def compared(self, type_: str, parameter: Parameter, test: Condition) -> Node:
        """The test of the parameter's own values."""
        operator, value = test.operator, test.value
        plain = parameter.type in APPLICABLE and (
            parameter.code in COLUMNS or parameter.type != "string" or String in parameter.kinds
        )
        applicable = (APPLICABLE[parameter.type] if plain else "eq").split()
        if operator not in applicable:
            known = ", ".join(applicable)
            kind = parameter.type
            raise wrong(
                test.at, f"{operator} is not for {parameter.code}, a parameter of type {kind}; there are {known}"
            )
        if operator == "pr":
            return self.searched(type_, f"{parameter.code}:missing", "false")
        if parameter.code in COLUMNS:
            return self.column(type_, parameter, operator, value)
        if plain and parameter.type in ("string", "uri") and operator in TEXT_OPS:
            return _any(parameter, self.text(parameter, operator, value))
        if parameter.type == "token":
            return self.token(type_, parameter, operator, _namespaced(value))
        if operator in ("co", "po"):
            return _any(parameter, self.ranges(parameter, operator, value))
        if operator in ("eq", "re"):
            prefix = "eq" if parameter.type in ("date", "number", "quantity") else ""
            return self.searched(type_, parameter.code, prefix + _one(value))
        return self.searched(type_, parameter.code, operator + _one(value))

    def searched(self, type_: str, name: str, value: str) -> Node:
        """What the search parameter means by itself."""
        return criterion(type_, name, value, self.terms) or Or(())

    def column(self, type_: str, parameter: Parameter, operator: str, value: str) -> Node:
        """`_id` and `_lastUpdated`, of which every resource has one: a moment contains and overlaps what it is in."""
        if parameter.type == "token":
            found = self.searched(type_, parameter.code + _modifier(operator), _one(value))
            return Not(found) if operator == "ne" else found
        return self.searched(type_, parameter.code, ("eq" if operator in ("co", "po") else operator) + _one(value))

    def text(self, parameter: Parameter, operator: str, value: str) -> Alternatives:
        """Whole texts: the single words that a family name is found by besides have no `original`."""
        op = TEXT_OPS[operator]
        if parameter.type == "uri":
            return ((Compare(Uri, "value", op, value),),)
        compare = Compare(String, "folded", op, fold(value))
        return ((compare,),) if operator in ("co", "ew") else ((compare, Compare(String, "original", Op.NE, "")),)

    def token(self, type_: str, parameter: Parameter, operator: str, value: str) -> Node:
        if operator != "ne":
            return self.searched(type_, parameter.code + _modifier(operator), _one(value))
        equal = ALTERNATIVES["token"](value, "", self.reading(parameter))
        unequal = product(*((_unequal(compare) for compare in each) for each in equal))
        return _any(parameter, tuple(unequal))

    def ranges(self, parameter: Parameter, operator: str, value: str) -> Alternatives:
        """`co`: the range of the entry holds that of the value; `po`: they overlap. A number has the range of its element:
        the index does not know the digits that it was written with.
        """
        reading = self.reading(parameter)
        if parameter.type == "number":
            exact, _, _ = number.precision(value, reading)
            return ((Compare(Number, "low", Op.LE, exact), Compare(Number, "high", Op.GE, exact)),)
        _, low, high = date.searched(f"eq{value}", reading)
        if operator == "co":
            return ((Compare(DateRange, "low", Op.LE, low), Compare(DateRange, "high", Op.GE, high)),)
        return ((Compare(DateRange, "low", Op.LT, high), Compare(DateRange, "high", Op.GT, low)),)

    def reading(self, parameter: Parameter) -> Reading:
        return Reading(parameter.code, parameter.types, (), self.terms.base, self.terms.now, parameter.exact)


def _parameter(type_: str, step: Step) -> Parameter:
    found = parameters(type_).get(step.name)
    if found is not None:
        return found
    near = get_close_matches(step.name[:64], list(parameters(type_)), n=3)
    reason = unavailable(type_, step.name) or (f"did you mean {' or '.join(near)}?" if near else "")
    text = f"{type_} has no search parameter {step.name[:64]!r}{': ' if reason else ''}{reason}"
    raise _Unknown(issues=wrong(step.at, text, "not-supported").issues)


def _any(parameter: Parameter, anyof: Alternatives) -> Node:
    return Or(tuple(Match(code, anyof) for code in parameter.stored))


def _modifier(operator: str) -> str:
    return f":{MODIFIED[operator]}" if operator in MODIFIED else ""


def _unequal(compare: Compare) -> Compare:
    return Compare(compare.kind, compare.field, Op.ONE if compare.op is Op.NONE else Op.NE, compare.value)


def _namespaced(value: str) -> str:
    """`loinc|x` with the system in full."""
    name, bar, code = value.partition("|")
    return f"{NAMESPACES[name.lower()]}|{code}" if bar and name.lower() in NAMESPACES else value


def _one(value: str) -> str:
    """The value with its commas escaped: a test has one value."""
    pieces, at = [], 0
    while at < len(value):
        size = 2 if value[at] == "\\" else 1
        piece = value[at : at + size]
        pieces.append("\\," if piece == "," else piece)
        at += size
    return "".join(pieces)


def _renamed(part: Filter, names: Mapping[str, str]) -> Filter:
    """The filter with the search parameters that its names stand for."""
    match part:
        case Junction(word, of):
            return Junction(word, tuple(_renamed(each, names) for each in of))
        case Negation(of):
            return Negation(_renamed(of, names))
        case Condition((step,), operator, value, at):
            return Condition((_named(step, names),), operator, value, at)
        case _:
            raise wrong(part.at, f"here stands one of {', '.join(names)}")


def _named(step: Step, names: Mapping[str, str]) -> Step:
    if step.name not in names or step.where is not None or step.target:
        raise wrong(step.at, f"here stands one of {', '.join(names)}, not {step.name[:64]!r}")
    return Step(names[step.name], step.at)


def _alternatives(node: Node) -> list[tuple[Match, ...] | None]:
    """Matches that hold together, by alternatives; None for what is no such thing."""
    match node:
        case Match():
            return [(node,)]
        case And(of):
            parts = [_alternatives(each) for each in of]
            return [_joined(each) for each in product(*parts)]
        case Or(of):
            return [alternative for each in of for alternative in _alternatives(each)]
        case _:
            return [None]


def _joined(parts: tuple[tuple[Match, ...] | None, ...]) -> tuple[Match, ...] | None:
    found: list[Match] = []
    for part in parts:
        if part is None:
            return None
        found += part
    return tuple(found)
