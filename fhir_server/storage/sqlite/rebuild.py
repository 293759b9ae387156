"""What resources are found by, read again from all of them: after a change of the layout, before anybody searches.

http://hl7.org/fhir/R4/search.html
"""

import logging
import time
from typing import Any

import apsw
import orjson

from fhir_server.outcome import FhirError
from fhir_server.search.index import extract
from fhir_server.storage.base import REBUILT
from fhir_server.storage.sql.batch import Waiting, add_entries
from fhir_server.storage.sql.rows import NO_OUTLINE, Packed, compressed, decompressed, outline, pack, written
from fhir_server.storage.sql.words import Words, words_of
from fhir_server.storage.sqlite import state
from fhir_server.storage.sqlite.names import WritableNames
from fhir_server.storage.sqlite.tables import Tables, write_words

BATCH = 500
PROGRESS = 10.0  # seconds between two lines in the log

log = logging.getLogger(__name__)


def rebuild(db: apsw.Connection) -> None:
    """The packed entries of all versions are as this program makes them, the tables of entries hold those of the current ones.

    The tables are empty before; the caller holds the write transaction. What was added to R4's parameters is unknown here: a state
    record says so.
    """
    names = WritableNames(db)
    tables = Tables(db, names)
    total = db.execute("SELECT (SELECT count(*) FROM resource) + (SELECT count(*) FROM past)").get
    progress = _Progress(total)
    last, rows = 0, _current(db, 0)
    while rows:
        found = [(rid, *_entries(body, names)) for rid, body in rows]
        words = Waiting()
        db.executemany(
            "UPDATE resource SET entries = jsonb(?), outline = ? WHERE rid = ?",
            [(written(packed), number, rid) for rid, packed, number, _ in found],
        )
        add_entries(tables, [(rid, packed) for rid, packed, _, _ in found])
        for rid, _, _, said in found:
            words.put(rid, said, new=True)
        write_words(db, words)
        progress.done(len(rows))
        last = rows[-1][0]
        rows = _current(db, last)
    last, rows = 0, _past(db, 0)
    while rows:
        images = [(compressed(written(_entries(decompressed(body), names)[0]).encode()), ended) for ended, body in rows]
        db.executemany("UPDATE past SET entries = ? WHERE ended = ?", images)
        progress.done(len(rows))
        last = rows[-1][0]
        rows = _past(db, last)
    state.write(db, *REBUILT, b"", expected=state.revision(db, *REBUILT) or None, expires=None)
    log.info("indexed again: %d versions", total)


def _current(db: apsw.Connection, last: int) -> list[Any]:
    return db.execute(
        "SELECT rid, body FROM resource WHERE rid > ? AND body IS NOT NULL ORDER BY rid LIMIT ?", (last, BATCH)
    ).fetchall()


def _past(db: apsw.Connection, last: int) -> list[Any]:
    return db.execute(
        "SELECT ended, body FROM past WHERE ended > ? AND body IS NOT NULL ORDER BY ended LIMIT ?", (last, BATCH)
    ).fetchall()


def _entries(body: bytes, names: WritableNames) -> tuple[Packed, int, Words]:
    """The entries of a resource, the number of their outline, and its words; none where it has something that cannot be indexed."""
    resource = orjson.loads(body)
    type_ = resource["resourceType"]
    try:
        entries = extract(resource)
    except FhirError as error:
        log.warning("%s/%s is not indexed: %s", type_, resource.get("id"), error)
        return {}, NO_OUTLINE, []
    packed = pack(type_, entries, names)
    return packed, names.make_outline(type_, outline(packed)), words_of(type_, entries, names)


class _Progress:
    """Says now and then how far it is."""

    def __init__(self, total: int) -> None:
        self.total, self.count, self.said = total, 0, time.monotonic()

    def done(self, more: int) -> None:
        self.count += more
        if time.monotonic() > self.said + PROGRESS:
            self.said = time.monotonic()
            log.info("indexing again: %d of %d versions", self.count, self.total)
