"""ICD-10-CM as CMS and NCHS deliver it: the order file, the tabular list, or both.

http://hl7.org/fhir/R4/icd.html, https://www.cms.gov/medicare/coding-billing/icd-10-codes

The order file has all codes, the tabular list chapters, sections and inclusion terms, and seventh characters as rules.
"""

import re
from pathlib import PurePosixPath
from typing import Any, Final

from fhir_server.outcome import Invalid
from fhir_server.releases.files import Entry, Files, Told
from fhir_server.releases.icd10 import elements, words
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.workbench import Workbench

URL: Final = "http://hl7.org/fhir/sid/icd-10-cm"
ORDER: Final = r"icd10cm[-_]order[-_]?\d{4}.*\.txt"
TABULAR: Final = r"icd10cm[-_]tabular[-_]?\d{4}.*\.xml"
_PROPERTIES: Final = {
    "kind": ("code", "chapter, section or diagnosis."),
    "valid": ("boolean", "Whether the code may be used in claims."),
}
_CODE: Final = re.compile(r"[A-Z][0-9][0-9A-Z]{1,5}")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
WHOLE: Final = 6
"""Characters before the seventh."""


def known(files: Files) -> bool:
    return bool(files.find(ORDER) or files.find(TABULAR))


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    order, tabular = files.find(ORDER), files.find(TABULAR)
    years = sorted({found[0] for e in (*order, *tabular) if (found := _YEAR.search(PurePosixPath(e.name).name))})
    if len(years) > 1 and not wanted.version:
        raise Invalid(f"the files are of {' and '.join(years)}: import one release at a time")
    for entry in order[:1]:
        _ordered(entry, bench, told)
    for entry in tabular[:1]:
        _Tabular(entry, bench, told, alone=not order).read()
    return Release(
        "icd-10-cm", wanted.url or URL, wanted.version or years[0], wanted.title or "ICD-10-CM", _PROPERTIES,
        meaning="classified-with",
    )  # fmt: skip


def dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def _ordered(entry: Entry, bench: Workbench, told: Told) -> None:
    """Every code, each behind the one that it is below: columns 7 to 13 the code, 15 whether it is valid, 17 to 76 and from 78 names."""
    bench.file(entry)
    above: list[str] = []
    for line, text in entry.lines(told):
        row = text.rstrip("\r\n")
        if not row:
            continue
        code, valid, short, long = row[6:13].rstrip(), row[14:15], row[16:76].rstrip(), row[77:].strip()
        if _CODE.fullmatch(code) is None or valid not in ("0", "1") or not row[:5].isdigit():
            raise entry.wrong(
                line, "five digits, a code, 0 or 1 and two names are expected, in the columns of the order file"
            )
        while above and not code.startswith(above[-1]):
            above.pop()
        own = dotted(code)
        bench.concept(line, own, long or short, abstract=valid == "0")
        bench.property(line, own, "valid", "true" if valid == "1" else "false", "boolean")
        if short and short != long:
            bench.designation(line, own, short, "en")
        if above:
            bench.parent(line, own, dotted(above[-1]))
        above.append(code)


class _Tabular:
    """The tabular list; `alone`: without the order file it has all codes, else what that lacks."""

    def __init__(self, entry: Entry, bench: Workbench, told: Told, *, alone: bool) -> None:
        self.entry, self.bench, self.told, self.alone = entry, bench, told, alone

    def read(self) -> None:
        self.bench.file(self.entry)
        for chapter in elements(self.entry, ("chapter",), self.told):
            line, name = chapter.sourceline or 1, _text(chapter, "name")
            self._concept(line, name, chapter, "chapter", "")
            for section in chapter.findall("section"):
                line, own = section.sourceline or 1, section.get("id", "")
                self._concept(line, own, section, "section", name)
                for diagnosis in section.findall("diag"):
                    self._diagnosis(diagnosis, own, [])

    def _diagnosis(self, element: Any, parent: str, sevenths: list[tuple[str, str]]) -> None:
        line, code = element.sourceline or 1, _text(element, "name")
        top = len(code) == 3
        if self.alone:
            self._concept(line, code, element, "diagnosis", parent)
        elif top:
            self.bench.parent(line, code, parent)
        for note in element.findall("inclusionTerm/note"):
            self.bench.designation(line, code, words(note), "en")
        below = element.findall("diag")
        rules = element.find("sevenChrDef")
        if rules is not None:
            sevenths = [(each.get("char", ""), words(each)) for each in rules.findall("extension")]
        for each in below:
            self._diagnosis(each, code, sevenths)
        if self.alone and not below:
            for character, text in sevenths:
                whole = dotted(code.replace(".", "").ljust(WHOLE, "X") + character)
                self.bench.concept(line, whole, f"{_text(element, 'desc')}, {text}")
                self.bench.parent(line, whole, code)

    def _concept(self, line: int, code: str, element: Any, kind: str, parent: str) -> None:
        self.bench.concept(line, code, _text(element, "desc"), abstract=kind != "diagnosis", weak=kind == "section")
        self.bench.property(line, code, "kind", kind)
        if parent and parent != code:
            self.bench.parent(line, code, parent)


def _text(element: Any, name: str) -> str:
    found = element.find(name)
    return "" if found is None else words(found)
