"""FHIRPath Patch: add, insert, delete, replace, move on elements that FHIRPath names.

http://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Mapping
from typing import Any

from fhir_server.fhirpath import Budget, Environment, Expression, FhirPathError, Node, types
from fhir_server.outcome import BadRequest
from fhir_server.patch.operations import Operation, operations
from fhir_server.patch.tree import clone, pruned
from fhir_server.patch.values import Content, append, content, padded, store

_ALONE = Environment()


def apply(resource: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The patched copy of `resource`, which stays as it is.

    BadRequest (400) for a malformed patch, Unprocessable (422) for one that does not fit the resource, both with the
    operation in `expression`. Deleting what is not there is no error; emptied elements go away with their content.
    """
    todo = operations(parameters)
    tree: dict[str, Any] = clone(resource)
    budget = Budget()
    for operation in todo:
        _APPLY[operation.type](tree, operation, budget)
    checked: dict[str, Any] = clone(tree)
    return checked


def _nodes(tree: dict[str, Any], operation: Operation, budget: Budget, path: Expression | None = None) -> list[Node]:
    """The elements that the path names, each once."""
    try:
        items = (path or operation.path).evaluate(tree, environment=_ALONE, budget=budget)
    except FhirPathError as error:
        issue = error.issues[0]
        if issue.code == "too-costly":
            raise BadRequest(issue.text, code=issue.code, expression=operation.place) from None
        raise operation.impossible(issue.text) from None
    nodes = [item for item in items if isinstance(item, Node)]
    if len(nodes) < len(items):
        raise operation.impossible("the path gives values, not elements of the resource")
    return list({node.place: node for node in nodes}.values())


def _single(tree: dict[str, Any], operation: Operation, budget: Budget) -> Node:
    nodes = _nodes(tree, operation, budget)
    if len(nodes) != 1:
        found = f"{len(nodes)} elements" if nodes else "no element"
        raise operation.impossible(f"the path must name a single element; it names {found}")
    return nodes[0]


def _add(tree: dict[str, Any], operation: Operation, budget: Budget) -> None:
    _add_below(_single(tree, operation, budget), operation)


def _add_below(node: Node, operation: Operation) -> None:
    """A new element below `node`: the last one of a list, or the only one of its name."""
    holder = _holder(node, operation)
    new = content(operation.value, _type(node), operation.name, operation)
    if new.element.repeats:
        append(holder, new)
        return
    names = [one.name for one in types.members(node.type, new.element.choice or new.element.name)]
    if any(name in holder or "_" + name in holder for name in [*names, new.element.name]):
        raise operation.impossible(f"{operation.name} is there already and does not repeat; use replace")
    _store(holder, new)


def _type(node: Node) -> str:
    return "Element" if node.primitive else node.type


def _holder(node: Node, operation: Operation) -> dict[str, Any]:
    """The JSON object that holds what is below `node`: its value, or beside a primitive its `_name` object (made here)."""
    if not node.primitive:
        if not isinstance(node.value, dict):
            raise operation.impossible(f"{node.path} holds no elements")
        return node.value
    if isinstance(node.sibling, dict):
        return node.sibling
    assert node.parent is not None
    made: dict[str, Any] = {}
    above, key = node.parent.value, "_" + node.key
    if node.index is None:
        above[key] = made
    else:
        siblings = padded(above.get(key), node.index + 1)
        siblings[node.index] = made
        above[key] = siblings
    return made


def _store(holder: dict[str, Any], new: Content) -> None:
    """`new`, not repeating, stands in `holder`."""
    key = new.element.name
    for name, value in ((key, new.value), ("_" + key, new.sibling)):
        if value is None:
            holder.pop(name, None)
        else:
            holder[name] = value


def _replace(tree: dict[str, Any], operation: Operation, budget: Budget) -> None:
    node = _single(tree, operation, budget)
    if node.parent is None:
        raise operation.impossible("a resource is not replaced by a patch; use update")
    above: dict[str, Any] = node.parent.value
    new = content(operation.value, node.parent.type, node.name, operation)
    if node.index is None:
        if new.element.name != node.key:
            above.pop(node.key, None)
            above.pop("_" + node.key, None)
        _store(above, new)
        return
    values = padded(above.get(node.key), node.index + 1)
    values[node.index] = new.value
    store(above, node.key, values)
    if new.element.primitive:
        siblings = padded(above.get("_" + node.key), node.index + 1)
        siblings[node.index] = new.sibling
        store(above, "_" + node.key, siblings)


def _delete(tree: dict[str, Any], operation: Operation, budget: Budget) -> None:
    nodes = _nodes(tree, operation, budget)
    if len(nodes) > 1:
        raise operation.impossible(f"only a single element can be deleted; the path names {len(nodes)}")
    if not nodes:
        return
    node = nodes[0]
    if node.parent is None:
        raise operation.impossible("a resource is not deleted by a patch; use delete")
    _remove(node.parent.value, node.key, node.index)
    left = pruned(tree)
    tree.clear()
    tree.update(left or {})


def _remove(above: dict[str, Any], key: str, index: int | None) -> None:
    for name in (key, "_" + key):
        items = above.get(name)
        if index is None:
            above.pop(name, None)
        elif isinstance(items, list) and index < len(items):
            store(above, name, items[:index] + items[index + 1 :])


def _insert(tree: dict[str, Any], operation: Operation, budget: Budget) -> None:
    node, name = _list(tree, operation, budget)
    new = content(operation.value, _type(node), name, operation)
    if not new.element.repeats:
        raise operation.impossible(f"{name} is no list")
    holder = _holder(node, operation)
    count = _length(holder, new.element.name)
    if operation.index > count:
        raise operation.impossible(f"index {operation.index} is beyond the list of {count}")
    append(holder, new, operation.index)


def _move(tree: dict[str, Any], operation: Operation, budget: Budget) -> None:
    node, name = _list(tree, operation, budget)
    holder = node.sibling if node.primitive else node.value
    elements = types.members(_type(node), name)
    if not elements or not elements[0].repeats or not isinstance(holder, dict):
        raise operation.impossible(f"{name} is no list")
    key = elements[0].name
    count = _length(holder, key)
    for what, index in (("source", operation.source), ("destination", operation.destination)):
        if index >= count:
            raise operation.impossible(f"{what} {index} is beyond the list of {count}")
    for stored in (key, "_" + key):
        if isinstance(holder.get(stored), list):
            items = padded(holder[stored], count)
            items.insert(operation.destination, items.pop(operation.source))
            store(holder, stored, items)


def _list(tree: dict[str, Any], operation: Operation, budget: Budget) -> tuple[Node, str]:
    """The single element that holds the list of the path, and the list's name."""
    member = operation.path.member
    if member is None:
        raise operation.impossible("the path must end with the name of a list")
    holder, name = member
    nodes = _nodes(tree, operation, budget, holder)
    if len(nodes) != 1:
        raise operation.impossible(f"the path must name a single list; it names {len(nodes)}")
    return nodes[0], name


def _length(holder: dict[str, Any], key: str) -> int:
    return max(len(items) if isinstance(items := holder.get(name), list) else 0 for name in (key, "_" + key))


_APPLY = {"add": _add, "insert": _insert, "delete": _delete, "replace": _replace, "move": _move}
