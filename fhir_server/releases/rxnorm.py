"""RxNorm as the National Library of Medicine delivers it: RRF files (RXNCONSO, RXNREL, RXNSAT, RXNSTY).

http://hl7.org/fhir/R4/rxnorm.html, https://www.nlm.nih.gov/research/umls/rxnorm/docs/techdoc.html

A code is an RXCUI that has a name of RxNorm's own. RxNorm has no subsumption: relationships are properties.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from fhir_server.outcome import Invalid
from fhir_server.releases.files import Files, Told
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.rows import barred
from fhir_server.releases.workbench import Workbench

URL: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
OWN: Final = "RXNORM"
LAST_CHOICE: Final = ("PSN", "TMSY", "SY", "ET")
"""Term types of synonyms: a name of another type is the display."""
_PROPERTIES: Final = {
    "TTY": ("code", "The type of one of its names."),
    "SAB": ("code", "A source that names it."),
    "STY": ("code", "A semantic type (TUI)."),
}
_DATE: Final = re.compile(r"(?:^|\D)((?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d\d)(?:\D|$)")


def known(files: Files) -> bool:
    return bool(files.find(r"RXNCONSO\.RRF"))


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    version = wanted.version or next((found[1] for path in files.paths if (found := _DATE.search(path.name))), "")
    if not version:
        raise Invalid("the date of the RxNorm release is not in the name of its file: give it with --version MMDDYYYY")
    names = _names(files, bench, told)
    properties = dict(_PROPERTIES)
    for entry in files.find(r"RXNSTY\.RRF")[:1]:
        bench.file(entry)
        for line, row in barred(entry, 6, told):
            if row[0] in names:
                bench.property(line, row[0], "STY", row[1])
    for entry in files.find(r"RXNREL\.RRF")[:1]:
        bench.file(entry)
        for line, row in barred(entry, 16, told):
            one, relation, other, more = row[0], row[3], row[4], row[7]
            if row[10] == OWN and one in names and other in names:  # RRF says it of the second to the first
                name = more or relation
                properties.setdefault(name, ("code", "A relationship to another concept."))
                bench.property(line, other, name, one)
    for entry in files.find(r"RXNSAT\.RRF")[:1]:
        bench.file(entry)
        for line, row in barred(entry, 13, told):
            if row[9] == OWN and row[11] in ("N", "") and row[0] in names:
                properties.setdefault(row[8], ("string", "An attribute."))
                bench.property(line, row[0], row[8], row[10], "string")
    return Release("rxnorm", URL, version, wanted.title or "RxNorm", properties)


class _Known:
    """The codes of the release, on the workbench."""

    def __init__(self, bench: Workbench) -> None:
        self._db = bench.db

    def __contains__(self, code: str) -> bool:
        return self._db.execute("SELECT 1 FROM rxnorm WHERE code = ?", (code,)).fetchone() is not None


def _names(files: Files, bench: Workbench, told: Told) -> _Known:
    """The concepts with their names. The display is the best of those that are not suppressed, else the best of all."""
    db = bench.db
    db.execute("CREATE TABLE atom (code TEXT, worth INTEGER, type TEXT, text TEXT, line INTEGER)")
    db.execute("CREATE TABLE source (code TEXT, name TEXT, line INTEGER, PRIMARY KEY (code, name)) WITHOUT ROWID")
    (entry,) = files.find(r"RXNCONSO\.RRF")[:1]
    bench.file(entry)
    for line, row in barred(entry, 18, told):
        db.execute("INSERT OR IGNORE INTO source VALUES (?, ?, ?)", (row[0], row[11], line))
        if row[11] == OWN:
            worth = (100 if row[16] not in ("N", "") else 0) + (1 + LAST_CHOICE.index(row[12]) if row[12] in LAST_CHOICE else 0)  # fmt: skip
            db.execute("INSERT INTO atom VALUES (?, ?, ?, ?, ?)", (row[0], worth, row[12], row[14], line))
    db.execute("CREATE TABLE rxnorm (code TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute("INSERT INTO rxnorm SELECT DISTINCT code FROM atom")
    atoms = db.execute("SELECT code, worth, type, text, line FROM atom ORDER BY code, worth, line")
    for code, group in groupby(atoms, itemgetter(0)):
        _concept(bench, code, group)
    own = db.execute("SELECT s.code, s.name, s.line FROM source s JOIN rxnorm r ON r.code = s.code")
    for code, name, line in own:
        bench.property(line, code, "SAB", name)
    return _Known(bench)


def _concept(bench: Workbench, code: str, atoms: Iterator[tuple[Any, ...]]) -> None:
    _, worth, type_, display, line = next(atoms)
    bench.concept(line, code, display, inactive=worth >= 100)
    bench.property(line, code, "TTY", type_)
    for _, _, other, text, place in atoms:
        bench.property(place, code, "TTY", other)
        bench.designation(place, code, text, "en", (("system", URL), ("code", other)))
