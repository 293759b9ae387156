"""SearchParameter.expression, evaluated on raw JSON: the small part of FHIRPath that R4's search parameters use.

http://hl7.org/fhir/R4/fhirpath.html
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.oracle.definitions import Tree, package

TOKEN = re.compile(r"\s*('[^']*'|%?[A-Za-z_]\w*|\d+|!=|[()\[\].|=])")


@dataclass(frozen=True)
class Node:
    """A value in a resource: its FHIR type, the definition's path below which its children are, the value set that binds it.

    `root` is the resource that it stands in.
    """

    value: Any
    type: str
    path: str
    root: Tree
    binding: str = ""


Nodes = list[Node]
Meaning = Callable[[Nodes], Nodes]


def resource(tree: Tree, root: Tree | None = None) -> Node:
    return Node(tree, tree["resourceType"], tree["resourceType"], root if root is not None else tree)


def children(node: Node, name: str) -> Iterator[Node]:
    """The children called `name`; of a choice (`value`) the one that is there."""
    if not isinstance(node.value, dict):
        return
    plain = package().elements.get(f"{node.path}.{name}")
    choice = package().elements.get(f"{node.path}.{name}[x]")
    for element in filter(None, (plain, choice)):
        for type_ in element.types:
            key = name if element is plain else name + type_[0].upper() + type_[1:]
            value = node.value.get(key)
            for item in value if isinstance(value, list) else [value]:
                if item is None:
                    continue
                if isinstance(item, dict) and "resourceType" in item and type_ == "Resource":
                    yield resource(item, node.root)
                else:
                    of_type = (
                        type_
                        if f"{type_}" in package().elements and type_ not in {"BackboneElement", "Element"}
                        else ""
                    )
                    path = of_type if isinstance(item, dict) and of_type else element.path
                    yield Node(item, type_, path, node.root, element.binding)


def evaluate(expression: str, node: Node) -> Nodes:
    """What `expression` selects in a resource or, for a composite's parts, below the base element."""
    return compiled(expression)([node])


@cache
def compiled(expression: str) -> Meaning:
    tokens = TOKEN.findall(expression)
    assert "".join(tokens) == re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", expression), f"cannot read {expression}"
    reader = _Reader(tokens)
    meaning = reader.conjunction()
    assert not reader.tokens, f"left of {expression}: {reader.tokens}"
    return meaning


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def take(self, *wanted: str) -> bool:
        if self.tokens and self.tokens[0] in wanted:
            self.tokens.pop(0)
            return True
        return False

    def conjunction(self) -> Meaning:
        left = self.equality()
        if not self.take("and"):
            return left
        right = self.equality()
        return lambda nodes: _truth(all(_true(side(nodes)) for side in (left, right)), nodes)

    def equality(self) -> Meaning:
        left = self.union()
        if not (self.tokens and self.tokens[0] in {"=", "!="}):
            return left
        negated = self.tokens.pop(0) == "!="
        literal: Any = self.tokens.pop(0)
        literal = literal[1:-1] if literal[0] == "'" else literal == "true"

        def compare(nodes: Nodes) -> Nodes:
            values = [node.value for node in left(nodes)]
            return _truth((values == [literal]) != negated, nodes) if values else []

        return compare

    def union(self) -> Meaning:
        members = [self.typed()]
        while self.take("|"):
            members.append(self.typed())
        return lambda nodes: [found for member in members for found in member(nodes)]

    def typed(self) -> Meaning:
        left = self.way()
        if self.take("as"):
            wanted = self.tokens.pop(0)
            return lambda nodes: [node for node in left(nodes) if _is(node, wanted)]
        if self.take("is"):
            wanted = self.tokens.pop(0)
            return lambda nodes: _truth(any(_is(node, wanted) for node in left(nodes)), nodes)
        return left

    def way(self) -> Meaning:
        if self.take("("):
            meaning = self.conjunction()
            assert self.take(")")
        else:
            meaning = self.start()
        while self.tokens and self.tokens[0] in {".", "["}:
            meaning = _after(meaning, self.index() if self.take("[") else self.step())
        return meaning

    def start(self) -> Meaning:
        name = self.tokens[0]
        if name == "%resource":
            self.tokens.pop(0)
            return lambda nodes: [resource(node.root) for node in nodes[:1]]
        if name[0].isupper():
            self.tokens.pop(0)
            return lambda nodes: [n for n in nodes if n.type == name or name in {"Resource", "DomainResource"}]
        self.tokens.insert(0, ".")
        return self.step()

    def index(self) -> Meaning:
        number = int(self.tokens.pop(0))
        assert self.take("]")
        return lambda nodes: nodes[number : number + 1]

    def step(self) -> Meaning:
        self.take(".")
        name = self.tokens.pop(0)
        if not self.take("("):
            return lambda nodes: [child for node in nodes for child in children(node, name)]
        argument = None if self.tokens[0] == ")" else self.conjunction() if name == "where" else self.tokens.pop(0)
        assert self.take(")")
        return _function(name, argument)


def _function(name: str, argument: Any) -> Meaning:
    match name:
        case "where":
            return lambda nodes: [node for node in nodes if _true(argument([node]))]
        case "as" | "ofType":
            return lambda nodes: [node for node in nodes if _is(node, argument)]
        case "exists":
            return lambda nodes: _truth(bool(nodes), nodes)
        case "extension":
            url = argument[1:-1]
            return lambda nodes: [e for node in nodes for e in children(node, "extension") if e.value.get("url") == url]
        case "hasExtension":
            url = argument[1:-1]
            return lambda nodes: _truth(
                any(e.value.get("url") == url for node in nodes for e in children(node, "extension")), nodes
            )
        case "resolve":
            return lambda nodes: [
                Node(target, target, target, node.root) for node in nodes for target in [points_to(node)] if target
            ]
    raise AssertionError(f"no such function here: {name}")


def points_to(node: Node) -> str:
    """The resource type that a reference names: by its literal, that of a contained resource, or Reference.type.

    What lies elsewhere is told by its URL or by Reference.type.
    """
    value = node.value if isinstance(node.value, dict) else {"reference": node.value}
    literal = value.get("reference", "")
    if literal.startswith("#"):
        inside = [one["resourceType"] for one in node.root.get("contained", ()) if f"#{one.get('id')}" == literal]
        return inside[0] if inside else ""
    parts = literal.split("/_history/")[0].split("/")
    if len(parts) >= 2 and parts[-2] in package().resource_types:
        return str(parts[-2])
    return str(value.get("type", "")) if not literal or ":" in literal else ""


def _after(first: Meaning, then: Meaning) -> Meaning:
    return lambda nodes: then(first(nodes))


def _truth(value: bool, nodes: Nodes) -> Nodes:
    return [Node(value, "boolean", "boolean", nodes[0].root)] if nodes else []


def _true(nodes: Nodes) -> bool:
    return any(node.value is True for node in nodes)


def _is(node: Node, type_: str) -> bool:
    """R4 writes `as(DateTime)` once where it means dateTime."""
    return node.type in {type_, type_[0].lower() + type_[1:]}
