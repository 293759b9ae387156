"""What a write is held to beyond its structure: invariants, extensions, the profiles that it claims or must follow.

http://hl7.org/fhir/R4/validation.html and http://hl7.org/fhir/R4/http.html#create (422 for business rules)
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from fhir_server.context import Body, Context, Prepared
from fhir_server.interactions.aside import large, looked_at
from fhir_server.interactions.write import prepared, writable
from fhir_server.model import Change, Version
from fhir_server.outcome import Invalid, Issue, Unprocessable
from fhir_server.validation import structure
from fhir_server.validation.known import required
from fhir_server.validation.remainder import remainder
from fhir_server.validation.tiers import ordered

LEVELS: Final = ("structure", "invariants", "profiles")
"""What the setting `validation` may be."""
LOOK_EVERY: Final = 1.0
"""Seconds for which this process trusts that no other has changed a definition."""
SPACE, NAME = "conformance", "definitions"


async def accepted(ctx: Context, type_: str, id_: str | None, body: Body | None) -> Prepared:
    """The write of `body` as `type_`/`id_` made ready (see `prepare`), once it keeps all that the settings ask for.

    Raises Invalid where its structure is unsound, Unprocessable where it is sound, with all issues of all tiers.
    """
    try:
        ready = await prepared(type_, id_, body)
    except Invalid as error:
        if body is None:
            raise
        raise Invalid(issues=await beside(ctx, body.plain, error.issues, aside=large(body))) from error
    await conform(ctx, ready.tree, aside=large(body))
    return ready


async def beside(
    ctx: Context, resource: Mapping[str, Any], faults: Sequence[Issue], *, aside: bool = False
) -> tuple[Issue, ...]:
    """The faults of an unsound structure, and all else that is wrong with the resource by the setting `validation`."""
    if ctx.settings.validation == "structure":
        return tuple(faults)
    return await whole(ctx, resource, faults, _asked(ctx, resource), aside=aside)


async def whole(
    ctx: Context, resource: Mapping[str, Any], faults: Sequence[Issue], profiles: Sequence[str] | None, **more: bool
) -> tuple[Issue, ...]:
    """The faults of structure, and what `issues` finds in what is left of the resource without them, errors first."""
    run = looked_at(ctx, aside=more.get("aside", False))
    left = await run(lambda: remainder(resource, faults, structure.check))
    if left is None:
        return tuple(faults)
    return ordered((*faults, *left.new(await issues(ctx, left.resource, profiles, **more))))


def _asked(ctx: Context, resource: Mapping[str, Any]) -> Sequence[str] | None:
    """The profiles that the settings require of the resource; None where they ask for none, and claimed ones do not count."""
    if ctx.settings.validation != "profiles":
        return None
    return required(ctx.settings.required_profiles).get(str(resource.get("resourceType")), ())


async def conform(ctx: Context, resource: Mapping[str, Any], *, aside: bool = False) -> None:
    """Returns where a structurally valid resource keeps all that the setting `validation` asks for.

    Raises Unprocessable with all issues, errors first, where one is an error; warnings alone never stand in the way.
    `aside`, here and below: it is large, and other requests go on meanwhile.
    """
    if ctx.settings.validation == "structure":
        return
    profiles, validator = _asked(ctx, resource), ctx.server.known.validator
    found = await _settled(
        ctx,
        lambda: () if validator.sound(resource, profiles) else validator.further(resource, profiles),
        aside=aside,
    )
    if found and found[0].severity in ("error", "fatal"):
        raise Unprocessable(issues=found)


async def issues(
    ctx: Context,
    resource: Mapping[str, Any],
    profiles: Sequence[str] | None = (),
    *,
    best_practice: bool = False,
    vital_signs: bool = False,
    aside: bool = False,
) -> tuple[Issue, ...]:
    """The issues beyond its structure, errors first; `profiles` are asked for beside those that it claims (None: neither)."""
    further = ctx.server.known.validator.further
    return await _settled(
        ctx,
        lambda: further(resource, profiles, best_practice=best_practice, vital_signs=vital_signs),
        aside=aside,
    )


async def _settled(ctx: Context, ask: Callable[[], tuple[Issue, ...]], *, aside: bool) -> tuple[Issue, ...]:
    """What `ask` answers by the definitions that the store has now."""
    known = ctx.server.known
    if monotonic() - known.looked >= LOOK_EVERY:
        await renew(ctx)
    return await known.settled(ctx.reader, ask, looked_at(ctx, aside=aside))


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
