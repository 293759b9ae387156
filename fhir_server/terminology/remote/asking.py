"""Asking a terminology server: once for the same question, remembered for a while, never inside a transaction.

http://hl7.org/fhir/R4/terminology-service.html
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode

import orjson

from fhir_server.outbound import Failed
from fhir_server.outcome import Unavailable
from fhir_server.terminology.grammars import GRAMMARS
from fhir_server.terminology.remote.answers import Answers, Question, Reply

if TYPE_CHECKING:
    from fhir_server.outbound.client import Client

Json = Mapping[str, Any]
T = TypeVar("T")

REST: Final = 10.0
"""Seconds for which a server that did not answer is not asked again."""
FAILURES: Final = 3
"""Questions without an answer in a row, after which it is not asked at all for a while."""
REFUSED_AGE: Final = 300.0
"""Seconds for which what it does not know is remembered as such."""
AT_ONCE: Final = 8

_CALLED_BY: Final[ContextVar[str]] = ContextVar("called_by", default="")
"""The Via header of the request that is being answered."""
_HELD: Final[ContextVar[bool]] = ContextVar("held", default=False)

called_by = _CALLED_BY.set
"""From here on, in this task, requests are answered that came along this way (the Via header)."""

hold = _HELD.set
"""`hold(True)`: nothing is asked until `release` of what it gives; Wanted is raised for what is not remembered."""

release = _HELD.reset

log: Final = logging.getLogger(__name__)


class Wanted(Exception):
    """A question that is not asked now, because a transaction of the store is under way: whoever has begun that ends it,
    has the question answered, and begins anew.
    """

    def __init__(self, question: Question) -> None:
        super().__init__(question.path)
        self.question = question


async def together(asked: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """All answers, asked for at once; one after another inside a transaction."""
    if _HELD.get():
        return [await each() for each in asked]
    return list(await asyncio.gather(*(each() for each in asked)))


class Nobody:
    """Where no terminology server is configured: it covers nothing, and so it is never asked."""

    def covers(self, canonical: str) -> bool:  # noqa: ARG002 - as Remote has it
        return False

    async def answered(self, question: Question) -> None:
        """Nothing to be done."""

    async def close(self) -> None:
        """Nothing to be done."""

    async def ask(self, question: Question) -> Reply:
        raise Unavailable(f"{question.path}: no terminology server is configured")

    async def get(self, path: str, asked: Iterable[tuple[str, str]]) -> Reply:
        """As `ask`, of an operation with these parameters."""
        return await self.ask(Question(f"{path}?{urlencode(sorted(asked))}"))

    async def post(self, path: str, parameters: Sequence[Json]) -> Reply:
        """As `ask`, of an operation with a Parameters resource."""
        body = {"resourceType": "Parameters", "parameter": list(parameters)}
        return await self.ask(Question(path, orjson.dumps(body)))

    @property
    def age(self) -> float:
        """Seconds for which what has been worked out with its help is good."""
        return float("inf")

    @property
    def base(self) -> str:
        return ""


class Remote(Nobody):
    """The terminology server at `url`, asked for what begins with one of `systems` (`*`: whatever is not known here).

    `own` names this server in the Via header: a request that comes back to it is not sent round once more.
    """

    def __init__(self, url: str, client: "Client", *, systems: Sequence[str], cache: int, age: float, own: str) -> None:
        self._url = url.rstrip("/")
        self._client = client
        self._systems = tuple(systems)
        self._answers = Answers(cache)
        self._age = age
        self._own = own
        self._under_way: dict[bytes, asyncio.Task[Reply]] = {}
        self._places: asyncio.Semaphore | None = None
        self._silent: dict[bytes, tuple[str, float]] = {}
        self._failures = 0
        self._down: tuple[str, float] = "", 0.0

    @property
    def age(self) -> float:
        return self._age

    @property
    def base(self) -> str:
        return self._url

    def covers(self, canonical: str) -> bool:
        """Whether it is asked for this code system or value set at all."""
        if canonical.partition("|")[0] in GRAMMARS:
            return False
        return any(each == "*" or _begins(canonical, each) for each in self._systems)

    async def ask(self, question: Question) -> Reply:
        """Its answer, a refusal too. Raises Unavailable where it cannot be asked; Wanted inside a transaction."""
        found = self._answers.find(question)
        if found is not None:
            return found
        self._require(question)
        if _HELD.get():
            raise Wanted(question)
        task = self._under_way.get(question.name)
        if task is None:
            task = asyncio.create_task(self._asked(question))
            self._under_way[question.name] = task
            task.add_done_callback(lambda done: self._ended(question, done))
        return await asyncio.shield(task)

    async def answered(self, question: Question) -> None:
        """The answer is remembered now, or that there is none."""
        try:
            await self.ask(question)
        except Unavailable as error:
            log.debug("%s", error)

    async def close(self) -> None:
        """Nothing is asked any more."""
        for task in tuple(self._under_way.values()):
            task.cancel()
        await self._client.close()

    def _require(self, question: Question) -> None:
        """Raises Unavailable where asking would be in vain."""
        if self._own in [token.strip().split(" ")[-1] for token in _CALLED_BY.get().split(",")]:
            raise self._unavailable("the request has come from this server, round in a circle: see FHIR_TERMINOLOGY_URL")  # fmt: skip
        for reason, until in (self._down, self._silent.get(question.name, ("", 0.0))):
            if until > monotonic():
                raise self._unavailable(reason)

    def _ended(self, question: Question, task: "asyncio.Task[Reply]") -> None:
        self._under_way.pop(question.name, None)
        if not task.cancelled():
            task.exception()  # it has been looked at, whether or not anybody still waits for it

    async def _asked(self, question: Question) -> Reply:
        if self._places is None:
            self._places = asyncio.Semaphore(AT_ONCE)
        via = f"1.1 {self._own}"
        headers = {"Accept": "application/fhir+json", "Via": ", ".join(filter(None, (_CALLED_BY.get()[:2048], via)))}
        if question.body is not None:
            headers["Content-Type"] = "application/fhir+json"
        async with self._places:
            self._require(question)
            try:
                answer = await self._client.send(
                    "GET" if question.body is None else "POST",
                    f"{self._url}/{question.path}",
                    headers=headers,
                    body=question.body or b"",
                )
            except Failed as error:
                lasting = error.code in ("refused", "unresolved", "unreachable", "redirect", "broken")
                raise self._failed(question, error.code, str(error), lasting=lasting) from error
        if answer.status >= 500 or answer.status in (401, 403, 407, 408, 429):
            raise self._failed(question, str(answer.status), f"status {answer.status}", lasting=answer.status < 500)
        try:
            orjson.loads(answer.body or b"{}")
        except ValueError as error:
            raise self._failed(question, "broken", "no JSON", lasting=False) from error
        self._failures = 0
        reply = Reply(answer.status, answer.body or b"{}")
        self._answers.keep(question, reply, self._age if reply.good else min(self._age, REFUSED_AGE))
        return reply

    def _failed(self, question: Question, code: str, text: str, *, lasting: bool) -> Unavailable:
        """Remembers that there was no answer; `lasting`: there will be none to other questions either."""
        log.warning("the terminology server did not answer %s: %s", question.path.partition("?")[0], text)
        self._failures += 1
        until = monotonic() + REST
        if lasting or self._failures >= FAILURES:
            self._down = code, until
        self._silent = {name: each for name, each in self._silent.items() if each[1] > monotonic()}
        self._silent[question.name] = code, until
        return self._unavailable(code)

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            f"the remote terminology server could not be asked ({reason})", headers={"Retry-After": str(int(REST))}
        )


def _begins(canonical: str, beginning: str) -> bool:
    """`http://snomed.info/sct` begins `http://snomed.info/sct?fhir_vs` and not `http://snomed.info/sctx`."""
    rest = canonical.removeprefix(beginning)
    return canonical.startswith(beginning) and (not rest or rest[0] in "/?|" or beginning.endswith("/"))


NOBODY: Final = Nobody()
