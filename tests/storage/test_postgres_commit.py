"""Whether a commit took place is not told by the number of its transaction alone: after a crash another one may have got it."""

import asyncpg
import pytest

from fhir_server.outcome import Unavailable
from fhir_server.storage.postgres import PostgresStore
from fhir_server.storage.postgres.commit import Witness, committed
from tests.storage.contract.shorthand import save, token, write


async def test_the_transaction_that_has_the_number_must_have_written_what_ours_did(database: str) -> None:
    store = PostgresStore(database, connections=2, statement_timeout=5, patience=1)
    await store.open()
    try:
        await save(store, write("Patient/other", token("t", "x")))
        raw = await asyncpg.connect(database)
        row = await raw.fetchrow(
            "SELECT v.written_in::text AS number, v.sequence, r.type, r.id, v.version, v.updated"
            " FROM version v JOIN resource r ON r.rid = v.rid"
        )
        await raw.close()
        assert row is not None
        number, *written = row.values()
        theirs = Witness(*written)
        assert await committed(store.pool(), number, theirs)
        assert not await committed(store.pool(), number, theirs._replace(id="ours"))
        assert not await committed(store.pool(), None, theirs)
        with pytest.raises(Unavailable):
            await committed(store.pool(), number, None)
    finally:
        await store.close()
