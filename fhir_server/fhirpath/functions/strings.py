"""String manipulation: substring, indexOf, matches, replace, upper, split and the others.

Regular expressions are RE2's: linear in time, without look-around and back-references.
http://hl7.org/fhirpath/N1/#string-manipulation
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item
from fhir_server.fhirpath.scope import Evaluate, Scope, integer, text

_MAX_PATTERN = 1_000
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True
_OPTIONS.max_mem = 8 << 20


def _search(name: str, found: Callable[[str, str], bool | int]) -> None:
    """Enters a function of one string that asks something about the string before the dot."""

    @function(name, 1)
    def ask(scope: Scope, items: list[Item], argument: Evaluate) -> list[Item]:
        string, wanted = text(items, f"{name}()"), text(argument(scope), f"{name}()")
        return [] if string is None or wanted is None else [found(string, wanted)]


_search("startsWith", str.startswith)
_search("endsWith", str.endswith)
_search("contains", lambda string, wanted: wanted in string)
_search("indexOf", str.find)
_search("lastIndexOf", str.rfind)


def _change(name: str, change: Callable[[str], Item | list[Item]]) -> None:
    """Enters a function without arguments of the string before the dot."""

    @function(name)
    def changed(scope: Scope, items: list[Item]) -> list[Item]:
        string = text(items, f"{name}()")
        if string is None:
            return []
        scope.run.budget.spend(len(string) >> 6)
        result = change(string)
        return result if isinstance(result, list) else [result]


_change("upper", str.upper)
_change("lower", str.lower)
_change("trim", str.strip)
_change("length", len)


@function("toChars")
def to_chars(scope: Scope, items: list[Item]) -> list[Item]:
    string = text(items, "toChars()") or ""
    scope.run.budget.spend(len(string))
    return list(string)


@function("substring", 1, 2)
def substring(scope: Scope, items: list[Item], start: Evaluate, length: Evaluate | None = None) -> list[Item]:
    """Empty where `start` lies outside the string."""
    string, at = text(items, "substring()"), integer(start(scope), "substring()")
    count = integer(length(scope), "substring()") if length else None
    if string is None or at is None or not 0 <= at < len(string):
        return []
    return [string[at:] if count is None else string[at : at + max(count, 0)]]


@function("replace", 2)
def replace(scope: Scope, items: list[Item], pattern: Evaluate, substitution: Evaluate) -> list[Item]:
    string, old, new = (text(part, "replace()") for part in (items, pattern(scope), substitution(scope)))
    if string is None or old is None or new is None:
        return []
    if len(new) > len(old):
        times = string.count(old) if old else len(string) + 1
        scope.run.budget.spend(times * len(new) >> 6)
    return [scope.run.budget.text(string.replace(old, new))]


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> Any:
    if len(pattern) > _MAX_PATTERN:
        raise FhirPathError(f"A regular expression may have {_MAX_PATTERN} characters, not {len(pattern)}")
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error:
        raise FhirPathError(
            f"{pattern[:100]!r} is no regular expression of RE2's syntax (without look-around and back-references)"
        ) from None


def _matching(scope: Scope, items: list[Item], regex: Evaluate, name: str) -> tuple[str, Any] | None:
    string, pattern = text(items, name), text(regex(scope), name)
    if string is None or pattern is None:
        return None
    scope.run.budget.spend(1 + (len(string) >> 4))
    return string, _pattern(pattern)


@function("matches", 1, 2)
def matches(scope: Scope, items: list[Item], regex: Evaluate, _flags: Evaluate | None = None) -> list[Item]:
    """Whether the pattern is found anywhere: anchors are the expression's business; `.` is any character."""
    found = _matching(scope, items, regex, "matches()")
    return [] if found is None else [found[1].search(found[0]) is not None]


@function("matchesFull", 1)
def matches_full(scope: Scope, items: list[Item], regex: Evaluate) -> list[Item]:
    found = _matching(scope, items, regex, "matchesFull()")
    return [] if found is None else [found[1].fullmatch(found[0]) is not None]


@function("replaceMatches", 2)
def replace_matches(scope: Scope, items: list[Item], regex: Evaluate, substitution: Evaluate) -> list[Item]:
    """Groups are `$1` in the substitution; an empty pattern replaces nothing."""
    found = _matching(scope, items, regex, "replaceMatches()")
    new = text(substitution(scope), "replaceMatches()")
    if found is None or new is None:
        return []
    string, pattern = found
    if not pattern.pattern:
        return [string]
    scope.run.budget.spend((len(string) + 1) * len(new) >> 6)
    return [scope.run.budget.text(pattern.sub(lambda match: _substituted(new, match), string))]


def _substituted(new: str, match: Any) -> str:
    """`new` with `$n` replaced by group n; a number that is no group stays as it is."""
    if "$" not in new:
        return new
    head, *parts = new.split("$")
    groups = match.groups()
    for part in parts:
        if part[:1].isascii() and part[:1].isdigit() and int(part[0]) <= len(groups):
            head += (match.group(int(part[0])) or "") + part[1:]
        else:
            head += "$" + part
    return head


@function("split", 1)
def split(scope: Scope, items: list[Item], separator: Evaluate) -> list[Item]:
    string, by = text(items, "split()"), text(separator(scope), "split()")
    if string is None or by is None:
        return []
    parts: list[Item] = list(string.split(by) if by else string)
    scope.run.budget.spend(len(parts))
    return parts


@function("join", 0, 1)
def join(scope: Scope, items: list[Item], separator: Evaluate | None = None) -> list[Item]:
    by = text(separator(scope), "join()") if separator else ""
    if by is None:
        return []
    parts = [text([item], "join()") for item in items]
    scope.run.budget.spend(len(parts) * (1 + len(by)) >> 6)
    return [scope.run.budget.text(by.join(part for part in parts if part is not None))]
