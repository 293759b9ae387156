"""JSON trees as the patches need them: copied, measured, freed of what became empty.

http://hl7.org/fhir/R4/json.html
"""

from typing import Any, Final

from fhir_server.outcome import Unprocessable

MAX_DEPTH: Final = 100
"""Objects and arrays within each other, as in every document that is accepted."""


def clone(tree: Any, depth: int = 0) -> Any:
    """A copy that shares no object or array with `tree`; Unprocessable below MAX_DEPTH levels."""
    if depth > MAX_DEPTH:
        raise Unprocessable(f"The patched resource is nested deeper than {MAX_DEPTH} levels", code="too-costly")
    if isinstance(tree, dict):
        return {key: clone(value, depth + 1) for key, value in tree.items()}
    if isinstance(tree, list):
        return [clone(value, depth + 1) for value in tree]
    return tree


def size(tree: Any) -> int:
    """How many values, objects and arrays `tree` holds, itself counted."""
    count, todo = 0, [tree]
    while todo:
        one = todo.pop()
        count += 1
        if isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
    return count


def pruned(tree: Any) -> Any:
    """A copy without empty objects and arrays, which FHIR does not have; None where nothing is left.

    A null keeps its place in an array as long as the array holds anything else.
    """
    if isinstance(tree, dict):
        kept = {key: left for key, value in tree.items() if (left := pruned(value)) is not None}
        return kept or None
    if isinstance(tree, list):
        left = [None if item is None else pruned(item) for item in tree]
        items = [item for item, given in zip(left, tree, strict=True) if item is not None or given is None]
        return items if any(item is not None for item in items) else None
    return tree
