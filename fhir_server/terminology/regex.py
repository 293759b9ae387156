"""Regular expressions of value sets, matched in linear time.

http://hl7.org/fhir/R4/valueset-filter-operator.html#filter-operator-regex, https://github.com/google/re2/wiki/Syntax
"""

from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from fhir_server.outcome import Unprocessable

MOST = 1000
"""Characters of an expression."""
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20


@lru_cache(256)
def compiled(regex: str) -> Any:
    """The expression, with `fullmatch`. Raises Unprocessable for what is none, or is too long."""
    if len(regex) > MOST:
        raise Unprocessable(f"a regular expression may have {MOST} characters", code="too-costly")
    try:
        return re2.compile(regex, _OPTIONS)
    except re2.error:
        raise Unprocessable(f"{regex[:100]!r} is no regular expression that can be matched in linear time", code="value") from None  # fmt: skip


def fullmatch(regex: Any, text: Any) -> bool:
    """Whether there is a text and the whole of it matches: for stores that call it from their statements."""
    return text is not None and compiled(regex).fullmatch(text) is not None
