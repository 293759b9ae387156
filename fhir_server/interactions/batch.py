"""batch: every entry for itself; and the door through which batches and transactions come in.

http://hl7.org/fhir/R4/http.html#transaction and http://hl7.org/fhir/R4/http.html#brules
"""

import asyncio
import logging
from typing import Final

from fhir_server import bundle as bundles
from fhir_server.context import Body, Context, Prefer, Request, Response
from fhir_server.interactions.entries import (
    STAGES,
    Allowance,
    Entry,
    answered,
    entries_of,
    located,
    refused,
    understand,
)
from fhir_server.interactions.transaction import transaction
from fhir_server.interactions.write import resource
from fhir_server.outcome import Fault, FhirError, Invalid, TooLarge

AT_ONCE: Final = 32
"""Entries under way together: enough for their commits to be grouped."""

log = logging.getLogger(__name__)


async def bundle(ctx: Context, request: Request) -> Response:
    """200 with a batch-response or transaction-response, one entry for each entry, in their order.

    Raises Invalid for what is neither a batch nor a transaction, TooLarge for too many entries, and for a transaction
    whatever one of its entries raises.
    """
    body = resource("Bundle", request.body)
    type_ = body.plain.get("type")
    if type_ not in ("batch", "transaction"):
        raise Invalid(
            f"A Bundle of type {type_!r} cannot be processed: batch and transaction can; to keep it, POST it to /Bundle",
            code="not-supported",
            expression="Bundle.type",
        )
    entries = body.plain.get("entry")
    if isinstance(entries, list) and len(entries) > ctx.settings.max_entries:
        raise TooLarge(
            f"The Bundle has {len(entries)} entries; at most {ctx.settings.max_entries} are processed at once",
            expression="Bundle.entry",
        )
    if type_ == "transaction":
        return Response(200, body=await transaction(ctx, body, request.prefer))
    return Response(200, body=await _batch(ctx, body, request.prefer))


async def _batch(ctx: Context, body: Body, prefer: Prefer) -> bytes:
    plain = entries_of(body)
    trees = body.tree.get("entry", [])
    answers: list[bytes] = [b""] * len(plain)
    stages: list[list[Entry]] = [[] for _ in range(STAGES)]
    for number, (tree, entry) in enumerate(zip(trees, plain, strict=True)):
        try:
            understood = understand(ctx, number, tree, entry, prefer)
            stages[understood.stage].append(understood)
        except FhirError as error:
            answers[number] = refused(located(error, number))
    free, allowance = asyncio.Semaphore(AT_ONCE), Allowance()
    for stage in stages:
        await asyncio.gather(*(_one(ctx, entry, answers, free, allowance) for entry in stage))
    return bundles.bundle("batch-response", answers)


async def _one(ctx: Context, entry: Entry, answers: list[bytes], free: asyncio.Semaphore, allowance: Allowance) -> None:
    async with free:
        try:
            if entry.reads:
                allowance.require()
            response = await ctx.server.routes.dispatch(ctx, entry.request)
            if entry.reads:
                allowance.spend(response)
            answers[entry.number] = answered(ctx, entry, response)
        except FhirError as error:
            answers[entry.number] = refused(located(error, entry.number))
        except Exception:
            log.exception("an entry of a batch failed", extra={"request_id": ctx.request_id})
            answers[entry.number] = refused(Fault(f"The entry failed inside the server (request {ctx.request_id})"))
