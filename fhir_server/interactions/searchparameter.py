"""SearchParameter resources take effect with their write: those that are active add a search parameter to the server.

http://hl7.org/fhir/R4/searchparameter.html
"""

from fhir_server.context import Context
from fhir_server.indexing import record
from fhir_server.interactions.write import writable
from fhir_server.model import Change, Version
from fhir_server.search.admission import admitted
from fhir_server.search.registry import Registry


async def take_effect(ctx: Context, change: Change) -> Version | None:
    """A BeforeWrite hook: with the version the set of search parameters changes, or neither does.

    Drafts and retired ones take no part. Raises Unprocessable for an active one that cannot be used.
    """
    state, source = writable(ctx).state, str(change.after.key)
    after = None if change.after.deleted else change.after.resource
    parameters = []
    if after is not None and after["status"] == "active":
        found, _ = await record.read(state)
        parameter = admitted(after, Registry(tuple(added for added in found.added if added.source != source)))
        if parameter is not None:
            parameters.append(parameter)
    await record.declare(state, source, parameters)
    return None
