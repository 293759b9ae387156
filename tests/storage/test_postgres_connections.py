"""Connections that are lost: nothing acknowledged is lost with them, nothing is written twice, and nobody waits for ever."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from fhir_server.model import Version
from fhir_server.outcome import Unavailable
from fhir_server.search.query import UNRESTRICTED
from fhir_server.storage.base import Store, Transaction
from fhir_server.storage.postgres import PostgresStore
from tests.http.server import free_port
from tests.postgres.cluster import Cluster
from tests.storage.contract.shorthand import coded, ids, key, save, token, write
from tests.storage.postgres_relay import Cutter, cutter


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
