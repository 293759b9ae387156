"""What validation asks of terminology: whether a code is in a value set.

http://hl7.org/fhir/R4/terminologies.html#binding
"""

from collections.abc import Mapping
from typing import Any, Protocol

from fhir_server.definitions import definitions


class Codes(Protocol):
    """Answers at once, from what is known in this process."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Whether the code is in the value set (a canonical, with or without |version); None where that is not known.

        `system` None: the element has none (a code), and the value set's own counts.
        """
        ...


class CoreCodes:
    """Codes of the value sets that R4's own definitions list."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """See Codes."""
        codes = definitions().value_set_codes(value_set)
        if codes is None:
            return None
        if system is None:
            return any(code == c for _, c in codes)
        return (system, code) in codes


def codings(value: Any, type_: str) -> list[tuple[str | None, str, str]]:
    """(system, code, place below) of a value of a type that bindings may stand on; () parts without a code are left out."""
    if type_ in ("code", "string", "uri") and isinstance(value, str):
        return [(None, value, "")]
    if not isinstance(value, Mapping):
        return []
    if type_ == "CodeableConcept":
        found = value.get("coding") or []
        return [
            (c.get("system", ""), c["code"], f".coding[{n}]")
            for n, c in enumerate(found)
            if isinstance(c, Mapping) and "code" in c
        ]
    return [(value.get("system", ""), value["code"], "")] if "code" in value else []
