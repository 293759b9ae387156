"""Writing the concepts of code systems: all of one at once, in the transaction of its CodeSystem.

http://hl7.org/fhir/R4/codesystem.html
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import apsw
import msgspec
import orjson

from fhir_server.concepts import Concept, System
from fhir_server.outcome import FhirError
from fhir_server.storage.sql.concepts import ABSTRACT, FURTHER, INACTIVE, mark
from fhir_server.storage.sqlite.concepts import NO_MORE, More, facts
from fhir_server.terminology import codesystems
from fhir_server.terminology.hierarchy import Hierarchy, hierarchy
from fhir_server.terminology.memory import said

BATCH = 500
log = logging.getLogger(__name__)


def define(db: apsw.Connection, id_: str, system: System | None, concepts: Sequence[Concept]) -> None:
    """See Transaction.define."""
    forget(db, id_)
    if system is None:
        return
    numbers = {concept.code: n for n, concept in enumerate(concepts)}
    tree = hierarchy([[numbers[parent] for parent in concept.parents] for concept in concepts])
    low = int(db.execute("SELECT coalesce(max(high), 0) + 1 FROM code_system").get)
    number = int(db.execute("SELECT coalesce(max(number), 0) + 1 FROM code_system").get)
    db.execute(
        "INSERT INTO code_system VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            id_,
            system.url,
            system.version or "",
            system.value_set or "",
            low,
            low + len(concepts) - 1,
            facts(system),
        ),
    )
    rows = _Rows(number, low, concepts, tree, numbers)
    for table, made in (
        ("concept VALUES (?, ?, ?, ?, ?, ?, ?)", rows.concepts()),
        ("concept_more VALUES (?, ?)", rows.more()),
        ("concept_parent VALUES (?, ?, ?)", rows.parents()),
        ("concept_further VALUES (?, ?, ?)", rows.further()),
        ("concept_property VALUES (?, ?, ?, ?)", rows.properties()),
        ("concept_word (rowid, words) VALUES (?, ?)", rows.words()),
    ):
        while batch := list(islice(made, BATCH)):
            db.executemany(f"INSERT INTO {table}", batch)


def forget(db: apsw.Connection, id_: str) -> None:
    """The code system has no concepts here any more, if it had any."""
    row: Any = db.execute("SELECT number, low, high FROM code_system WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return
    number, low, high = row
    db.execute("DELETE FROM concept_word WHERE rowid BETWEEN ? AND ?", (low, high))
    for table, column in (("concept_more", "number"), ("concept_parent", "concept"), ("concept_further", "concept"), ("concept", "number")):  # fmt: skip
        db.execute(f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", (low, high))
    db.execute("DELETE FROM concept_property WHERE system = ?", (number,))
    db.execute("DELETE FROM code_system WHERE number = ?", (number,))


class _Rows:
    """The rows of the concepts of one code system, each table's in ascending order."""

    def __init__(
        self, number: int, low: int, concepts: Sequence[Concept], tree: Hierarchy, numbers: dict[str, int]
    ) -> None:
        self.number, self.low, self.all, self.tree, self.numbers = number, low, concepts, tree, numbers
        self.order = sorted(range(len(concepts)), key=tree.place.__getitem__)

    def _placed(self) -> Iterator[tuple[int, int, Concept]]:
        return ((self.low + place, n, self.all[n]) for place, n in enumerate(self.order))

    def concepts(self) -> Iterator[tuple[Any, ...]]:
        for place, n, c in self._placed():
            flags = (INACTIVE * c.inactive) | (ABSTRACT * c.abstract) | (FURTHER * (n in self.tree.further))
            yield place, self.number, self.low + self.tree.last[n], flags, c.code, c.code.lower(), c.display

    def more(self) -> Iterator[tuple[Any, ...]]:
        for place, _, c in self._placed():
            more = More(c.definition, c.designations, c.properties)
            if more != NO_MORE:
                yield place, msgspec.msgpack.encode(more)

    def parents(self) -> Iterator[tuple[Any, ...]]:
        for place, _, c in self._placed():
            for nth, parent in enumerate(c.parents):
                yield place, nth, self.low + self.tree.place[self.numbers[parent]]

    def further(self) -> Iterator[tuple[Any, ...]]:
        for place, n, _ in self._placed():
            for low, high in self.tree.further.get(n, ()):
                yield place, self.low + low, self.low + high

    def properties(self) -> Iterator[tuple[Any, ...]]:
        found = {(p.code, p.value, place) for place, _, c in self._placed() for p in c.properties}
        return ((self.number, *each) for each in sorted(found))

    def words(self) -> Iterator[tuple[Any, ...]]:
        for place, _, c in self._placed():
            yield place, " ".join(mark(self.number, word) for word in said(c))


def fill(db: apsw.Connection) -> None:
    """The concepts of all CodeSystems that are in the database already; one whose hierarchy is not sound has none of it."""
    rows: list[Any] = db.execute(
        "SELECT r.id, r.body FROM resource r JOIN name n ON n.number = r.type"
        " WHERE n.space = 'type' AND n.text = 'CodeSystem' AND r.body IS NOT NULL ORDER BY r.rid"
    ).fetchall()
    for id_, body in rows:
        resource = orjson.loads(body)
        found = codesystems.concepts(resource)
        try:
            define(db, id_, codesystems.system(resource), found)
        except FhirError as error:
            log.warning("CodeSystem/%s: %s", id_, error)
            flat = [msgspec.structs.replace(concept, parents=()) for concept in found]
            define(db, id_, codesystems.system(resource), flat)
