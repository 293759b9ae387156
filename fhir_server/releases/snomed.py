"""SNOMED CT as RF2: the Snapshot of an edition, or what of its Full files is newest.

http://hl7.org/fhir/R4/snomedct.html, https://confluence.ihtsdotools.org/display/DOCRELFMT

The version is the edition's URI: http://snomed.info/sct/[module]/version/[date].
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any, Final

from fhir_server.outcome import Invalid
from fhir_server.releases.files import Entry, Files, Told
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.rows import Row, tabbed
from fhir_server.releases.workbench import Workbench

URL: Final = "http://snomed.info/sct"
COPYRIGHT: Final = (
    "SNOMED CT is copyright of SNOMED International; its use needs a licence: https://www.snomed.org/get-snomed."
)
IS_A: Final = "116680003"
DEFINED: Final = "900000000000073002"
FULLY_SPECIFIED: Final = "900000000000003001"
SYNONYM: Final = "900000000000013009"
PREFERRED: Final = "900000000000548007"
STATED: Final = "900000000000010007"
CORE: Final = "900000000000207008"
DIALECTS: Final = {"900000000000509007": "en-US", "900000000000508004": "en-GB"}
_MODULES: Final = {
    "INT": CORE, "US1000124": "731000124108", "AU1000036": "32506021000036107",
    "NL1000146": "11000146104", "SE1000052": "45991000052106", "DK1000005": "554471000005108",
    "BE1000172": "11000172109", "ES": "449081005", "CH1000195": "2011000195101", "NO1000202": "51000202101",
    "NZ1000210": "21000210109", "IE1000220": "11000220105", "AT1000234": "11000234105", "DE1000274": "11000274103",
}  # fmt: skip
"""Of editions, by the country and namespace in the names of their files."""

_SHARED: Final = ("id", "effectiveTime", "active", "moduleId")
_REFSET: Final = (*_SHARED, "refsetId", "referencedComponentId")
_CONCEPT: Final = (*_SHARED, "definitionStatusId")
_DESCRIPTION: Final = (*_SHARED, "conceptId", "languageCode", "typeId", "term", "caseSignificanceId")
_RELATIONSHIP: Final = (
    *_SHARED, "sourceId", "destinationId", "relationshipGroup", "typeId", "characteristicTypeId", "modifierId",
)  # fmt: skip
_CONCRETE: Final = (*_RELATIONSHIP[:5], "value", *_RELATIONSHIP[6:])
_LANGUAGE: Final = (*_REFSET, "acceptabilityId")
_DEPENDENCY: Final = (*_REFSET, "sourceEffectiveTime", "targetEffectiveTime")

_PROPERTIES: Final = {
    "inactive": ("boolean", "Whether the concept is not to be used any more."),
    "sufficientlyDefined": ("boolean", "Whether its relationships are enough to define the concept."),
    "moduleId": ("code", "The module that the concept is in."),
    "effectiveTime": ("string", "Since when it is as it is."),
    "refset": ("code", "A simple reference set that it is a member of."),
    "referenceSet": ("boolean", "Whether the concept stands for a reference set."),
}
_EDITION: Final = re.compile(r"_([A-Z]{2,3}\d*)_(\d{8})\.txt", re.IGNORECASE)
_URI: Final = re.compile(rf"{URL}/(\d+)/version/(\d{{8}})")


def known(files: Files) -> bool:
    return bool(files.find(_pattern("sct2_Concept_")))


def _pattern(name: str) -> str:
    """Files of a kind: the Snapshot and the Full, of the release and of a beta (x…)."""
    return rf"x?{name}(?:Snapshot|Full)[^_]*_.*\.txt"


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    rf2 = _Rf2(files, bench, told)
    version = wanted.version or rf2.version()
    found = _URI.fullmatch(version)
    if found is None:
        raise Invalid(f"{version} is no version of SNOMED CT, like {URL}/{CORE}/version/20240101")
    rf2.concepts()
    rf2.relationships()
    rf2.reference_sets()
    rf2.descriptions(wanted.language)
    return Release(
        "sct", URL, version, wanted.title or "SNOMED CT", {**_PROPERTIES, **rf2.attributes},
        short_version=f"{found[1]}-{found[2]}", language=wanted.language or "en", compositional=True,
        value_set=f"{URL}?fhir_vs", copyright=COPYRIGHT,
    )  # fmt: skip


class _Rf2:
    """The files of one edition. `attributes` are the properties that its relationships make."""

    def __init__(self, files: Files, bench: Workbench, told: Told) -> None:
        self.files, self.bench, self.told = files, bench, told
        self.attributes: dict[str, tuple[str, str]] = {}

    def _entries(self, name: str) -> tuple[list[Entry], bool]:
        """The files of a kind, and whether they are Full: the Snapshot is taken where there is one."""
        found = self.files.find(_pattern(name))
        snapshot = [each for each in found if f"{name}Snapshot".lower() in each.name.lower()]
        return (snapshot, False) if snapshot else (found, True)

    def _rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
        """Each component in its newest state, active or not."""
        entries, full = self._entries(name)
        if full:
            yield from self._newest(entries, columns)
            return
        for entry in entries:
            self.bench.file(entry)
            yield from tabbed(entry, columns, self.told)

    def _newest(self, entries: Sequence[Entry], columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
        db = self.bench.db
        db.execute("DROP TABLE IF EXISTS newest")
        db.execute("CREATE TABLE newest (id TEXT PRIMARY KEY, time TEXT, line INTEGER, row TEXT) WITHOUT ROWID")
        for entry in entries:
            for line, row in tabbed(entry, columns, self.told):
                db.execute(
                    "INSERT INTO newest VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET time = excluded.time,"
                    " line = excluded.line, row = excluded.row WHERE excluded.time >= time",
                    (row[0], row[1], line, "\t".join(row)),
                )
        if entries:
            self.bench.file(entries[0])
        for line, text in db.execute("SELECT line, row FROM newest ORDER BY line"):
            yield line, text.split("\t")

    def version(self) -> str:
        """The URI of the edition: its module is the one that no other depends on, or the one that names of files tell."""
        entry = self._entries("sct2_Concept_")[0][0]
        found = _EDITION.search(PurePosixPath(entry.name).name)
        dates = [found[2]] if found else []
        sources, targets = set(), set()
        for _, row in self._rows("der2_ssRefset_ModuleDependency", _DEPENDENCY):
            if row[2] == "1" and (not dates or row[6] == dates[0]):
                sources.add(row[3])
                targets.add(row[5])
        tops = sources - targets
        module = tops.pop() if len(tops) == 1 else _MODULES.get(found[1].upper(), "") if found else ""
        if not module or not dates:
            raise Invalid(f"{entry.place} does not tell edition and date: give --version {URL}/MODULE/version/YYYYMMDD")
        return f"{URL}/{module}/version/{dates[0]}"

    def concepts(self) -> None:
        bench = self.bench
        for line, (code, time, active, module, status) in self._rows("sct2_Concept_", _CONCEPT):
            bench.concept(line, code, inactive=active != "1")
            bench.property(line, code, "sufficientlyDefined", "true" if status == DEFINED else "false", "boolean")
            bench.property(line, code, "moduleId", module)
            bench.property(line, code, "effectiveTime", time, "string")

    def relationships(self) -> None:
        """Is-a as hierarchy, attributes as properties, inferred ones alone."""
        for line, row in self._rows("sct2_Relationship_", _RELATIONSHIP):
            if row[2] != "1" or row[8] == STATED:
                continue
            if row[7] == IS_A:
                self.bench.parent(line, row[4], row[5])
            else:
                self.attributes.setdefault(row[7], ("code", "An attribute of the concept model."))
                self.bench.property(line, row[4], row[7], row[5])
        for line, row in self._rows("sct2_RelationshipConcreteValues_", _CONCRETE):
            if row[2] == "1":
                number = row[5].startswith("#")
                self.attributes.setdefault(row[7], ("decimal" if number else "string", "An attribute with a value."))
                self.bench.property(line, row[4], row[7], row[5].strip('#"'), "decimal" if number else "string")

    def reference_sets(self) -> None:
        """Members of simple reference sets that are concepts, and the concepts of reference sets of all kinds that are read."""
        bench = self.bench
        seen: set[str] = set()
        for line, row in self._rows("der2_Refset_Simple", _REFSET):
            if row[2] == "1":
                if row[5][-2:-1] == "0":
                    bench.property(line, row[5], "refset", row[4])
                if row[4] not in seen:
                    seen.add(row[4])
                    bench.property(line, row[4], "referenceSet", "true", "boolean")
        db = bench.db
        db.execute("CREATE TABLE worth (description TEXT, refset TEXT, preferred INTEGER, PRIMARY KEY (description, refset)) WITHOUT ROWID")  # fmt: skip
        for line, row in self._rows("der2_cRefset_Language", _LANGUAGE):
            if row[2] == "1":
                db.execute("INSERT OR IGNORE INTO worth VALUES (?, ?, ?)", (row[5], row[4], row[6] == PREFERRED))
                if row[4] not in seen:
                    seen.add(row[4])
                    bench.property(line, row[4], "referenceSet", "true", "boolean")

    def descriptions(self, language: str) -> None:
        """The display is the synonym that a language reference set prefers, all others are designations, preferred ones first."""
        db, bench = self.bench.db, self.bench
        db.execute("CREATE TABLE term (concept TEXT, id TEXT, language TEXT, type TEXT, text TEXT, line INTEGER)")
        for line, row in self._rows("sct2_Description_", _DESCRIPTION):
            if row[2] == "1":
                db.execute("INSERT INTO term VALUES (?, ?, ?, ?, ?, ?)", (row[4], row[0], row[5], row[6], row[7], line))
        bench.flush()
        db.execute("CREATE INDEX concept_of_term ON concept (code)")
        rows = db.execute(
            "SELECT t.concept, t.language, t.type, t.text, t.line, w.refset, w.preferred FROM term t"
            " LEFT JOIN worth w ON w.description = t.id ORDER BY t.concept, t.line"
        )
        for concept, group in groupby(rows, itemgetter(0)):
            self._named(concept, list(group), language)
        for _, row in self._rows("sct2_TextDefinition_", _DESCRIPTION):
            if row[2] == "1":
                db.execute("UPDATE concept SET definition = coalesce(definition, ?) WHERE code = ?", (row[7], row[4]))
        db.execute("DROP INDEX concept_of_term")

    def _named(self, concept: str, rows: Sequence[tuple[Any, ...]], language: str) -> None:
        ordered = sorted(rows, key=lambda row: _order(row, language))
        display = ordered[0][3]
        self.bench.db.execute("UPDATE concept SET display = ? WHERE code = ?", (display, concept))
        told = set()
        for _, own, type_, text, line, _, _ in ordered:
            if (own, type_, text) not in told:
                told.add((own, type_, text))
                use = ("code", type_), ("display", "Fully specified name" if type_ == FULLY_SPECIFIED else "Synonym")
                self.bench.designation(line, concept, text, own, (("system", URL), *use))


def _order(row: tuple[Any, ...], language: str) -> tuple[bool, bool, bool, int, int]:
    """Synonyms first, of the language that is asked for, preferred ones, of the reference set that is asked for, …"""
    _, own, type_, _, line, refset, preferred = row
    dialects = list(DIALECTS)
    dialect = dialects.index(refset) if refset in DIALECTS else len(dialects)
    asked = DIALECTS.get(refset, "").lower() == language.lower()
    return (
        type_ == FULLY_SPECIFIED,
        own.lower() != (language or "en").lower().partition("-")[0],
        not preferred,
        -1 if asked else dialect,
        line,
    )
