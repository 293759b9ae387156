"""What a FHIRPath expression may ask of the server: resources behind references, value sets, profiles, code systems.

http://hl7.org/fhir/R4/fhirpath.html#functions

Evaluation waits for nothing. What it asks for and is not here is noted and fetched, and the expression is evaluated
again, until nothing more is missing: references lead only to what the caller may see.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from fhir_server.context import Context
from fhir_server.fhirpath import Environment, FhirPathError, Node
from fhir_server.interactions.conformance import renew
from fhir_server.model import Key
from fhir_server.references import parse
from fhir_server.terminology.judgement import subsumption
from fhir_server.terminology.sources import Sources
from fhir_server.validation.codes import codings
from fhir_server.validation.narrative import faults
from fhir_server.validation.profiles.check import Checker

T = TypeVar("T")
Json = Mapping[str, Any]
Pair = tuple[str, str, str]
"""A code system and two of its codes."""

MOST_ROUNDS: Final = 20
"""What is fetched may ask for more: `resolve().resolve()`."""
MOST_ASKED: Final = 1_000
"""References and pairs of codes of one evaluation."""


class Surroundings:
    """What one request's expressions have asked for, and what was found."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        known = ctx.server.known
        checker = Checker(known.profiles.find, known.codes, self._resolve)
        self.environment = Environment(
            resolve=self._resolve,
            member_of=lambda node, value_set: checker.member(value_set, node),
            conforms_to=self._conforms(checker),
            subsumes=self._subsumes,
            html_checks=lambda div: not faults(div),
        )
        self._resources: dict[Key, Json | None] = {}
        self._above: dict[Pair, bool | None] = {}
        self._missing: set[Key | Pair] = set()

    async def settled(self, evaluate: Callable[[], T]) -> T:
        """What `evaluate` gives once all that it asks for has been looked for. It runs in a thread, some times over.

        Raises FhirPathError, TooCostly.
        """
        known = self._ctx.server.known
        await renew(self._ctx)
        for _ in range(MOST_ROUNDS):
            answer = await asyncio.to_thread(_tried, evaluate)
            if not self._missing and not known.missing:
                break
            if len(self._resources) + len(self._above) + len(self._missing) > MOST_ASKED:
                raise FhirPathError(f"The expressions ask for more than {MOST_ASKED:,} resources", code="too-costly")
            await self._fetch()
            await known.settled(self._ctx.reader, lambda: None)
        if isinstance(answer, FhirPathError):
            raise answer
        return answer

    def _resolve(self, reference: str) -> Json | None:
        target = parse(reference, self._ctx.server.base_url)
        if target is None or not target.local or target.version:
            return None
        key = Key(target.type, target.id)
        if key not in self._resources:
            self._missing.add(key)
            return None
        return self._resources[key]

    @staticmethod
    def _conforms(checker: Checker) -> Callable[[Node, str], bool]:
        def conforms(node: Node, canonical: str) -> bool:
            answer = checker.conforms(canonical, node)
            if answer is None:
                raise KeyError(canonical)
            return answer

        return conforms

    def _subsumes(self, wider: Node, narrower: Node) -> bool | None:
        """Whether one of the codes is the same as one of the others or above it; None where that is not known."""
        answers: list[bool | None] = []
        for system, one, _ in codings(wider.value, wider.type):
            for other_system, other, _ in codings(narrower.value, narrower.type):
                if system and system == other_system:
                    pair = system, one, other
                    if pair not in self._above:
                        self._missing.add(pair)
                    answers.append(self._above.get(pair))
        return True if True in answers else None if None in answers or not answers else False

    async def _fetch(self) -> None:
        wanted, self._missing = self._missing, set()
        keys = [key for key in wanted if isinstance(key, Key)]
        self._resources |= dict.fromkeys(keys)
        if keys:
            self._resources |= {v.key: v.exact() for v in await self._ctx.reader.read_many(keys)}
        sources = Sources(self._ctx.reader, self._ctx.server.base_url, remote=self._ctx.server.remote)
        for pair in wanted:
            if not isinstance(pair, Key):
                source = await sources.system(pair[0])
                found = None if source is None else await subsumption(source, *pair[1:])
                self._above[pair] = None if found is None else found in ("equivalent", "subsumes")


def _tried(evaluate: Callable[[], T]) -> T | FhirPathError:
    """An error, too, may come of what is missing."""
    try:
        return evaluate()
    except FhirPathError as error:
        return error
