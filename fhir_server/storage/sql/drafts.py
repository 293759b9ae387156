"""Code systems whose concepts come by parts and are published by one small write.

http://hl7.org/fhir/R4/codesystem.html
"""

from collections.abc import Callable, Sequence
from typing import Any

from fhir_server.concepts import Placed, System
from fhir_server.outcome import Conflict
from fhir_server.storage.sql.concept_reads import properties_of
from fhir_server.storage.sql.concept_rows import forget, publish, put, remove, vacant
from fhir_server.storage.sql.database import Database
from fhir_server.storage.sql.dialect import Dialect

_DROPPED = "name IS NULL AND number NOT IN (SELECT number FROM code_system)"


class StoredDrafts:
    """A Drafts (see storage.base) in one transaction; `allow` gives it time for so many concepts."""

    def __init__(self, db: Database, dialect: Dialect, allow: Callable[[int], None]) -> None:
        self._db, self._dialect, self._allow = db, dialect, allow

    async def begin(self, name: str, size: int) -> int:
        found = self._draft(name)
        if found is not None:
            _, low, high, done = found
            if high - low + 1 == size:
                return done
            await self.drop(name)
        number, low = vacant(self._db)
        self._db.execute("INSERT INTO concept_draft VALUES (?, ?, ?, ?, 0)", (number, name, low, low + size - 1))
        return 0

    async def add(self, name: str, start: int, concepts: Sequence[Placed]) -> None:
        number, low, high, done = self._required(name)
        if done != start or low + start + len(concepts) - 1 > high:
            raise Conflict(f"the draft {name} has {done} concepts, not {start}: somebody else is at it")
        self._allow(len(concepts))
        put(self._db, self._dialect, number, low, start, concepts)
        self._db.execute("UPDATE concept_draft SET done = ? WHERE number = ?", (done + len(concepts), number))

    async def publish(self, name: str, id_: str, system: System) -> None:
        number, low, high, done = self._required(name)
        if done != high - low + 1:
            raise Conflict(f"the draft {name} has {done} concepts of {high - low + 1}")
        forget(self._db, id_)
        publish(self._db, number, id_, system, low, high)
        await self.drop(name)

    async def drop(self, name: str) -> None:
        self._db.execute("UPDATE concept_draft SET name = NULL WHERE name = ?", (name,))

    async def sweep(self, most: int) -> int:
        self._allow(most)
        left = most
        while left > 0:
            row: Any = self._db.execute(
                f"SELECT number, low, done FROM concept_draft WHERE {_DROPPED} ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                break
            number, low, done = row
            less = min(left, done)
            first, last = low + done - less, low + done - 1
            self._db.executemany(
                "DELETE FROM concept_property WHERE system = ? AND property = ? AND value = ? AND concept = ?",
                [(number, *each) for each in properties_of(self._db, first, last)],
            )
            remove(self._db, first, last)
            left -= less
            self._db.execute("UPDATE concept_draft SET done = done - ? WHERE number = ?", (less, number))
            self._db.execute("DELETE FROM concept_draft WHERE number = ? AND done = 0", (number,))
        return most - left

    def _draft(self, name: str) -> tuple[int, int, int, int] | None:
        """(number, low, high, done)."""
        row: Any = self._db.execute(
            "SELECT number, low, high, done FROM concept_draft WHERE name = ?", (name,)
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def _required(self, name: str) -> tuple[int, int, int, int]:
        found = self._draft(name)
        if found is None:
            raise Conflict(f"there is no draft {name} any more: somebody else is at it")
        return found
