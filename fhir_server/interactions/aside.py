"""Large bodies are looked at aside: in a thread of their own, one after another, while other requests go on.

http://hl7.org/fhir/R4/http.html#create
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar

from fhir_server.context import Body, Context

T = TypeVar("T")

LARGE: Final = 256 * 1024
"""Bytes of a body that some 50 ms are enough for."""

_thread: Final = ThreadPoolExecutor(1, "large")


async def run_aside(work: Callable[[], T]) -> T:
    """What `work` gives, under the search parameters that are in force here. Never within a transaction."""
    return await asyncio.get_running_loop().run_in_executor(_thread, copy_context().run, work)


def looked_at(ctx: Context, *, aside: bool) -> Callable[[Callable[[], T]], Awaitable[T]]:
    """What runs the work: the thread, if it is to be done `aside` and no transaction is under way; else here and now."""
    return run_aside if aside and ctx.transaction is None else run


async def run(work: Callable[[], T]) -> T:
    return work()


def large(body: Body | None) -> bool:
    """Whether to look at it takes so long that other requests must not wait for it."""
    return body is not None and len(body.raw) > LARGE
