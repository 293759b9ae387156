"""Where in a JSON or XML text an element stands: line and column of the FHIRPath expressions of issues.

http://hl7.org/fhir/R4/extension-operationoutcome-issue-line.html and …-issue-col.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from xml.parsers import expat

from fhir_server.outcome import Issue

MOST: Final = 2**20
"""Bytes of a text that is looked through: half a second at the very most."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_STEP: Final = re.compile(r"(`(?:[^`\\]|\\.)*`|[^.\[\]`]+)(?:\[(\d+)\])?(?:\.|$)")
_DOCTYPE: Final = b"<!DOCTYPE"


@dataclass(slots=True)
class _Place:
    """An element of the text: its line and column, from 1; what is below by name, in the order of the text."""

    line: int
    column: int
    below: dict[str, list["_Place"]] = field(default_factory=dict)
    array: bool = False


def located(issues: Iterable[Issue], raw: bytes, *, under: str = "") -> tuple[Issue, ...]:
    """The issues with line and column of their first expression in the text, or of the nearest element around it.

    `under` is where in the text the resource stands that the expressions begin at ("": it is the text). A text that is too
    long or cannot be read leaves them as they are.
    """
    found = tuple(issues)
    if not found or not raw or len(raw) > MOST or _DOCTYPE in raw:
        return found
    try:
        root = _xml(raw) if raw.lstrip()[:1] in (b"<", b"\xef") else _json(raw)
    except (ValueError, IndexError, expat.ExpatError):
        return found
    prefix = list(_steps(under))[1:]
    return tuple(_with_place(issue, root, prefix) for issue in found)


def _with_place(issue: Issue, root: _Place, prefix: list[tuple[str, int | None]]) -> Issue:
    expression = next((e for e in issue.expression if not e.startswith("http.")), None)
    if expression is None or issue.line is not None:
        return issue
    place = root
    for name, index in (*prefix, *list(_steps(expression))[1:]):
        deeper = _below(place, name, index)
        if deeper is None:
            break
        place = deeper
    return replace(issue, line=place.line, column=place.column)


def _steps(expression: str) -> Iterator[tuple[str, int | None]]:
    for step in _STEP.finditer(expression):
        yield step[1].strip("`"), None if step[2] is None else int(step[2])


def _below(place: _Place, name: str, index: int | None) -> _Place | None:
    """The element of this name below; a choice (`value`) stands there with its type (`valueString`)."""
    below = place.below
    found = below.get(name) or below.get(f"_{name}")
    if found is None:
        found = next(
            (v for k, v in below.items() if k.startswith(name) and k[len(name) : len(name) + 1].isupper()), None
        )
    if found is None and len(below) == 1:
        (key,) = below  # XML: the resource within `resource` or `contained`
        return _below(below[key][0], name, index) if key[:1].isupper() else None
    if found is None:
        return None
    if found[0].array:
        items = found[0].below.get("", [])
        return found[0] if index is None else items[index] if index < len(items) else None
    return found[index or 0] if (index or 0) < len(found) else None


def _json(raw: bytes) -> _Place:
    """Every member and item of a JSON text. Raises ValueError, IndexError for what is none."""
    top = _Place(1, 1)
    stack: list[tuple[_Place, bool]] = [(top, True)]
    key, line, begin = "", 1, 0
    at = 0
    expected = True
    for token in _TOKEN.finditer(raw):
        start, text = token.start(), token.group()
        gone = raw.count(b"\n", at, start)
        if gone:
            line, begin = line + gone, raw.rfind(b"\n", at, start) + 1
        at = start
        holder, is_array = stack[-1]
        if text == b",":
            expected = is_array
        elif text == b":":
            expected = True
        elif text in (b"}", b"]"):
            stack.pop()
            expected = False
        elif not expected:
            key = text[1:-1].decode()
        else:
            place = _Place(line, len(raw[begin:start].decode()) + 1)
            if is_array:
                holder.below.setdefault("", []).append(place)
            else:
                holder.below[key] = [place]
            if text in (b"{", b"["):
                place.array = text == b"["
                stack.append((place, place.array))
                expected = place.array
    if len(stack) != 1 or len(top.below.get("", ())) != 1:
        raise ValueError("not one JSON value")
    return top.below[""][0]


def _xml(raw: bytes) -> _Place:
    """Every element of an XML text. Raises ExpatError for what is none."""
    top = _Place(1, 1)
    stack = [top]
    parser = expat.ParserCreate("utf-8")

    def start(name: str, attributes: dict[str, str]) -> None:
        place = _Place(parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        stack[-1].below.setdefault(name.rpartition(":")[2], []).append(place)
        if "url" in attributes:
            place.below["url"] = [place]
        stack.append(place)

    def end(_: str) -> None:
        stack.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(raw, True)  # the only form that expat has
    ((root,),) = top.below.values()
    return root
