"""What validation asks of terminology: whether a code is in a value set.

http://hl7.org/fhir/R4/terminologies.html#binding
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from fhir_server.definitions import definitions
from fhir_server.outcome import FhirError
from fhir_server.search.settle import Reader
from fhir_server.terminology.judgement import Coding, of_value_set
from fhir_server.terminology.sources import Sources
from fhir_server.terminology.valuesets import understood

Question = tuple[str, str | None, str]
"""Value set, system, code."""
MOST_ANSWERS: Final = 50_000


class Codes(Protocol):
    """Answers at once, from what is known in this process. What it did not know is `missing` until it is fetched."""

    @property
    def missing(self) -> bool:
        """Something was asked that may be answered after `fetch`."""
        ...

    async def fetch(self, reader: Reader) -> None:
        """What was missing is known now, or known not to be here."""
        ...

    def forget(self) -> None:
        """All that came from the store is asked for again."""
        ...

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Whether the code is in the value set (a canonical, with or without |version); None where that is not known.

        `system` None: the element has none (a code), and the value set's own counts.
        """
        ...


class CoreCodes:
    """Codes of the value sets that R4's own definitions list."""

    missing = False

    async def fetch(self, reader: Reader) -> None:
        """See Codes."""

    def forget(self) -> None:
        """See Codes."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """See Codes."""
        codes = definitions().value_set_codes(value_set)
        if codes is None:
            return None
        if system is None:
            return any(code == c for _, c in codes)
        return (system, code) in codes


class StoredCodes:
    """Codes of R4's own value sets, and answers about stored ones: each question is asked of the store once, until something
    changes there. `base` is this server's base URL.
    """

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._core = CoreCodes()
        self._answers: dict[Question, bool | None] = {}
        self._missing: set[Question] = set()

    @property
    def missing(self) -> bool:
        return bool(self._missing)

    def forget(self) -> None:
        """See Codes."""
        self._answers.clear()
        self._missing.clear()

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """See Codes. R4's own value sets are R4's, whatever is stored under their names."""
        own = self._core.member(value_set, system, code)
        if own is not None:
            return own
        question = value_set, system, code
        if question not in self._answers:
            self._missing.add(question)
            return None
        return self._answers[question]

    async def fetch(self, reader: Reader) -> None:
        """See Codes. A value set or code system that is not known, or not to be understood, leaves its questions open."""
        if len(self._answers) > MOST_ANSWERS:
            self._answers.clear()
        wanted, self._missing = self._missing, set()
        sources = Sources(reader, self._base)
        for value_set in sorted({name for name, _, _ in wanted}):
            asked = [question for question in wanted if question[0] == value_set]
            try:
                parts = await understood(sources, value_set)
                found = [await of_value_set(sources, parts, value_set, Coding(s, code)) for _, s, code in asked]
            except FhirError:
                self._answers.update(dict.fromkeys(asked))
                continue
            self._answers.update({question: each.result for question, each in zip(asked, found, strict=True)})


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
