"""What validation asks of terminology: whether a code is in a value set.

http://hl7.org/fhir/R4/terminologies.html#binding
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, Final, Protocol

from fhir_server.definitions import definitions
from fhir_server.outcome import FhirError, Unavailable
from fhir_server.search.settle import Reader
from fhir_server.terminology.judgement import Coding, in_value_set
from fhir_server.terminology.remote.asking import NOBODY, REST, Nobody
from fhir_server.terminology.sources import Sources

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

    def why(self, value_set: str, system: str | None, code: str) -> str:
        """Why `member` does not know, where it is more than that nothing is there to tell by."""
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

    def why(self, value_set: str, system: str | None, code: str) -> str:  # noqa: ARG002 - as Codes has it
        """See Codes."""
        return ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """Good `until` then, on the monotonic clock."""

    result: bool | None
    why: str = ""
    until: float = inf


class StoredCodes:
    """Codes of R4's own value sets, and answers about stored ones: each question is asked of the store once, until something
    changes there; what the remote terminology server has said, until that is old. `base` is this server's base URL.
    """

    def __init__(self, base: str = "", remote: Nobody = NOBODY) -> None:
        self._base = base
        self._remote = remote
        self._core = CoreCodes()
        self._answers: dict[Question, _Answer] = {}
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
        found = self._answers.get(question)
        if found is None or found.until < monotonic():
            self._missing.add(question)
            return None
        return found.result

    def why(self, value_set: str, system: str | None, code: str) -> str:
        """See Codes."""
        found = self._answers.get((value_set, system, code))
        return "" if found is None else found.why

    async def fetch(self, reader: Reader) -> None:
        """See Codes. A value set or code system that is not known, or not to be understood, leaves its questions open; so does
        a remote terminology server that cannot be asked, for a while.
        """
        if len(self._answers) > MOST_ANSWERS:
            self._answers.clear()
        wanted, self._missing = self._missing, set()
        sources = Sources(reader, self._base, remote=self._remote)
        for value_set in sorted({name for name, _, _ in wanted}):
            asked = [question for question in wanted if question[0] == value_set]
            try:
                found = await in_value_set(sources, value_set, [Coding(s, code) for _, s, code in asked])
            except Unavailable as error:
                self._answers.update(dict.fromkeys(asked, _Answer(None, str(error), monotonic() + REST)))
                continue
            except FhirError:
                self._answers.update(dict.fromkeys(asked, _Answer(None, until=monotonic() + self._remote.age)))
                continue
            until = monotonic() + self._remote.age
            self._answers.update({q: _Answer(each.result, until=until) for q, each in zip(asked, found, strict=True)})


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
