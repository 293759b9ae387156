"""What a write is held to beyond its structure: invariants, extensions, the profiles that it claims or must follow.

http://hl7.org/fhir/R4/validation.html and http://hl7.org/fhir/R4/http.html#create (422 for business rules)
"""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final

from fhir_server.context import Context
from fhir_server.interactions.write import writable
from fhir_server.model import Change, Version
from fhir_server.outcome import Issue, Unprocessable
from fhir_server.validation.known import required

LEVELS: Final = ("structure", "invariants", "profiles")
"""What the setting `validation` may be."""
LOOK_EVERY: Final = 1.0
"""Seconds for which this process trusts that no other has changed a definition."""
SPACE, NAME = "conformance", "definitions"


async def conform(ctx: Context, resource: Mapping[str, Any]) -> None:
    """Returns where a structurally valid resource keeps all that the setting `validation` asks for.

    Raises Unprocessable with all issues, errors first, where one is an error; warnings alone never stand in the way.
    """
    level = ctx.settings.validation
    if level == "structure":
        return
    asked = required(ctx.settings.required_profiles).get(str(resource.get("resourceType")), ())
    profiles = asked if level == "profiles" else None
    found = await issues(ctx, resource, profiles)
    if found and found[0].severity in ("error", "fatal"):
        raise Unprocessable(issues=found)


async def issues(
    ctx: Context,
    resource: Mapping[str, Any],
    profiles: Sequence[str] | None = (),
    *,
    best_practice: bool = False,
    vital_signs: bool = False,
) -> tuple[Issue, ...]:
    """The issues beyond its structure, errors first; `profiles` are asked for beside those that it claims (None: neither)."""
    known = ctx.server.known
    if monotonic() - known.looked >= LOOK_EVERY:
        await renew(ctx)
    return await known.settled(
        ctx.reader,
        lambda: known.validator.further(resource, profiles, best_practice=best_practice, vital_signs=vital_signs),
    )


async def renew(ctx: Context) -> None:
    """What is known is forgotten where another process has changed a definition."""
    known = ctx.server.known
    known.looked = monotonic()
    state = ctx.server.store.state if ctx.transaction is None else ctx.transaction.state
    revision = await state.revision(SPACE, NAME)
    if revision != known.revision:
        known.revision = revision
        known.forget()


async def announce(ctx: Context, change: Change) -> Version | None:
    """A BeforeWrite hook of the types that validation goes by: all processes hear of the change with its commit."""
    state = writable(ctx).state
    await state.write(SPACE, NAME, change.after.key.id.encode(), expected=await state.revision(SPACE, NAME) or None)
    return None


async def forget(ctx: Context, _: Change) -> None:
    """An AfterCommit hook: this process looks everything up again at once."""
    ctx.server.known.forget()
    ctx.server.known.looked = 0.0
