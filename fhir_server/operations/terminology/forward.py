"""An operation of the terminology service, passed on as it was asked to the terminology server that knows what is meant.

http://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from fhir_server.context import Context
from fhir_server.operations.terminology.call import Call
from fhir_server.outcome import Unavailable
from fhir_server.terminology.remote.answers import Question, Reply
from fhir_server.terminology.remote.reading import required

Json = Mapping[str, Any]

_HERE: Final = frozenset({"_format", "_pretty"})
"""How the answer is to look is nobody's affair but this server's."""


async def forwarded(ctx: Context, call: Call, path: str) -> Json:
    """The other server's answer. Raises BadRequest for a refusal, with the code that it has; Unavailable."""
    return answer(await passed_on(ctx, call, path), path)


async def passed_on(ctx: Context, call: Call, path: str) -> Reply:
    """Its reply, a refusal too. Raises Unavailable."""
    query = urlencode([pair for pair in call.request.parameters if pair[0] not in _HERE])
    body = call.request.body
    sent = orjson.dumps(body.plain) if body is not None and body.plain else None
    return await ctx.server.remote.ask(Question(f"{path}?{query}" if query else path, sent))


def answer(reply: Reply, path: str) -> Json:
    """The resource of a reply. Raises BadRequest, Unavailable."""
    resource = required(reply)
    expected = "ValueSet" if path.endswith("$expand") else "Parameters"
    if resource.get("resourceType") != expected:
        raise Unavailable(f"the remote terminology server has answered without a {expected} resource")
    return resource
