"""$reindex: how far indexing is, and the order to index everything again.

http://hl7.org/fhir/R4/async.html for the manner: 202 with X-Progress and Retry-After while it runs, 200 when it is done.

New search parameters are indexed by themselves; POST is for after damage, or for parameters that failed.
"""

from collections.abc import Iterable
from typing import Any, Final

from fhir_server import jobs
from fhir_server.context import Context, Request, Response
from fhir_server.definitions import definitions
from fhir_server.indexing import record
from fhir_server.model import now
from fhir_server.operations.parameters import arguments
from fhir_server.operations.registry import Operation
from fhir_server.outcome import BadRequest, NotFound
from fhir_server.search.registry import Added

RETRY_AFTER: Final = "1"


async def reindex(ctx: Context, request: Request) -> Response:
    """GET: 202 while resources are being indexed, 200 when all are, with the same Parameters resource in both.

    On a SearchParameter it tells of this one alone. POST: 202 with Content-Location; everything, or each `type` named, is
    indexed again in the background. Raises BadRequest for an unknown type, NotFound for a SearchParameter that adds none.
    """
    if request.method == "POST":
        return await _ask(ctx, request)
    found, _ = await record.read(ctx.server.store.state)
    job = await jobs.find(ctx.server.store.state, record.JOB)
    told = _told(found.added, f"{request.type}/{request.id}") if request.id else found.added
    busy = not all(a.ready or a.failed for a in told) if request.id else bool(found.wanted)
    resource = {"resourceType": "Parameters", "parameter": [*_status(job, busy), *(_parameter(a) for a in told)]}
    if not busy:
        return Response(200, resource=resource)
    return Response(202, resource=resource, headers={"X-Progress": _progress(job), "Retry-After": RETRY_AFTER})


async def _ask(ctx: Context, request: Request) -> Response:
    types = [str(each) for value in arguments(request).values.get("type", ()) for each in str(value).split(",")]
    for type_ in types:
        if not definitions().is_resource(type_):
            raise BadRequest(f"type: {type_[:64]!r} is no resource type", code="value", expression="http.type")

    async def work(inside: Context) -> None:
        if inside.transaction is not None:
            await record.ask(inside.transaction.state, types)

    await ctx.transact(work)
    return Response(202, headers={"Content-Location": f"{ctx.server.base_url}/$reindex"})


def _told(added: Iterable[Added], source: str) -> tuple[Added, ...]:
    found = tuple(a for a in added if a.source == source)
    if not found:
        raise NotFound(f"{source} adds no search parameter: it is not there, not active, or R4's own")
    return found


def _progress(job: jobs.Job | None) -> str:
    return "waiting" if job is None or job.over else record.progress(job)


def _status(job: jobs.Job | None, busy: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": "status", "valueCode": "in-progress" if busy else "completed"}]
    if job is not None:
        found += [{"name": "done", "valueInteger": job.done}, {"name": "total", "valueInteger": job.total}]
        if job.began is not None and job.done:
            seconds = ((job.ended or now()) - job.began).total_seconds()
            found.append({"name": "perSecond", "valueInteger": round(job.done / max(seconds, 0.001))})
        if job.error:
            found.append({"name": "error", "valueString": job.error})
    return found


def _parameter(added: Added) -> dict[str, Any]:
    """One that was added, and how it stands."""
    status = "failed" if added.failed else "active" if added.ready else "indexing"
    parts = [
        {"name": "url", "valueUri": added.definition.url},
        {"name": "code", "valueCode": added.definition.code},
        *({"name": "base", "valueCode": base} for base in added.definition.base),
        {"name": "source", "valueString": added.source},
        {"name": "status", "valueCode": status},
        *([{"name": "error", "valueString": added.failed}] if added.failed else ()),
    ]
    return {"name": "searchParameter", "part": parts}


REINDEX: Final = Operation(
    "reindex",
    reindex,
    "urn:fhir-server:OperationDefinition:reindex",
    resource=("SearchParameter",),
    system=True,
    instance=True,
)
