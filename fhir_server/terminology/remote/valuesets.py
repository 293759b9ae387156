"""Value sets of a terminology server elsewhere: their members, and whether a code is one.

http://hl7.org/fhir/R4/valueset-operation-expand.html, http://hl7.org/fhir/R4/valueset-operation-validate-code.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_server.outcome import Unavailable
from fhir_server.terminology.remote.answers import Reply
from fhir_server.terminology.remote.asking import Nobody
from fhir_server.terminology.remote.reading import expansion, flat, required, value

Json = Mapping[str, Any]

PAGE: Final = 5_000
"""Members asked for at once."""
MOST: Final = 100_001
"""Members of one value set, in all: one more than a search may hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What $validate-code says. `result` None: the value set is not known there."""

    result: bool | None
    display: str | None = None
    message: str = ""


async def member(remote: Nobody, value_set: str, code: Mapping[str, str | None], *, abstract: bool = True) -> Verdict:
    """Whether the code (system, systemVersion, code, display) is in a value set. Raises Unavailable."""
    url, _, version = value_set.partition("|")
    asked = {"url": url, "valueSetVersion": version, **code, "abstract": "" if abstract else "false"}
    reply = await remote.get("ValueSet/$validate-code", ((name, text) for name, text in asked.items() if text))
    result = value(reply.resource, "result") if reply.good else None
    if not isinstance(result, bool):
        return Verdict(None)
    display, message = value(reply.resource, "display"), value(reply.resource, "message")
    return Verdict(result, display if isinstance(display, str) else None, "" if result else str(message or "")[:500])


async def listed(remote: Nobody, canonical: str) -> Json | None:
    """The ValueSet with all its members; None where it is not known there.

    Raises BadRequest where it cannot be listed, Unavailable.
    """
    url, _, version = canonical.partition("|")
    asked: list[Json] = [{"name": "url", "valueUri": url}]
    if version:
        asked.append({"name": "valueSetVersion", "valueString": version})
    first = await expanded(remote, asked, count=1)
    if not first.good and (first.status == 404 or first.code == "not-found"):
        return None
    rows = await members(remote, asked, count=MOST)
    return {"resourceType": "ValueSet", "url": url, "expansion": {"contains": rows}}


async def members(remote: Nobody, asked: list[Json], *, count: int, offset: int = 0) -> list[Json]:
    """The members behind the first `offset`, at most `count`: page by page, and never fewer than there are.

    Raises BadRequest for a refusal, Unavailable.
    """
    found: list[Json] = []
    while len(found) < count:
        size = min(PAGE, count - len(found))
        page = expansion(required(await expanded(remote, asked, count=size, offset=offset + len(found))))
        rows = list(flat(page.get("contains")))
        found += rows
        total = page.get("total")
        left = total - offset - len(found) if isinstance(total, int) else len(rows) - size + 1
        if left <= 0:
            break
        if not rows:
            raise Unavailable("the remote terminology server lists fewer members of the value set than it counts")
    return found[:count]


async def total(remote: Nobody, asked: list[Json]) -> int:
    """How many members there are. Raises BadRequest for a refusal, Unavailable."""
    found = expansion(required(await expanded(remote, asked, count=0))).get("total")
    if not isinstance(found, int):
        raise Unavailable("the remote terminology server does not say how many concepts there are")
    return found


async def expanded(remote: Nobody, asked: list[Json], *, count: int, offset: int = 0) -> Reply:
    numbers = [{"name": name, "valueInteger": number} for name, number in (("count", count), ("offset", offset))]
    more = [*numbers, {"name": "includeDesignations", "valueBoolean": True}]
    return await remote.post("ValueSet/$expand", [*asked, *more])
