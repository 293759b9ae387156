"""JSON Patch: add, remove, replace, move, copy, test.

https://www.rfc-editor.org/rfc/rfc6902, https://www.rfc-editor.org/rfc/rfc6901 and http://hl7.org/fhir/R4/http.html#patch
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fhir_server.formats import json
from fhir_server.outcome import BadRequest, Invalid, Unprocessable
from fhir_server.patch.pointer import fhirpath
from fhir_server.patch.tree import MAX_DEPTH, clone, size

MAX_OPERATIONS: Final = 1_000
MAX_COPIED: Final = 100_000
"""Values that all `copy` operations of a patch may make together: each could double the resource."""

_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "add": ("path", "value"),
    "remove": ("path",),
    "replace": ("path", "value"),
    "move": ("from", "path"),
    "copy": ("from", "path"),
    "test": ("path", "value"),
}
_POINTER: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*", re.DOTALL)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Operation:
    number: int
    op: str
    path: Pointer
    source: Pointer
    value: Any
    type: str
    """Of the resource that is patched; "" for what is none."""

    def impossible(self, text: str, member: str = "path") -> Unprocessable:
        """Names the place in the resource, and beside it that in the patch."""
        place = f"[{self.number}].{member}"
        if not self.type:
            return Unprocessable(f"{self.op}: {text}", code="processing", expression=place)
        where = fhirpath(self.type, self.source if member == "from" else self.path)
        return Unprocessable(f"{self.op}: {text}", code="processing", expression=where, diagnostics=place)


def parse(raw: bytes) -> list[Any]:
    """The JSON array `raw` as strictly read as any resource; BadRequest for anything else."""
    try:
        tree = json.parse(b'{"patch":' + raw + b"}").tree
    except Invalid as error:
        raise BadRequest(f"The JSON Patch is not acceptable JSON: {error}") from None
    operations = tree.get("patch")
    if len(tree) != 1 or not isinstance(operations, list):
        raise BadRequest("A JSON Patch is one array of operations")
    return operations


def apply(tree: Any, patch: Sequence[Any]) -> Any:
    """The patched copy of `tree`, which stays as it is.

    BadRequest (400) for a malformed patch, with the operation in `expression` ("[2].path"); Unprocessable (422) for one
    that does not fit `tree` or whose test fails, with the place in the resource there and the operation in `diagnostics`.
    """
    type_ = tree.get("resourceType") if isinstance(tree, Mapping) else None
    operations = _operations(patch, type_ if isinstance(type_, str) else "")
    document = clone(tree)
    copied = 0
    for operation in operations:
        if operation.op == "copy":
            copied += size(_found(document, operation, operation.source, "from"))
            if copied > MAX_COPIED:
                raise operation.impossible(f"the patch copies more than {MAX_COPIED:,} values", "from")
        document = _applied(document, operation)
    return clone(document)


def _operations(patch: Any, type_: str) -> list[_Operation]:
    if not isinstance(patch, list | tuple):
        raise BadRequest("A JSON Patch is an array of operations")
    if len(patch) > MAX_OPERATIONS:
        raise BadRequest(f"A patch may have {MAX_OPERATIONS} operations, not {len(patch)}", code="too-costly")
    return [_operation(number, given, type_) for number, given in enumerate(patch)]


def _operation(number: int, given: Any, type_: str) -> _Operation:
    """`given` where it is well formed: members known to the operation are there, pointers are pointers."""
    if not isinstance(given, Mapping):
        raise BadRequest("An operation of a JSON Patch is an object", expression=f"[{number}]")
    op = given.get("op")
    if not isinstance(op, str) or op not in _NEEDS:
        raise BadRequest(f"op is {str(op)[:40]!r}; it is one of {', '.join(_NEEDS)}", expression=f"[{number}].op")
    for member in _NEEDS[op]:
        if member not in given:
            raise BadRequest(f"{op} needs the member {member!r}", expression=f"[{number}].{member}")
    path = _pointer(given["path"], f"[{number}].path")
    source = _pointer(given["from"], f"[{number}].from") if op in {"move", "copy"} else ()
    if op == "move" and len(path) > len(source) and path[: len(source)] == source:
        raise BadRequest("move: a value cannot be moved into itself", expression=f"[{number}].path")
    return _Operation(number, op, path, source, given.get("value"), type_)


def _pointer(text: Any, place: str) -> Pointer:
    if not isinstance(text, str) or not _POINTER.fullmatch(text):
        raise BadRequest("A JSON Pointer is empty or begins with /, and writes ~ as ~0 and / as ~1", expression=place)
    pointer = tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])
    if len(pointer) > MAX_DEPTH:
        raise BadRequest(f"A JSON Pointer may have {MAX_DEPTH} parts, not {len(pointer)}", expression=place)
    return pointer


def _applied(document: Any, operation: _Operation) -> Any:
    match operation.op:
        case "add":
            return _added(document, operation, clone(operation.value))
        case "remove":
            return _removed(document, operation, operation.path, "path")
        case "replace":
            _found(document, operation, operation.path, "path")
            return _replaced(document, operation)
        case "move":
            value = _found(document, operation, operation.source, "from")
            if operation.path == operation.source:
                return document
            return _added(_removed(document, operation, operation.source, "from"), operation, value)
        case "copy":
            return _added(document, operation, clone(_found(document, operation, operation.source, "from")))
        case _:
            if not equal(_found(document, operation, operation.path, "path"), operation.value):
                raise operation.impossible("the value is another one", "value")
            return document


def _found(document: Any, operation: _Operation, pointer: Pointer, member: str) -> Any:
    """The value that `pointer` points to."""
    value = document
    for depth, part in enumerate(pointer):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and (index := _index(part)) is not None and index < len(value):
            value = value[index]
        else:
            raise operation.impossible(f"there is nothing at {_text(pointer[: depth + 1])}", member)
    return value


def _index(part: str) -> int | None:
    return int(part) if _INDEX.fullmatch(part) else None


def _text(pointer: Pointer) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in pointer)[:200]


def _added(document: Any, operation: _Operation, value: Any) -> Any:
    if not operation.path:
        return value
    *above, last = operation.path
    parent = _found(document, operation, tuple(above), "path")
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        index = len(parent) if last == "-" else _index(last)
        if index is None or index > len(parent):
            raise operation.impossible(f"{_text(operation.path)} is no place in an array of {len(parent)}")
        parent.insert(index, value)
    else:
        raise operation.impossible(f"{_text(tuple(above))} is neither object nor array")
    return document


def _removed(document: Any, operation: _Operation, pointer: Pointer, member: str) -> Any:
    _found(document, operation, pointer, member)
    if not pointer:
        return None
    parent = _found(document, operation, pointer[:-1], member)
    del parent[int(pointer[-1]) if isinstance(parent, list) else pointer[-1]]
    return document


def _replaced(document: Any, operation: _Operation) -> Any:
    value = clone(operation.value)
    if not operation.path:
        return value
    parent = _found(document, operation, operation.path[:-1], "path")
    parent[int(operation.path[-1]) if isinstance(parent, list) else operation.path[-1]] = value
    return document


def equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: numbers by their value with all digits, true is not 1, the order of members is free."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return Decimal(repr(left)) == Decimal(repr(right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return isinstance(left, str) and isinstance(right, str) and left == right
