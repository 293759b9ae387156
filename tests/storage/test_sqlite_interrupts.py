"""A work that takes too long is stopped; those that share its commit are not: theirs is written, and nothing of the slow one.

https://www.sqlite.org/c3ref/interrupt.html: a stopped INSERT takes the whole transaction with it.
"""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from fhir_server.outcome import TimedOut
from fhir_server.search.query import UNRESTRICTED, SearchQuery
from fhir_server.storage.base import Transaction
from fhir_server.storage.sql.work import SECONDS_A_WRITE
from fhir_server.storage.sqlite import SQLiteStore, connection
from tests.storage.contract.shorthand import coded, ids, save, token, write

SECONDS = 0.2
EVERY = SearchQuery({"Patient": coded("t", "x")})


async def test_a_stopped_insert_undoes_its_own_work_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STEPS", 200)  # the clock is looked at in short statements too
    store = SQLiteStore(tmp_path / "fhir.db", statement_timeout=SECONDS)
    await store.open()
    try:
        await save(store, write("Patient/before", token("t", "x")))

        def quick(name: str) -> asyncio.Task[None]:
            return asyncio.create_task(save(store, write(name, token("t", "x"))))

        async def slow(transaction: Transaction) -> None:
            await transaction.append([write(f"Patient/slow{n}", token("t", "x")) for n in range(30)])
            time.sleep(SECONDS + 30 * SECONDS_A_WRITE)
            await transaction.search(EVERY)  # what was appended goes into the tables

        first, stopped, last = (
            quick("Patient/first"),
            asyncio.create_task(store.transact(UNRESTRICTED, slow)),
            quick("Patient/last"),
        )
        outcomes = await asyncio.gather(first, stopped, last, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), TimedOut, type(None)]
        assert sorted(await ids(store, "Patient", coded("t", "x"))) == ["before", "first", "last"]
        assert await store.check() == []
    finally:
        await store.close()


async def test_a_work_that_makes_light_of_being_stopped_is_told_that_nothing_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STEPS", 200)
    store = SQLiteStore(tmp_path / "fhir.db", statement_timeout=SECONDS)
    await store.open()
    try:

        async def careless(transaction: Transaction) -> str:
            await transaction.append([write(f"Patient/slow{n}", token("t", "x")) for n in range(30)])
            time.sleep(SECONDS + 30 * SECONDS_A_WRITE)
            with suppress(Exception):
                await transaction.search(EVERY)
            return "written"

        with pytest.raises(TimedOut):
            await store.transact(UNRESTRICTED, careless)
        assert await ids(store, "Patient", coded("t", "x")) == []
        await save(store, write("Patient/next", token("t", "x")))
        assert await ids(store, "Patient", coded("t", "x")) == ["next"]
    finally:
        await store.close()
