"""Strings in other forms: encode, decode, escape, unescape.

http://hl7.org/fhirpath/#additional-string-functions (FHIRPath 2.1)
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Final

from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.registry import function
from fhir_server.fhirpath.node import Item
from fhir_server.fhirpath.scope import Evaluate, Scope, text

Form = Callable[[str], str]

_ENCODE: Final[dict[str, Form]] = {
    "base64": lambda string: base64.b64encode(string.encode()).decode(),
    "urlbase64": lambda string: base64.urlsafe_b64encode(string.encode()).decode(),
    "hex": lambda string: string.encode().hex(),
}
_DECODE: Final[dict[str, Form]] = {
    "base64": lambda string: base64.b64decode(string, validate=True).decode(),
    "urlbase64": lambda string: base64.b64decode(string, altchars=b"-_", validate=True).decode(),
    "hex": lambda string: bytes.fromhex(string).decode(),
}
_ESCAPE: Final[dict[str, Form]] = {
    "html": lambda string: html.escape(string, quote=False).replace('"', "&quot;"),
    "json": lambda string: json.dumps(string, ensure_ascii=False)[1:-1],
}


_JSON_ESCAPES: Final = re.compile(r"(?:\\(?:u[0-9a-fA-F]{4}|.))+", re.DOTALL)


def _unescaped_json(string: str) -> str:
    """`string` with JSON's escapes undone; quotes may stand as they are. ValueError for what is no escape."""
    found = _JSON_ESCAPES.sub(lambda match: str(json.loads(f'"{match[0]}"')), string)
    found.encode()
    return found


_UNESCAPE: Final[dict[str, Form]] = {"html": html.unescape, "json": _unescaped_json}


def _enter(name: str, forms: dict[str, Form]) -> None:
    @function(name, 1)
    def change(scope: Scope, items: list[Item], form: Evaluate) -> list[Item]:
        string, wanted = text(items, f"{name}()"), text(form(scope), f"{name}()")
        if string is None or wanted is None:
            return []
        if wanted not in forms:
            raise FhirPathError(f"{name}() knows {', '.join(forms)}, not {wanted!r}")
        try:
            return [scope.run.budget.text(forms[wanted](string))]
        except (ValueError, binascii.Error):
            raise FhirPathError(f"{name}(): the string is not {wanted}") from None


_enter("encode", _ENCODE)
_enter("decode", _DECODE)
_enter("escape", _ESCAPE)
_enter("unescape", _UNESCAPE)
