"""Writing the concepts of code systems: all of one at once, in the transaction of its CodeSystem.

http://hl7.org/fhir/R4/codesystem.html
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import orjson

from fhir_server.concepts import Concept, Placed, System
from fhir_server.outcome import FhirError
from fhir_server.storage.sql.concept_reads import NO_MORE, More, facts
from fhir_server.storage.sql.concepts import ABSTRACT, FURTHER, INACTIVE, mark
from fhir_server.storage.sql.database import Database
from fhir_server.storage.sql.dialect import Dialect
from fhir_server.terminology import codesystems
from fhir_server.terminology.hierarchy import placed
from fhir_server.terminology.memory import said

BATCH = 5_000
log = logging.getLogger(__name__)


def define(db: Database, dialect: Dialect, id_: str, system: System | None, concepts: Sequence[Concept]) -> None:
    """See Transaction.define."""
    forget(db, id_)
    if system is None:
        return
    found = placed(concepts)
    number, low = vacant(db)
    publish(db, number, id_, system, low, low + len(concepts) - 1)
    start = 0
    while batch := list(islice(found, BATCH)):
        put(db, dialect, number, low, start, batch)
        start += len(batch)


def vacant(db: Database) -> tuple[int, int]:
    """The number of the next code system, and that of its first concept."""
    both = "(SELECT number, high FROM code_system UNION ALL SELECT number, high FROM concept_draft) q"
    row: Any = db.execute(f"SELECT coalesce(max(number), 0) + 1, coalesce(max(high), 0) + 1 FROM {both}").fetchone()
    return row[0], row[1]


def publish(db: Database, number: int, id_: str, system: System, low: int, high: int) -> None:
    """The code system is seen."""
    texts = system.url, system.version or "", system.value_set or ""
    db.execute("INSERT INTO code_system VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number, id_, *texts, low, high, facts(system)))  # fmt: skip


def describe(db: Database, id_: str, system: System) -> None:
    """See Transaction.describe."""
    texts = system.url, system.version or "", system.value_set or ""
    db.execute(
        "UPDATE code_system SET url = ?, version = ?, value_set = ?, facts = ? WHERE id = ?",
        (*texts, facts(system), id_),
    )


def put(db: Database, dialect: Dialect, number: int, low: int, start: int, concepts: Sequence[Placed]) -> None:
    """The rows of concepts from the place `start` on, of the code system `number` whose first concept has the number `low`."""
    rows = _Rows(number, low, start, concepts)
    for table, made in (
        ("concept VALUES (?, ?, ?, ?, ?, ?, ?)", rows.concepts()),
        ("concept_more VALUES (?, ?)", rows.more()),
        ("concept_parent VALUES (?, ?, ?)", rows.parents()),
        ("concept_further VALUES (?, ?, ?)", rows.further()),
        ("concept_property VALUES (?, ?, ?, ?)", rows.properties()),
        (f"concept_word (rowid, words) VALUES (?, {dialect.words})", rows.words()),
    ):
        db.executemany(f"INSERT INTO {table}", made)


def forget(db: Database, id_: str) -> None:
    """The code system has no concepts here any more, if it had any; those that came as a draft wait for `Drafts.sweep`."""
    row: Any = db.execute("SELECT number, low, high FROM code_system WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return
    number, low, high = row
    db.execute("DELETE FROM code_system WHERE number = ?", (number,))
    if not db.execute("SELECT count(*) FROM concept_draft WHERE number = ?", (number,)).get:
        db.execute("DELETE FROM concept_property WHERE system = ?", (number,))
        remove(db, low, high)


def remove(db: Database, low: int, high: int) -> None:
    """The rows of those concepts are gone, but for their properties."""
    db.execute("DELETE FROM concept_word WHERE rowid BETWEEN ? AND ?", (low, high))
    for table, column in (("concept_more", "number"), ("concept_parent", "concept"), ("concept_further", "concept"), ("concept", "number")):  # fmt: skip
        db.execute(f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", (low, high))


class _Rows:
    """The rows of some concepts, each table's in ascending order."""

    def __init__(self, number: int, low: int, start: int, concepts: Sequence[Placed]) -> None:
        self.number, self.low, self.all = number, low, list(enumerate(concepts, low + start))

    def concepts(self) -> Iterator[tuple[Any, ...]]:
        for place, p in self.all:
            c = p.concept
            flags = (INACTIVE * c.inactive) | (ABSTRACT * c.abstract) | (FURTHER * bool(p.further))
            yield place, self.number, self.low + p.last, flags, c.code, c.code.lower(), c.display

    def more(self) -> Iterator[tuple[Any, ...]]:
        for place, p in self.all:
            more = More(p.concept.definition, p.concept.designations, p.concept.properties)
            if more != NO_MORE:
                yield place, msgspec.msgpack.encode(more)

    def parents(self) -> Iterator[tuple[Any, ...]]:
        for place, p in self.all:
            for nth, parent in enumerate(p.above):
                yield place, nth, self.low + parent

    def further(self) -> Iterator[tuple[Any, ...]]:
        for place, p in self.all:
            for low, high in p.further:
                yield place, self.low + low, self.low + high

    def properties(self) -> Iterator[tuple[Any, ...]]:
        found = {(each.code, each.value, place) for place, p in self.all for each in p.concept.properties}
        return ((self.number, *each) for each in sorted(found))

    def words(self) -> Iterator[tuple[Any, ...]]:
        for place, p in self.all:
            yield place, " ".join(mark(self.number, word) for word in said(p.concept))


def fill(db: Database, dialect: Dialect) -> None:
    """The concepts of all CodeSystems that are in the database already; one whose hierarchy is not sound has none of it."""
    rows: list[Any] = db.execute(
        "SELECT r.id, r.body FROM resource r JOIN name n ON n.number = r.type"
        " WHERE n.space = 'type' AND n.text = 'CodeSystem' AND r.body IS NOT NULL ORDER BY r.rid"
    ).fetchall()
    for id_, body in rows:
        resource = orjson.loads(body)
        found = codesystems.concepts(resource)
        try:
            define(db, dialect, id_, codesystems.system(resource), found)
        except FhirError as error:
            log.warning("CodeSystem/%s: %s", id_, error)
            flat = [msgspec.structs.replace(concept, parents=()) for concept in found]
            define(db, dialect, id_, codesystems.system(resource), flat)
