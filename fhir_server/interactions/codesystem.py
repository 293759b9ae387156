"""CodeSystem resources fill the table of concepts with their write.

http://hl7.org/fhir/R4/codesystem.html
"""

import msgspec

from fhir_server.concepts import Concept
from fhir_server.context import Context
from fhir_server.interactions import releases
from fhir_server.interactions.releases import Released
from fhir_server.interactions.write import writable
from fhir_server.model import Change, Version
from fhir_server.outcome import Unprocessable
from fhir_server.storage.base import StateStore
from fhir_server.terminology import codesystems
from fhir_server.terminology.hierarchy import Circle

SHOWN = 10
"""Codes of a circle that a message names."""


async def keep_concepts(ctx: Context, change: Change) -> Version | None:
    """A BeforeWrite hook: the code system's concepts are those of the version that is written, or none after a deletion.

    A supplement defines no concepts; one that stands for a release keeps those that the release has. Raises Unprocessable for
    concepts that are above themselves.
    """
    transaction, id_ = writable(ctx), change.after.key.id
    resource = None if change.after.deleted else change.after.resource
    known, revision = await releases.read(transaction.state, id_)
    if known is not None and known.digest:
        if resource is not None and known.goes_on_in(resource):
            system = msgspec.structs.replace(codesystems.system(resource), content="complete")
            await transaction.describe(id_, system)
            return None
        await _end(transaction.state, known, revision)
    if resource is None or "url" not in resource or resource.get("content") == "supplement":
        await transaction.define(id_, None)
        return None
    concepts = codesystems.concepts(resource)
    try:
        await transaction.define(id_, codesystems.system(resource), concepts)
    except Circle as error:
        raise _told(error, concepts) from error
    return None


async def _end(state: StateStore, known: Released, revision: int) -> None:
    """The release is not here any more; perhaps one is on its way."""
    if known.draft:
        await releases.write(state, msgspec.structs.replace(known, digest="", concepts=0), revision)
    else:
        await releases.delete(state, known.id, revision)
    await releases.ask_to_sweep(state)


def _told(circle: Circle, concepts: list[Concept]) -> Unprocessable:
    codes = [concepts[n].code for n in circle.concepts]
    way = " < ".join([*codes[:SHOWN], *(["…"] if len(codes) > SHOWN else []), codes[0]])
    return Unprocessable(
        f"a concept cannot be above itself: {way}", code="business-rule", expression="CodeSystem.concept"
    )
