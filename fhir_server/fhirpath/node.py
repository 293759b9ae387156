"""Elements of a resource with their FHIR type and their place, as FHIRPath sees them.

http://hl7.org/fhir/R4/fhirpath.html and http://hl7.org/fhir/R4/json.html#primitive
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import temporal, types
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.temporal import Temporal
from fhir_server.fhirpath.values import Quantity, Value, bounded


class Node:
    """One element: its JSON `value` (None where only `_name` holds something), its FHIR `type`, where it stands.

    `key` is the JSON name in `parent.value`, `index` the place in the array there (None: not repeating); the root has
    neither. `sibling` is the `_name` object of a primitive (id and extensions).
    """

    __slots__ = ("index", "key", "parent", "sibling", "type", "value")

    def __init__(
        self,
        value: Any,
        type: str,  # noqa: A002  # FHIR's word
        parent: "Node | None" = None,
        key: str = "",
        index: int | None = None,
        sibling: Any = None,
    ) -> None:
        self.value = value
        self.type = type
        self.parent = parent
        self.key = key
        self.index = index
        self.sibling = sibling

    def __repr__(self) -> str:
        return f"<{self.type} at {self.path}>"

    @property
    def name(self) -> str:
        """The element's name in FHIRPath: `value` for `valueQuantity`."""
        return types.element_name(self.parent.type, self.key) if self.parent else self.type

    @property
    def path(self) -> str:
        """The FHIRPath that leads here from the root: `Patient.name[0].given[1]`."""
        if self.parent is None:
            return self.type
        place = "" if self.index is None else f"[{self.index}]"
        return f"{self.parent.path}.{self.name}{place}"

    @property
    def primitive(self) -> bool:
        return not isinstance(self.value, Mapping) and types.is_primitive(self.type)

    @property
    def place(self) -> tuple[int, str, int | None]:
        """The same for two nodes of one element."""
        return (id(self.parent.value) if self.parent else id(self.value), self.key, self.index)

    def children(self) -> Iterator["Node"]:
        """All elements right below, in the order of the JSON object; id and extension first for a primitive."""
        if self.primitive:
            if isinstance(self.sibling, Mapping):
                yield from Node(self.sibling, "Element", self.parent, self.key, self.index).children()
            return
        if not isinstance(self.value, Mapping):
            return
        seen: set[str] = set()
        for key in self.value:
            name = key.removeprefix("_")
            if name not in seen:
                seen.add(name)
                element = types.element(self.type, name)
                if element is not None:
                    yield from self._values(element)

    def child(self, name: str) -> Iterator["Node"]:
        """The elements called `name` right below; a choice is called by its first part (`value`)."""
        if self.primitive:
            if isinstance(self.sibling, Mapping) and name in {"id", "extension"}:
                yield from Node(self.sibling, "Element", self.parent, self.key, self.index).child(name)
            return
        if isinstance(self.value, Mapping):
            for element in types.members(self.type, name):
                yield from self._values(element)

    def named(self, name: str) -> "list[Node]":
        """As `child`, in a list: most steps of most expressions."""
        value = self.value
        if type(value) is not dict:
            return list(self.child(name))
        found: list[Node] = []
        for element in types.members(self.type, name):
            key = element.name
            if element.primitive and f"_{key}" in value:
                found.extend(self._values(element))
                continue
            one = value.get(key)
            if type(one) is list:
                found += [self._node(element, each, index, None) for index, each in enumerate(one) if each is not None]
            elif one is not None:
                found.append(self._node(element, one, None, None))
        return found

    def _values(self, element: types.Element) -> Iterator["Node"]:
        key = element.name
        value = self.value.get(key)
        sibling = self.value.get("_" + key) if element.primitive else None
        if value is None and sibling is None:
            return
        if not isinstance(value, list) and not isinstance(sibling, list):
            yield self._node(element, value, None, sibling)
            return
        values = value if isinstance(value, list) else []
        siblings = sibling if isinstance(sibling, list) else []
        for index in range(max(len(values), len(siblings))):
            one = values[index] if index < len(values) else None
            beside = siblings[index] if index < len(siblings) else None
            if one is not None or beside is not None:
                yield self._node(element, one, index, beside)

    def _node(self, element: types.Element, value: Any, index: int | None, sibling: Any) -> "Node":
        type_ = element.type
        if type_ == "Resource":
            type_ = resource_type(value)
        return Node(value, type_, self, element.name, index, sibling)


def resource_type(value: Any) -> str:
    """The resource type that `value` says it is; `Resource` where it says nothing known."""
    name = value.get("resourceType") if isinstance(value, Mapping) else None
    return name if isinstance(name, str) and types.is_resource(name) else "Resource"


def root(resource: Mapping[str, Any]) -> Node:
    """The node of a whole resource."""
    return Node(resource, resource_type(resource))


def system(item: "Node | Value") -> "Node | Value | None":
    """`item` as a value of the language where FHIR converts it implicitly; None for a primitive without a value.

    What is not what its type says (a `date` that is no date) is its text; complex elements stay nodes.
    """
    if not isinstance(item, Node):
        return item
    value = item.value
    if isinstance(value, str):
        kind = types.TEMPORAL.get(item.type)
        return (temporal.parse(value, kind) or value) if kind else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > 64:
            raise FhirPathError("A number is too long to calculate with")
        return Decimal(value) if item.type == "decimal" else value
    if isinstance(value, float):
        return bounded(Decimal(repr(value)))
    if isinstance(value, Decimal):
        return bounded(value)
    return item


def quantity(item: "Node | Value") -> Quantity | None:
    """A FHIR Quantity without comparator (or one of the language) as a Quantity of the language."""
    if isinstance(item, Quantity):
        return item
    if not isinstance(item, Node) or not types.is_subtype(item.type, "Quantity") or not isinstance(item.value, Mapping):
        return None
    found = next(item.child("value"), None)
    number = system(found) if found else None
    if not isinstance(number, int | Decimal) or isinstance(number, bool) or item.value.get("comparator"):
        return None
    code, unit = item.value.get("code"), item.value.get("unit")
    return Quantity(Decimal(number), code if isinstance(code, str) else unit if isinstance(unit, str) else "1")


def temporal_or(item: "Node | Value", kind: temporal.Kind) -> Temporal | None:
    """`item` as a Temporal of `kind` where it is one or is a string that spells one."""
    value = system(item)
    if isinstance(value, Temporal):
        return value
    return temporal.parse(value, kind) if isinstance(value, str) else None


Item = Node | Value
"""What a collection holds: an element of the resource or a value of the language."""
