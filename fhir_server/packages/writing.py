"""How packages write: outside the hooks that act on single resources, whose work is done once for each commit.

http://hl7.org/fhir/R4/packages.html
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from fhir_server.context import Context, Hooks, Server, context
from fhir_server.interactions import claims
from fhir_server.interactions.searchparameter import take_effect
from fhir_server.interactions.write import writable
from fhir_server.model import Key
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import StateStore

T = TypeVar("T")

_OWN: Final = frozenset({take_effect, claims.declared})
"""Hooks of single resources: a package's search parameters take effect together, its profiles are declared together."""


def quiet(server: Server) -> Context:
    """A context without these hooks."""
    before = {
        type_: tuple(hook for hook in hooks if hook not in _OWN) for type_, hooks in server.hooks.before_write.items()
    }
    return context(replace(server, hooks=Hooks(before, server.hooks.after_commit)), UNRESTRICTED, "package")


async def transact(ctx: Context, work: Callable[[Context], Awaitable[T]]) -> T:
    """`work` in a transaction; the profiles that it wrote or deleted are declared with it."""

    async def whole(inside: Context) -> T:
        result = await work(inside)
        await claims.declare(state(inside), inside.changes)
        return result

    return await ctx.transact(whole)


def state(ctx: Context) -> StateStore:
    """The state inside the transaction under way."""
    return writable(ctx).state


def key(text: str) -> Key:
    """`StructureDefinition/x` as a key."""
    type_, _, id_ = text.partition("/")
    return Key(type_, id_)
