"""JSON read with its digits, by the standard library and not by the product: `1.0` and `1.00` are not equal here."""

import json
from collections.abc import Callable
from typing import Any

Tree = dict[str, Any]


def exact(raw: bytes) -> Any:
    """The tree of `raw`; a number is ("number", its text)."""

    def digits(text: str) -> tuple[str, str]:
        return ("number", text)

    return json.loads(raw, parse_float=digits, parse_int=digits)


def stripped(resource: Tree, *names: str) -> Tree:
    """The resource without `names` (elements of the top) and without what every server sets: version and moment."""
    kept = {name: value for name, value in resource.items() if name not in names}
    if "meta" in kept:
        meta = {name: value for name, value in kept["meta"].items() if name not in {"versionId", "lastUpdated"}}
        kept = {name: meta if name == "meta" else value for name, value in kept.items() if name != "meta" or meta}
    return kept


def with_references(node: Any, resolve: Callable[[str], str]) -> Any:
    """The same tree with every Reference.reference resolved."""
    if isinstance(node, dict):
        return {
            name: resolve(value) if name == "reference" and isinstance(value, str) else with_references(value, resolve)
            for name, value in node.items()
        }
    return [with_references(item, resolve) for item in node] if isinstance(node, list) else node
