"""Criteria: the search that a conditional interaction or a conditional reference stands on.

http://hl7.org/fhir/R4/http.html#cond-update, #ccreate; http://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fhir_server.context import Context
from fhir_server.model import Version
from fhir_server.outcome import BadRequest, MultipleMatches, PreconditionFailed
from fhir_server.search.parse import criteria as parse
from fhir_server.search.query import Node, SearchQuery
from fhir_server.search.registry import registry
from fhir_server.search.settle import Terminology, settle
from fhir_server.storage.base import Reader


@dataclass(frozen=True, slots=True)
class Criteria:
    """Understood criteria: `text` as it was sent, `lock` the same for all spellings of one meaning. `terminology` decides what
    `where` leaves open when they are looked for.

    `under` is the revision of the search parameters that they were understood by; `again` understands them anew, for a
    transaction that finds others in force.
    """

    type: str
    text: str
    where: Node
    terminology: Terminology
    base: str = ""
    under: int = 0
    again: "Callable[[], Node] | None" = field(default=None, compare=False, repr=False)

    @property
    def lock(self) -> str:
        """The name that writers under these criteria wait for each other on."""
        return f"{self.type}?{self.where!r}"

    def __str__(self) -> str:
        return f"{self.type}?{self.text}"

    async def matches(self, reader: Reader, most: int) -> tuple[Version, ...]:
        """The current resources that match, at most `most`."""
        where = self.where if self.again is None or self.under == registry().revision else self.again()
        where = await settle(where, reader, self.terminology, self.base)
        page = await reader.search(SearchQuery({self.type: where}, count=most))
        return tuple(hit.version for hit in page.hits)

    async def only(self, reader: Reader) -> Version | None:
        """The one match, None without any. Raises MultipleMatches."""
        found = await self.matches(reader, 2)
        if len(found) > 1:
            raise MultipleMatches(f"{self} matches more than one {self.type}; the criteria are not selective enough")
        return found[0] if found else None


def criteria(ctx: Context, type_: str, sent: str | Sequence[tuple[str, str]], expression: str) -> Criteria:
    """The criteria of `type_`, sent as a query string (in what `expression` names) or as the decoded parameters of the URL.

    Raises BadRequest for parameters that are unknown (whatever the handling: a criterion passed over would change what is
    written) and for those that do not filter; PreconditionFailed where nothing restricts the type.
    """
    if isinstance(sent, str):
        sent = sent.strip().removeprefix(f"{type_}?").removeprefix("?")
    text = sent if isinstance(sent, str) else "&".join(f"{name}={value}" for name, value in sent)
    try:
        base = ctx.server.base_url
        again = partial(parse, type_, sent, settings=ctx.settings, now=ctx.now, base=base)
        return Criteria(type_, text, again(), ctx.server.terminology, base, registry().revision, again)
    except (BadRequest, PreconditionFailed) as error:
        if not isinstance(sent, str):
            raise
        issues = [replace(issue, expression=(expression,)) for issue in error.issues]
        raise type(error)(issues=issues) from error
