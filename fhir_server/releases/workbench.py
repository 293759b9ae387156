"""Where a release is put together: on the disk, so that memory stays flat, in whichever order its files say things.

https://www.sqlite.org/inmemorydb.html#temp_db: the file has no name, and is gone with its process however that ends. It lies in the
folder for temporary files (SQLITE_TMPDIR, TMPDIR).
"""

import re
from array import array
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Final, Self

import apsw
import msgspec

from fhir_server.concepts import Concept, Designation, Placed, Property
from fhir_server.outcome import Invalid
from fhir_server.releases.files import Entry
from fhir_server.terminology.hierarchy import Circle, Edges, Hierarchy, climbed

INACTIVE: Final = 1
ABSTRACT: Final = 2
WEAK: Final = 4
"""Flags of a concept. Weak: where the code is there twice, this one does not count."""
TOGETHER: Final = 5_000
CACHE_KIB: Final = 16 * 1024
LINES: Final = 1 << 40
"""More than any file has: a place is the number of the file times this, and the line."""
SHOWN: Final = 10

_CODE: Final = re.compile(r"[^\s\x00-\x1f]+(?: [^\s\x00-\x1f]+)*")
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_TABLES: Final = """
    CREATE TABLE concept (n INTEGER PRIMARY KEY, code TEXT NOT NULL, display TEXT, definition TEXT, flags INTEGER, place INTEGER);
    CREATE TABLE edge (code TEXT NOT NULL, parent TEXT NOT NULL, place INTEGER);
    CREATE TABLE detail (code TEXT NOT NULL, kind INTEGER, body BLOB, place INTEGER);
"""
_MANY: Final = {
    "concept": "INSERT INTO concept (code, display, definition, flags, place) VALUES (?, ?, ?, ?, ?)",
    "edge": "INSERT INTO edge VALUES (?, ?, ?)",
    "detail": "INSERT INTO detail VALUES (?, ?, ?, ?)",
}
_OF_NONE: Final = (
    "SELECT e.code, e.place, 0 FROM edge e WHERE NOT EXISTS (SELECT 1 FROM concept c WHERE c.code = e.code)",
    "SELECT d.code, d.place, 0 FROM detail d WHERE NOT EXISTS (SELECT 1 FROM concept c WHERE c.code = d.code)",
)
_PACK: Final = msgspec.msgpack.Encoder()
_DESIGNATION: Final = msgspec.msgpack.Decoder(Designation)
_PROPERTY: Final = msgspec.msgpack.Decoder(Property)


class Workbench:
    """Concepts, what is above them and what is said of them, by code. `at` is set before a file is read."""

    def __init__(self) -> None:
        self.db = apsw.Connection("")
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}", "temp_store = FILE"):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.execute(_TABLES)
        self._files: list[Entry] = []
        self._waiting: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _MANY}
        self._rows = 0
        self._tree: Hierarchy | None = None
        self._edges = Edges(0, ())
        self.size = 0

    def __enter__(self) -> Self:
        self.db.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close(force=True)

    # ---- putting things down

    def file(self, entry: Entry) -> None:
        """What follows is from this file."""
        self._files.append(entry)

    def concept(
        self, line: int, code: str, display: str = "", *, definition: str = "", inactive: bool = False,
        abstract: bool = False, weak: bool = False,
    ) -> None:  # fmt: skip
        """A concept. Raises Invalid, with file and line, for what is no code or no text."""
        if _CODE.fullmatch(code) is None:
            raise self._files[-1].wrong(line, f"{code[:100]!r} is no code: text without spaces around it is expected")
        self._checked(line, display, definition)
        flags = (INACTIVE * inactive) | (ABSTRACT * abstract) | (WEAK * weak)
        self._put("concept", (code, display or None, definition or None, flags, self._place(line)))

    def parent(self, line: int, code: str, parent: str) -> None:
        """The concept is right below that one."""
        self._put("edge", (code, parent, self._place(line)))

    def designation(
        self, line: int, code: str, text: str, language: str = "", use: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._checked(line, text)
        self._put("detail", (code, 0, _PACK.encode(Designation(text, language or None, use)), self._place(line)))

    def property(self, line: int, code: str, name: str, value: str, type_: str = "code") -> None:
        """A property; one without a value says nothing."""
        if value:
            self._checked(line, value)
            self._put("detail", (code, 1, _PACK.encode(Property(name, value, type_)), self._place(line)))

    def flush(self) -> None:
        """All that was put down is in the tables."""
        for name, rows in self._waiting.items():
            if rows:
                self.db.executemany(_MANY[name], rows)
                rows.clear()
        self._rows = 0

    def place(self, number: int) -> str:
        """file:line of a place, for people."""
        return f"{self._files[number // LINES].place}:{number % LINES}"

    def _place(self, line: int) -> int:
        return (len(self._files) - 1) * LINES + line

    def _put(self, name: str, row: tuple[Any, ...]) -> None:
        self._waiting[name].append(row)
        self._rows += 1
        if self._rows >= TOGETHER:
            self.flush()

    def _checked(self, line: int, *texts: str) -> None:
        for text in texts:
            if not text.isprintable() and _UNSEEN.search(text):
                raise self._files[-1].wrong(line, f"{text[:60]!r} has characters that no text of FHIR may have")

    # ---- taking it away in order

    def settle(self) -> int:
        """All is put down: the concepts have their places. Returns how many there are.

        Raises Invalid, with file and line, for a code that is there twice, for parents and details of codes that are
        not there, and for concepts that are above themselves.
        """
        self.flush()
        db = self.db
        db.execute("CREATE INDEX concept_code ON concept (code)")
        db.execute(
            "DELETE FROM concept WHERE flags & ?1 AND EXISTS (SELECT 1 FROM concept o WHERE o.code = concept.code"
            " AND (o.n < concept.n OR NOT o.flags & ?1))",
            (WEAK,),
        )
        self._refuse(
            "SELECT code, max(place), min(place) FROM concept GROUP BY code HAVING count(*) > 1",
            lambda code, first: f"the code {code[:100]!r} is there already: {self.place(first)}",
        )
        self._refuse(
            "SELECT e.parent, e.place, e.code FROM edge e WHERE NOT EXISTS (SELECT 1 FROM concept c WHERE c.code = e.parent)",
            lambda parent, code: f"{parent[:100]!r}, which is to be above {code[:100]!r}, is not in the release",
        )
        for statement in _OF_NONE:
            self._refuse(
                statement, lambda code, _: f"{code[:100]!r}, of which this line says something, is not in the release"
            )
        self.size = int(db.execute("SELECT count(*) FROM concept").get)
        if self.size != db.execute("SELECT coalesce(max(n), 0) FROM concept").get:
            self._close_gaps()
        self._edges = Edges(self.size, self._pairs())
        try:
            self._tree = climbed(self._edges)
        except Circle as circle:
            codes = [self._code(n) for n in circle.concepts[:SHOWN]]
            raise Invalid(f"a concept cannot be above itself: {' < '.join([*codes, codes[0]])}") from circle
        return self.size

    def _refuse(self, statement: str, text: Any) -> None:
        row = self.db.execute(f"{statement} LIMIT 1").fetchone()
        if row is not None:
            name, place, other = row
            raise Invalid(f"{self.place(place)}: {text(name, other)}", code="invalid")

    def _close_gaps(self) -> None:
        self.db.execute(
            "CREATE TABLE dense AS SELECT n FROM concept ORDER BY n;"
            "CREATE TABLE again AS SELECT d.rowid AS n, c.code, c.display, c.definition, c.flags, c.place"
            " FROM dense d JOIN concept c ON c.n = d.n ORDER BY d.rowid; DELETE FROM concept;"
            "INSERT INTO concept SELECT * FROM again; DROP TABLE again; DROP TABLE dense"
        )

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """(concept, parent) from 0, by concept, parents in the order of their lines, each once."""
        rows = self.db.execute(
            "SELECT c.n - 1, p.n - 1 FROM edge e JOIN concept c ON c.code = e.code JOIN concept p ON p.code = e.parent"
            " ORDER BY c.n, e.rowid"
        )
        for _, group in groupby(rows, itemgetter(0)):
            yield from dict.fromkeys(group)

    def _code(self, n: int) -> str:
        return str(self.db.execute("SELECT code FROM concept WHERE n = ?", (n + 1,)).get)

    def placed(self) -> Iterator[Placed]:
        """All concepts in the order of their places; `settle` comes before."""
        tree = self._tree
        if tree is None:
            raise RuntimeError("the workbench is not settled")
        place: array[int] = tree.place

        def place_of(*n: Any) -> int:
            return int(place[n[0] - 1])

        self.db.create_scalar_function("place_of", place_of, 1, deterministic=True)
        concepts = self.db.execute(
            "SELECT place_of(n) AS at, n - 1, code, display, definition, flags FROM concept ORDER BY at"
        )
        details = self.db.execute(
            "SELECT place_of(c.n) AS at, d.kind, d.body FROM detail d JOIN concept c ON c.code = d.code ORDER BY at, d.rowid"
        )
        grouped = groupby(details, itemgetter(0))
        at, group = next(grouped, (-1, iter(())))
        for number, n, code, display, definition, flags in concepts:
            designations: list[Designation] = []
            properties: list[Property] = []
            if at == number:
                for _, kind, body in group:
                    if kind:
                        properties.append(_PROPERTY.decode(body))
                    else:
                        designations.append(_DESIGNATION.decode(body))
                at, group = next(grouped, (-1, iter(())))
            concept = Concept(
                code, display, (), tuple(dict.fromkeys(designations)), tuple(dict.fromkeys(properties)), definition,
                inactive=bool(flags & INACTIVE), abstract=bool(flags & ABSTRACT),
            )  # fmt: skip
            above = tuple(place[parent] for parent in self._edges.above(n))
            yield Placed(concept, tree.last[n], above, tuple(tree.further.get(n)))
