"""save: the one door for every write. Create, update and patch append a version through it, delete through `remove`.

http://hl7.org/fhir/R4/http.html#update, #create, #delete, #transactional-integrity
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from fhir_server.context import Body, Context, Prepared
from fhir_server.formats import json
from fhir_server.interactions import integrity
from fhir_server.interactions.aside import large, run_aside
from fhir_server.interactions.ids import logical_id
from fhir_server.interactions.versions import etag, require_match, tags
from fhir_server.model import UPDATE_AS_CREATE, Change, Key, Version
from fhir_server.outcome import (
    BadRequest,
    Fault,
    Invalid,
    Issue,
    MethodNotAllowed,
    PreconditionFailed,
    PreconditionRequired,
)
from fhir_server.references import ID, conditional
from fhir_server.search.index import extract
from fhir_server.search.registry import registry
from fhir_server.storage.base import Transaction, Write
from fhir_server.validation import structure

_CONDITIONAL: Final = re.compile(rb'"reference":"[A-Z][A-Za-z]+\?')
"""What a body with a conditional reference holds."""


@dataclass(frozen=True, slots=True)
class Saved:
    """`version` is current now; `created`: there was none, or a deletion, before. Neither for a write that changed nothing."""

    version: Version
    created: bool = False


def prepare(type_: str, id_: str | None, body: Body | None) -> Prepared:
    """The write of `body` as `type_`/`id_` (None: the server assigns an id), checked against the definitions and indexed.

    To be done outside the transaction. Raises Invalid with all that is wrong at once.
    """
    sent = resource(type_, body)
    issues = structure.check(sent.plain)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=issues)
    return Prepared(key(type_, id_), sent.tree, extract(sent.plain), assigned=id_ is None)


async def prepared(type_: str, id_: str | None, body: Body | None) -> Prepared:
    """As `prepare`; a large body is looked at beside other requests."""
    if large(body):
        return await run_aside(lambda: prepare(type_, id_, body))
    return prepare(type_, id_, body)


def key(type_: str, id_: str | None) -> Key:
    """The key of a write; a new one where there is no id. Raises BadRequest for what is not an id."""
    if id_ is None:
        return Key(type_, logical_id())
    if ID.fullmatch(id_) is None:
        raise BadRequest(f"{id_!r} is not a logical id: 1 to 64 letters, digits, '-' and '.'", code="value")
    return Key(type_, id_)


def resource(type_: str, body: Body | None) -> Body:
    """The body, which is there and is of that type. Raises BadRequest, Invalid."""
    if body is None or not body.plain:
        raise BadRequest(f"A resource of type {type_} is expected in the body of the request", code="required")
    found = body.plain.get("resourceType")
    if found != type_:
        said = f"is of type {found}" if isinstance(found, str) else "has no resourceType"
        raise Invalid(f"The resource {said}; this URL takes {type_}", code="invalid", expression="resourceType")
    return body


async def save(
    ctx: Context, prepared: Prepared, *, method: str, if_match: str | None = None, if_none_match: str | None = None
) -> Saved:
    """Makes the resource current and returns its version; one that says what is stored already stays as it is.

    Inside a transaction. If-Match must name the current version, `If-None-Match: *` asks that there be none; hooks may
    refuse, amend and write more; references are judged where referential integrity is on. Raises PreconditionFailed,
    PreconditionRequired, MethodNotAllowed (no update-as-create), Unprocessable, whatever a hook raises.
    """
    transaction = writable(ctx)
    key = prepared.key
    current = None if prepared.assigned else await transaction.read(key)
    alive = current is not None and not current.deleted
    _require_none(if_none_match, current)
    require_match(if_match, current)
    if not prepared.assigned:
        _require_permission(ctx, key, current, if_match)
    if current is not None and alive and says_the_same(prepared.tree, current):
        return Saved(current)
    made_by = UPDATE_AS_CREATE if method == "PUT" and not alive else method
    version = _next(ctx, key, current, prepared.tree, made_by)
    amended = await _before_write(ctx, Change(current, version))
    entries = prepared.entries
    if amended is not version or prepared.under != registry().revision:
        entries, version = extract(amended.resource), amended
    if not ctx.bundle:
        _require_literal(version)
    expected = current.version_id if current else None
    await transaction.append([Write(version, entries, expected, new=prepared.assigned)])
    ctx.changes.append(Change(current, version))
    if ctx.settings.referential_integrity and not ctx.bundle:
        await integrity.judge(transaction, ctx.changes[-1:], ctx.server.base_url)
    return Saved(version, created=not alive)


async def remove(ctx: Context, key: Key, *, if_match: str | None = None) -> Version | None:
    """Makes a deletion the current version and returns it; None where there never was such a resource.

    Inside a transaction. What is deleted already stays as it is. Raises PreconditionFailed; Conflict where referential
    integrity is on and something refers to it.
    """
    transaction = writable(ctx)
    current = await transaction.read(key)
    require_match(if_match, current)
    if current is None or current.deleted:
        return current
    version = Version(key, _successor(current), _moment(ctx, current), None, method="DELETE")
    await _before_write(ctx, Change(current, version))
    await transaction.append([Write(version, (), current.version_id)])
    ctx.changes.append(Change(current, version))
    if ctx.settings.referential_integrity and not ctx.bundle:
        await integrity.judge(transaction, ctx.changes[-1:], ctx.server.base_url)
    return version


def writable(ctx: Context) -> Transaction:
    """The transaction under way; a write outside one is a defect."""
    if ctx.transaction is None:
        raise Fault("A write was tried outside a transaction")
    return ctx.transaction


def says_the_same(tree: Mapping[str, Any], current: Version) -> bool:
    """Whether a resource differs from the current version in nothing but id, versionId and lastUpdated.

    Digits count: 1.0 is not 1.00. The order of members does not.
    """
    again = json.stamp(tree, current.key.id, current.version_id, current.last_updated)
    if again == current.body:
        return True
    if current.body is None or len(again) != len(current.body):
        return False
    return _sorted(again) == _sorted(current.body)


def _sorted(body: bytes) -> bytes:
    tree = json.parse(body).tree
    return orjson.dumps(tree, default=lambda number: orjson.Fragment(str(number)), option=orjson.OPT_SORT_KEYS)


def _require_literal(version: Version) -> None:
    """Invalid for conditional references, which transactions alone resolve: stored as they stand they would lead nowhere.

    http://hl7.org/fhir/R4/http.html#trules
    """
    if version.body is None or b"?" not in version.body or _CONDITIONAL.search(version.body) is None:
        return
    right = "only a transaction resolves it: name the resource, or send this as an entry of a transaction"
    issues = [
        Issue("value", f"{text[:200]} is a conditional reference; {right}", (place,))
        for place, text in integrity.references(version.resource, version.key.type)
        if conditional(text) is not None
    ]
    if issues:
        raise Invalid(issues=issues[: integrity.MOST])


def _require_none(if_none_match: str | None, current: Version | None) -> None:
    if if_none_match is None or current is None or current.deleted:
        return
    if not {"*", current.version_id}.isdisjoint(tags(if_none_match)):
        raise PreconditionFailed(
            f"If-None-Match: {if_none_match}: {current.key} exists already, as {etag(current)}",
            expression="http.If-None-Match",
        )


def _require_permission(ctx: Context, key: Key, current: Version | None, if_match: str | None) -> None:
    """What the settings ask of an update."""
    if current is None and not ctx.settings.update_as_create:
        raise MethodNotAllowed(
            f"There is no {key}, and this server does not let clients choose ids; create it with POST {key.type}"
        )
    if current is not None and not current.deleted and if_match is None and ctx.settings.require_if_match:
        raise PreconditionRequired(
            f"This server asks for If-Match with every update: send the ETag of the {key} that you read",
            expression="http.If-Match",
        )


def _next(ctx: Context, key: Key, current: Version | None, tree: Mapping[str, Any], method: str) -> Version:
    number, moment = _successor(current), _moment(ctx, current)
    return Version(key, number, moment, json.stamp(tree, key.id, number, moment), method=method)


def _successor(current: Version | None) -> str:
    return "1" if current is None else str(int(current.version_id) + 1)


def _moment(ctx: Context, current: Version | None) -> datetime:
    """The transaction's moment; never before the version that it follows, whatever the clock does."""
    return ctx.now if current is None else max(ctx.now, current.last_updated)


async def _before_write(ctx: Context, change: Change) -> Version:
    """The version as the hooks want it, in their order: of the type, then of every type."""
    hooks = ctx.server.hooks.before_write
    if hooks:
        for hook in (*hooks.get(change.after.key.type, ()), *hooks.get("*", ())):
            amended = await hook(ctx, change)
            if amended is not None:
                change = Change(change.before, amended)
    return change.after
