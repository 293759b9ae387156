"""The selectors of XML Patch: the part of XPath 1.0 that names one node, in bounded time.

Steps down with predicates, `@attribute`, text(), comment(); no `//`, no `..`, no axes and no functions that compute.
https://www.rfc-editor.org/rfc/rfc5261#section-4.1
"""

import re
from collections.abc import Mapping
from typing import Final

from fhir_server.outcome import BadRequest

MAX_LENGTH: Final = 1_000
_MAX_PREDICATES: Final = 20
_DEFAULT: Final = "default-namespace"

_NAME: Final = r"[A-Za-z_][\w.-]*"
_TOKEN: Final = re.compile(
    rf"""
      (?P<space> [ \t\r\n]+ )
    | (?P<test> (?:text|comment|position|last)\(\) )
    | (?P<prefixed> {_NAME}:(?:{_NAME}|\*) )
    | (?P<name> {_NAME} )
    | (?P<literal> '[^']*' | "[^"]*" )
    | (?P<number> \d{{1,9}}(?![\w.]) )
    | (?P<symbol> != | /(?!/) | \.(?!\.) | [\[\]@*=] )
    """,
    re.VERBOSE,
)
_WORDS: Final = frozenset({"and", "or"})


def xpath(selector: str, namespaces: Mapping[str | None, str], place: str) -> tuple[str, dict[str, str]]:
    """`selector` as absolute XPath 1.0 with its namespaces; names without a prefix are in the patch's default namespace.

    BadRequest with `place` as its expression for what is outside the part of XPath above.
    """
    if not selector.strip() or len(selector) > MAX_LENGTH:
        raise BadRequest(f"A selector has 1 to {MAX_LENGTH} characters", expression=place)
    known = {prefix: uri for prefix, uri in namespaces.items() if prefix}
    if default := namespaces.get(None):
        known[_DEFAULT] = default
    pieces: list[str] = []
    depth = opened = at = 0
    while at < len(selector):
        found = _TOKEN.match(selector, at)
        if not found:
            raise BadRequest(
                f"The selector {selector[:100]!r} is not allowed from character {at + 1} on: use steps down, predicates, "
                "@attribute, text() and comment()",
                expression=place,
            )
        at = found.end()
        kind, text = found.lastgroup, found[0]
        depth += (text == "[") - (text == "]")
        opened += text == "["
        if depth not in {0, 1} or opened > _MAX_PREDICATES:
            raise BadRequest("The predicates of the selector are not balanced, nested, or too many", expression=place)
        if kind == "prefixed" and text.partition(":")[0] not in known:
            raise BadRequest(f"The selector uses the undeclared prefix {text.partition(':')[0]}", expression=place)
        after_slash = depth == 1 and text == "/" and (not pieces or pieces[-1].strip() in {"[", "=", "!=", "and", "or"})
        if after_slash:
            raise BadRequest("A predicate looks below its own node only", expression=place)
        pieces.append(_qualified(text, pieces, depth, _DEFAULT in known) if kind == "name" else text)
    path = "".join(pieces).strip()
    return path if path.startswith("/") else "/" + path, known


def _qualified(name: str, before: list[str], depth: int, has_default: bool) -> str:
    """`name` in the default namespace where it names an element: attributes have none, `and` and `or` are operators."""
    last = next((piece for piece in reversed(before) if piece.strip()), "")
    if (
        last == "@"
        or not has_default
        or (name in _WORDS and depth == 1 and last not in {"[", "/", "and", "or", "=", "!="})
    ):
        return name
    return f"{_DEFAULT}:{name}"
