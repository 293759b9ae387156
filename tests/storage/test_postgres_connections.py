"""Connections that are lost: nothing acknowledged is lost with them, nothing is written twice, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import asyncpg
import pytest

from fhir_server.model import Version
from fhir_server.outcome import Unavailable
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Store, Transaction
from fhir_server.storage.postgres import PostgresStore, connection
from fhir_server.storage.postgres.backup import without_password
from fhir_server.storage.postgres.schema import UPGRADE
from tests.http.server import free_port
from tests.postgres.cluster import Cluster
from tests.storage.contract.shorthand import coded, ids, key, save, token, write
from tests.storage.postgres_relay import Cutter, cutter

OURS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'fhir-server'"
    " AND pid <> pg_backend_pid()"
)


@pytest.fixture
def relay(cluster: Cluster) -> Iterator[Cutter]:
    with cutter(cluster.port) as found:
        yield found


@pytest.fixture
async def store(cluster: Cluster, database: str, relay: Cutter, anyio_backend: str) -> AsyncIterator[Store]:
    name = database.partition("?")[0].rpartition("/")[2]
    through = cluster.url(name, tcp=True).replace(f":{cluster.port}", f":{relay.port}")
    opened = PostgresStore(through, connections=2, statement_timeout=5, patience=1)
    await opened.open()
    yield opened
    await opened.close()


async def end_all(database: str) -> None:
    """The database ends every other connection."""
    raw = await asyncpg.connect(database)
    await raw.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'fhir-server'"
    )
    await raw.close()


async def test_reads_and_writes_go_on_after_the_database_has_ended_every_connection(
    store: Store, database: str
) -> None:
    await save(store, write("Patient/1", token("t", "x")))
    await end_all(database)
    assert await ids(store, "Patient", coded("t", "x")) == ["1"]
    await end_all(database)
    await save(store, write("Patient/2", token("new", "x", "http://new")))
    assert await ids(store, "Patient") == ["1", "2"]


@pytest.mark.parametrize("behind", [False, True])
async def test_a_commit_whose_answer_is_lost_took_place_once(store: Store, relay: Cutter, *, behind: bool) -> None:
    """Whether it got through is asked, not guessed: the work runs again only where it did not."""
    await save(store, write("Patient/1", token("t", "before")))
    runs: list[int] = []

    async def work(transaction: Transaction) -> str:
        runs.append(1)
        await transaction.append([write("Patient/1", token("t", "x"), number=2)])
        await transaction.state.write("space", "name", b"once")
        return "done"

    relay.at, relay.behind, relay.times = b"COMMIT", behind, 1
    assert await store.transact(UNRESTRICTED, work) == "done"
    assert len(runs) == (1 if behind else 2)
    found = await store.reader(UNRESTRICTED).history(key("Patient/1"), count=9)
    assert [each.version_id for each in found.versions] == ["2", "1"]
    assert await ids(store, "Patient", coded("t", "x")) == ["1"]
    assert await store.check() == []


async def test_a_connection_that_is_cut_in_the_middle_of_a_work_is_another_run(store: Store, relay: Cutter) -> None:
    relay.at, relay.times = b"INSERT INTO resource", 1
    await save(store, write("Patient/1", token("t", "x")))
    assert await ids(store, "Patient", coded("t", "x")) == ["1"]
    assert await store.check() == []


async def test_a_database_that_is_away_is_unavailable_with_a_time_to_come_back(database: str) -> None:
    away = PostgresStore(f"postgresql://fhir@127.0.0.1:{free_port()}/none")
    with pytest.raises(Unavailable):
        await away.open()


async def test_connections_are_no_more_than_allowed_and_waiting_for_one_ends(store: Store) -> None:
    refused: list[Unavailable] = []

    async def read() -> Version | None:
        return await store.reader(UNRESTRICTED).read(key("Patient/1"))

    assert isinstance(store, PostgresStore)
    pool = store.pool()
    async with pool.connection(), pool.connection():
        try:
            await read()
        except Unavailable as error:
            refused.append(error)
    assert [error.headers["Retry-After"] for error in refused] == ["1"]
    assert await read() is None


async def test_no_connection_is_left_behind_by_whoever_gives_up_while_it_is_made(store: Store, database: str) -> None:
    assert isinstance(store, PostgresStore)
    for milliseconds in range(0, 40, 2):
        with suppress(TimeoutError):
            async with asyncio.timeout(milliseconds / 1000):
                (await store.pool().connect()).terminate()
    await store.close()
    raw = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(10):
            while await raw.fetchval(OURS):
                await asyncio.sleep(0.05)
    finally:
        await raw.close()


async def test_an_upgrade_waits_for_that_of_another_server_however_long_it_takes(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BEYOND", 0.1)
    other = await asyncpg.connect(database)
    await other.execute(f"SELECT pg_advisory_lock({UPGRADE})")
    waiting = PostgresStore(database, statement_timeout=0.2)
    opening = asyncio.create_task(waiting.open())
    await asyncio.sleep(0.8)
    assert not opening.done()
    await other.close()
    await opening
    await waiting.close()


async def test_an_account_that_is_refused_is_told_what_to_look_at(cluster: Cluster) -> None:
    for url in (cluster.url("none"), cluster.url("postgres", tcp=True).replace(cluster.password, "wrong")):
        with pytest.raises(Unavailable, match="account, password and name"):
            await PostgresStore(url).open()


def test_a_password_is_no_part_of_a_command_line() -> None:
    for url, bare in {
        "postgresql://a:s%40x@h:1/d?sslmode=require": "postgresql://a@h:1/d?sslmode=require",
        "postgresql:///d?host=/run&password=s%40x&port=1": "postgresql:///d?host=/run&port=1",
        "postgresql://a@h/d?password=s%40x": "postgresql://a@h/d",
    }.items():
        assert without_password(url) == (bare, {"PGPASSWORD": "s@x"})
        assert without_password(bare) == (bare, {})
