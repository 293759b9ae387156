"""A search, answered by looking at every resource: slow, and meant to be obviously right.

http://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.oracle import meaning, texts, values
from tests.oracle.definitions import Parameter, Tree, defined, package, parameters
from tests.oracle.meaning import Refused, plain, split
from tests.oracle.paths import Node, evaluate, resource
from tests.oracle.values import EPOCH, MICROSECOND, Pointer

ALLOWED = {
    "string": {"exact", "contains"},
    "token": {"text", "not", "of-type", "in", "not-in", "above", "below"},
    "uri": {"above", "below"},
    "reference": {"identifier", "above", "below"},
}
"""Modifiers by type, besides `missing` and the resource types that a reference may point to."""


Filter = tuple[str, tuple[Any, ...]]
"""("and" | "or" | "not", filters), or ("", (a parameter with its value,))."""


class World:
    """Resources that refer to one another, below one base URL. `now` is what `ap` hangs on; `inside`: chains enter
    contained resources.
    """

    def __init__(
        self, resources: Iterable[Tree], base: str, now: datetime | None = None, *, inside: bool = True
    ) -> None:
        self.base, self.inside = base, inside
        self.now = ((now or datetime.now(UTC)) - EPOCH) // MICROSECOND
        self.nodes = {(one["resourceType"], one["id"]): resource(one) for one in resources}
        self.by_type: dict[str, list[Node]] = {}
        for (type_, _), node in self.nodes.items():
            self.by_type.setdefault(type_, []).append(node)
        self._canonical: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            if isinstance(url := node.value.get("url"), str):
                for name in {url, f"{url}|{node.value.get('version', '')}"}:
                    self._canonical.setdefault(name, []).append(node)
        self._targets: dict[tuple[int, str], list[Node]] = {}
        self._selected: dict[tuple[int, str], list[Node]] = {}
        self.filters: dict[str, Filter] = {}
        """What each text of `_filter` that was drawn is made of."""

    def matches(self, type_: str, query: Sequence[tuple[str, str]]) -> set[str]:
        """The ids of the resources of `type_` for which every parameter of `query` holds. Raises Refused."""
        for name, value in query:
            self.check(type_, name, value)
        return {
            node.value["id"] for node in self.by_type.get(type_, ()) if all(self.holds(node, *each) for each in query)
        }

    # ---- one parameter on one resource

    def holds(self, one: Node, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, source, link, rest = name.split(":", 3)
            return one.root is one.value and any(
                self._refers(other, link, one) and self.holds(other, rest, value)
                for other in self.by_type.get(source, ())
            )
        if name == "_filter":
            return self._filtered(one, self.filters[value])
        if name == "_list":
            lists = [self.nodes["List", id_] for id_ in value.split(",") if ("List", id_) in self.nodes]
            return any(self._refers(each, "item", one) for each in lists)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return any(
                self.holds(target, rest, value)
                for target in self.targets(one, code, modifier)
                if known(target.type, rest)
            )
        alternatives = [each for each in split(value, ",") if each]
        if modifier in {"not", "not-in"}:
            positive = "" if modifier == "not" else "in"
            return not any(self._matches(one, code, positive, each) for each in alternatives)
        return any(self._matches(one, code, modifier, each) for each in alternatives) or not alternatives

    def _filtered(self, one: Node, tree: Filter) -> bool:
        match tree[0]:
            case "and":
                return all(self._filtered(one, each) for each in tree[1])
            case "or":
                return any(self._filtered(one, each) for each in tree[1])
            case "not":
                return not self._filtered(one, tree[1][0])
            case _:
                return self.holds(one, *tree[1][0])

    def targets(self, one: Node, code: str, type_: str = "") -> list[Node]:
        """The resources that `one` refers to by a parameter: those here, and those it contains."""
        key = (id(one.value), code)
        if key not in self._targets:
            self._targets[key] = list(self._resolved(one, code))
        return [found for found in self._targets[key] if type_ in {"", found.type}]

    def _resolved(self, one: Node, code: str) -> Iterator[Node]:
        for node in self.select(one, code):
            if node.type in package().resource_types:
                yield resource(node.value, one.root)
                continue
            for pointer in values.pointers(node, self.base):
                if pointer.inside:
                    contained = (each for each in one.root.get("contained", ()) if each.get("id") == pointer.inside)
                    yield from (resource(each, one.root) for each in contained if self.inside)
                elif (pointer.type, pointer.id) in self.nodes:
                    yield self.nodes[pointer.type, pointer.id]
                else:
                    yield from self._canonical.get(pointer.url, ())

    def _refers(self, other: Node, link: str, one: Node) -> bool:
        return any(target is one for target in self.targets(other, link.partition(":")[0]))

    def _matches(self, one: Node, code: str, modifier: str, text: str) -> bool:
        if code in {"_id", "_lastUpdated"} and modifier == "missing":
            return (code == "_lastUpdated" and one.root is not one.value) == (text == "true")
        if code == "_id":
            return bool(one.value.get("id") == plain(text))
        if code == "_lastUpdated":
            return self._updated(one, text)
        parameter = parameters(one.type)[code]
        if code == "near":
            return any(meaning.near(node, text) for node in self.select(one, code))
        if parameter.type == "reference" and modifier in {"below", "above"}:
            wanted = plain(text)
            return any(self._related(found, wanted, modifier) for found in self.pointers(one, code))
        if modifier == "missing":
            if text not in {"true", "false"}:
                raise Refused(text)
            return self.missing(one, parameter) == (text == "true")
        if parameter.type == "composite":
            return self._composite(one, parameter, text)
        return any(self._one(node, parameter.type, modifier, text) for node in self.select(one, code))

    def _one(self, node: Node, type_: str, modifier: str, text: str) -> bool:
        match type_:
            case "string":
                return meaning.string(node, modifier, text)
            case "token":
                return meaning.token(node, modifier, text)
            case "uri":
                return meaning.uri(node, modifier, text)
            case "reference":
                return meaning.reference(node, modifier, text, self.base, ())
            case "date":
                return meaning.date(node, text, self.now)
            case "number":
                return meaning.number(node, text)
            case "quantity":
                return meaning.quantity(node, text)
        raise Refused(type_)

    def _composite(self, one: Node, parameter: Parameter, text: str) -> bool:
        """All parts hold on one of the base elements (R4 §3.1.1.4.13)."""
        parts = split(text, "$")
        if len(parts) != len(parameter.components):
            raise Refused(text)
        return any(
            all(
                any(self._one(node, defined(url, one.type).type, "", part) for node in evaluate(expression, base))
                for part, (url, expression) in zip(parts, parameter.components, strict=True)
            )
            for base in self.select(one, parameter.code)
        )

    def pointers(self, one: Node, code: str) -> list[Pointer]:
        return [found for node in self.select(one, code) for found in values.pointers(node, self.base)]

    def _related(self, found: Pointer, text: str, modifier: str) -> bool:
        """The pointer leads to `[type]/[id]`, or to what is below or above it by what resources say they are part of."""
        type_, _, id_ = text.partition("/")
        low, high = ((type_, id_), (found.type, found.id))[:: -1 if modifier == "below" else 1]
        return found.type == type_ and high in self.lineage(low)

    def lineage(self, key: tuple[str, str]) -> set[tuple[str, str]]:
        """The resource itself and all that it is part of."""
        seen, fresh = {key}, [key]
        while fresh:
            node = self.nodes.get(fresh.pop())
            if node is None:
                continue
            whole = part_of(node.type)
            more = {(p.type, p.id) for p in self.pointers(node, whole) if p.type == node.type} if whole else set()
            fresh += more - seen
            seen |= more
        return seen

    def _updated(self, one: Node, text: str) -> bool:
        """A contained resource has no moment of its own."""
        if one.root is not one.value:
            return False
        prefix, rest = meaning.prefixed(text)
        wanted, found = values.moment(rest), values.moment(one.value["meta"]["lastUpdated"])
        if wanted is None or found is None:
            raise Refused(text)
        return meaning.compare_times(prefix, wanted, found, self.now)

    # ---- values

    def select(self, one: Node, code: str) -> list[Node]:
        """What the parameter's expression selects."""
        key = (id(one.value), code)
        if key not in self._selected:
            parameter = parameters(one.type).get(code)
            self._selected[key] = evaluate(parameter.expression, one) if parameter else []
        return self._selected[key]

    def missing(self, one: Node, parameter: Parameter) -> bool:
        """The resource has no value for the parameter."""
        return not any(has_value(node, parameter.type, self.base) for node in self.select(one, parameter.code))

    # ---- what is refused

    def check(self, type_: str, name: str, value: str) -> None:
        """Raises Refused for a parameter, modifier or chain that the type does not have."""
        if name.startswith("_has:"):
            _, source, link, rest = [*name.split(":", 3), "", ""][:4]
            if source not in package().resource_types or not _links(source, link, type_):
                raise Refused(name)
            self.check(source, rest, value)
            return
        head, dot, rest = name.partition(".")
        code, colon, modifier = head.partition(":")
        if name in {"_filter", "_list"}:
            return
        if code in {"_id", "_lastUpdated"} and not dot:
            if colon and modifier != "missing" and (code, modifier) != ("_id", "not"):
                raise Refused(head)
            return
        parameter = parameters(type_).get(code)
        if parameter is None:
            raise Refused(f"{type_} has no {code}")
        targets = set(parameter.targets)
        if dot:
            if parameter.type != "reference" or (colon and modifier not in targets):
                raise Refused(head)
            if not any(known(target, rest) for target in ([modifier] if colon else targets)):
                raise Refused(name)
        elif colon and modifier != "missing" and modifier not in ALLOWED.get(parameter.type, set()) | targets:
            raise Refused(head)


@cache
def part_of(type_: str) -> str:
    """The parameter by which resources of this type say what of the same type they are part of; "" where there is none."""
    known = parameters(type_)
    return next((c for c in ("partof", "part-of", "parent") if c in known and type_ in known[c].targets), "")


def _links(source: str, link: str, target: str) -> bool:
    parameter = parameters(source).get(link)
    return parameter is not None and parameter.type == "reference" and target in parameter.targets


def known(type_: str, name: str) -> bool:
    """Whether the type has the first parameter of a name with chains."""
    code = name.partition(".")[0].partition(":")[0]
    return code in {"_id", "_lastUpdated", "_has", "_list"} or code in parameters(type_)


def has_value(node: Node, type_: str, base: str) -> bool:
    match type_:
        case "string":
            return bool(texts.strings(node))
        case "token":
            return bool(values.tokens(node) or values.token_texts(node))
        case "uri":
            return any(values.uris(node))
        case "reference":
            return bool(values.pointers(node, base))
        case "date":
            return bool(values.times(node))
        case "number" | "quantity":
            return bool(values.amounts(node))
    return True
