"""States of the database that pages hold on to, and databases that are not this program's."""

import asyncio

import asyncpg
import pytest

from fhir_server.outcome import BadRequest
from fhir_server.search.query import UNRESTRICTED, Total
from fhir_server.storage.base import SchemaError, Transaction
from fhir_server.storage.postgres import PostgresStore
from fhir_server.storage.postgres.state import number_of
from tests.storage.contract.shorthand import ids, names, save, search, token, write


async def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    await store.open()
    return store


async def test_what_is_committed_after_page_one_is_on_no_later_page_though_its_number_is_lower(database: str) -> None:
    store, gate = await opened(database), await asyncpg.connect(database)
    await save(store, write("Patient/old", token("t", "x")))
    await gate.execute(f"SELECT pg_advisory_lock({number_of('lock', 'gate')})")
    written = asyncio.Event()

    async def late(transaction: Transaction) -> None:
        await transaction.append([write("Patient/late", token("t", "x"))])
        await transaction.history(None, count=1)
        written.set()
        await transaction.lock("gate")

    running = asyncio.ensure_future(store.transact(UNRESTRICTED, late))
    await written.wait()
    await save(store, write("Patient/new", token("t", "x")))
    first = await search(store, "Patient", count=1, total=Total.ACCURATE)
    history = await store.reader(UNRESTRICTED).history("Patient", count=1)
    assert (names([hit.version for hit in first.hits]), first.total, history.total) == (["Patient/new"], 2, 2)
    await gate.execute(f"SELECT pg_advisory_unlock({number_of('lock', 'gate')})")
    await running
    second = await search(store, "Patient", count=9, after=first.next, total=Total.ACCURATE)
    assert (names([hit.version for hit in second.hits]), second.total) == (["Patient/old"], 2)
    earlier = await store.reader(UNRESTRICTED).history("Patient", count=9, after=history.next)
    assert names(earlier.versions) == ["Patient/old"]
    assert await ids(store, "Patient") == ["late", "new", "old"]
    await store.close()
    await gate.close()


async def test_links_of_another_process_hold_and_names_it_made_are_seen(database: str) -> None:
    one, other = await opened(database), await opened(database)
    assert await ids(other, "Patient") == []
    await save(one, *(write(f"Patient/{n}", token("t", "x", "http://first")) for n in range(3)))
    page = await search(one, "Patient", count=2)
    await save(other, write("Patient/3", token("t", "x", "http://second")))
    later = await search(other, "Patient", count=2, after=page.next)
    assert [hit.version.key.id for hit in later.hits] == ["0"]
    assert await one.check() == await other.check() == []
    await one.close()
    await other.close()


async def test_a_copy_in_another_cluster_has_its_pages_and_its_history(database: str) -> None:
    """There transactions are numbered anew: those of the rows tell nothing any more."""
    store, raw = await opened(database), await asyncpg.connect(database)
    await save(store, *(write(f"Patient/{n}") for n in range(3)))
    before = await search(store, "Patient", count=1)
    await store.close()
    await raw.execute("UPDATE cluster SET identifier = '1'")
    await raw.execute("UPDATE resource SET created_in = '9999999999', changed_in = '9999999999'")
    await raw.execute("UPDATE version SET written_in = '9999999999'")
    store = await opened(database)
    await save(store, write("Patient/3"))
    page = await search(store, "Patient", count=2, total=Total.ACCURATE)
    assert page.total == 4
    later = await search(store, "Patient", count=9, after=page.next)
    assert [hit.version.key.id for hit in page.hits + later.hits] == ["3", "2", "1", "0"]
    assert [hit.version.key.id for hit in (await search(store, "Patient", count=9, after=before.next)).hits] == [
        "1",
        "0",
    ]
    history = await store.reader(UNRESTRICTED).history("Patient", count=9)
    assert history.total == 4
    await store.close()
    await raw.close()


async def test_a_page_link_of_a_file_is_a_bad_request(database: str) -> None:
    from fhir_server.storage.sql.page import Cursor  # noqa: PLC0415

    store = await opened(database)
    for position in (5, "1/x", "1/1:2:drop"):
        with pytest.raises(BadRequest):
            await search(store, "Patient", after=Cursor("", True, position, (), 1).text())
    await store.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO migration VALUES (999, 'tomorrow', 'x')", "start the newer version"),
        ("UPDATE migration SET digest = 'other'", "half migrated"),
        ("DELETE FROM migration WHERE number = 1; INSERT INTO migration VALUES (2, 'x', 'x')", "newer|half"),
    ],
)
async def test_a_database_of_another_version_is_refused(database: str, statement: str, told: str) -> None:
    await (await opened(database)).close()
    raw = await asyncpg.connect(database)
    kept = await raw.fetch("SELECT * FROM migration")
    await raw.execute(statement)
    with pytest.raises(SchemaError, match=told):
        await PostgresStore(database).open()
    await raw.execute("DELETE FROM migration")
    await raw.executemany("INSERT INTO migration VALUES ($1, $2, $3, $4)", [tuple(row) for row in kept])
    await raw.close()
