"""LOINC as Regenstrief delivers it: Loinc_*.zip with LoincTable, and what AccessoryFiles it has.

http://hl7.org/fhir/R4/loinc.html, https://loinc.org/kb/users-guide/loinc-database-structure/

Codes of the table, of parts (LP) in the hierarchy by component, of answer lists (LL) and of answers (LA).
"""

import re
from pathlib import PurePosixPath
from typing import Final

from fhir_server.releases.files import Entry, Files, Told
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.rows import Table
from fhir_server.releases.workbench import Workbench

URL: Final = "http://loinc.org"
COPYRIGHT: Final = "LOINC is copyright Regenstrief Institute, Inc. and the LOINC Committee, and is available at no cost under the license at http://loinc.org/license."  # fmt: skip

_AXES: Final = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP")
_MORE: Final = (
    "CLASS", "CLASSTYPE", "STATUS", "ORDER_OBS", "UNITSREQUIRED", "EXAMPLE_UCUM_UNITS", "EXAMPLE_UNITS", "PanelType",
    "VersionLastChanged", "VersionFirstReleased",
)  # fmt: skip
_NAMES: Final = ("SHORTNAME", "CONSUMER_NAME", "DisplayName")
_PROPERTIES: Final = {
    **{name: ("string", f"The column {name} of the table.") for name in (*_AXES, *_MORE)},
    "copyright": ("string", "LOINC or 3rdParty."),
    "answer-list": ("code", "An answer list that is used with the code."),
    "answers-for": ("code", "A code that the answer list is used with."),
    "LIST": ("code", "An answer list in which the answer is."),
    "answer": ("code", "An answer of the list, in order."),
}
_USE: Final = "https://loinc.org/names"
_LANGUAGE: Final = re.compile(r"([a-z]{2})([A-Z]{2})\d+LinguisticVariant\.csv")
_VERSION: Final = re.compile(r"\d+\.\d+")


def known(files: Files) -> bool:
    return bool(files.find(r"Loinc\.csv"))


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    version = max((_table(entry, bench, told) for entry in files.find(r"Loinc\.csv")[:1]), default="")
    for entry in files.find(r"Part\.csv")[:1]:
        _parts(entry, bench, told)
    for entry in files.find(r"(ComponentHierarchyBySystem|MultiAxialHierarchy)\.csv")[:1]:
        _hierarchy(entry, bench, told)
    for entry in files.find(r"AnswerList\.csv")[:1]:
        _answers(entry, bench, told)
    for entry in files.find(r"LoincAnswerListLink\.csv")[:1]:
        _links(entry, bench, told)
    for entry in files.find(r"[a-z]{2}[A-Z]{2}\d+LinguisticVariant\.csv"):
        _variant(entry, bench, told)
    return Release(
        "loinc", URL, wanted.version or version, wanted.title or "LOINC", _PROPERTIES,
        case_sensitive=False, value_set=f"{URL}/vs", copyright=COPYRIGHT,
    )  # fmt: skip


def _table(entry: Entry, bench: Workbench, told: Told) -> str:
    """The codes of the table. Returns the newest version in which one of them was changed: that of the release."""
    table = Table(entry, told)
    bench.file(entry)
    code, name, definition, status = map(table.column, ("LOINC_NUM", "LONG_COMMON_NAME", "DefinitionDescription", "STATUS"))  # fmt: skip
    properties = [(each, table.column(each)) for each in _AXES]
    properties += [(each, table.column(each)) for each in _MORE if table.has(each)]
    names = [(each, table.column(each)) for each in _NAMES if table.has(each)]
    notice = table.column("EXTERNAL_COPYRIGHT_NOTICE") if table.has("EXTERNAL_COPYRIGHT_NOTICE") else -1
    changed = table.column("VersionLastChanged") if table.has("VersionLastChanged") else -1
    newest = (0, 0)
    for line, row in table.rows():
        own = row[code]
        bench.concept(line, own, row[name] or row[code], definition=row[definition], inactive=row[status] == "DEPRECATED")  # fmt: skip
        for each, column in properties:
            bench.property(line, own, each, row[column], "string")
        if notice >= 0:
            bench.property(line, own, "copyright", "3rdParty" if row[notice] else "LOINC", "string")
        for each, column in names:
            if row[column] and row[column] != row[name]:
                bench.designation(line, own, row[column], "en", _use(each))
        if changed >= 0 and _VERSION.fullmatch(row[changed]):
            major, _, minor = row[changed].partition(".")
            newest = max(newest, (int(major), int(minor)))
    return f"{newest[0]}.{newest[1]}" if newest > (0, 0) else ""


def _use(name: str) -> tuple[tuple[str, str], ...]:
    return (("system", _USE), ("code", name))


def _parts(entry: Entry, bench: Workbench, told: Told) -> None:
    table = Table(entry, told)
    bench.file(entry)
    code, name, display, status = map(table.column, ("PartNumber", "PartName", "PartDisplayName", "Status"))
    for line, row in table.rows():
        bench.concept(line, row[code], row[display] or row[name], inactive=row[status] == "DEPRECATED")


def _hierarchy(entry: Entry, bench: Workbench, told: Told) -> None:
    """What is above what; parts that no other file has."""
    table = Table(entry, told)
    bench.file(entry)
    parent, code, text = map(table.column, ("IMMEDIATE_PARENT", "CODE", "CODE_TEXT"))
    for line, row in table.rows():
        bench.concept(line, row[code], row[text], weak=True)
        if row[parent]:
            bench.parent(line, row[code], row[parent])


def _answers(entry: Entry, bench: Workbench, told: Told) -> None:
    """Lists and their answers, in order. A list whose answers are defined elsewhere has none here."""
    table = Table(entry, told)
    bench.file(entry)
    columns = ("AnswerListId", "AnswerListName", "AnswerStringId", "DisplayText")
    list_, name, answer, text = map(table.column, columns)
    for line, row in table.rows():
        bench.concept(line, row[list_], row[name], weak=True)
        if row[answer]:
            bench.concept(line, row[answer], row[text], weak=True)
            bench.property(line, row[list_], "answer", row[answer])
            bench.property(line, row[answer], "LIST", row[list_])


def _links(entry: Entry, bench: Workbench, told: Told) -> None:
    table = Table(entry, told)
    bench.file(entry)
    code, list_ = map(table.column, ("LoincNumber", "AnswerListId"))
    for line, row in table.rows():
        bench.property(line, row[code], "answer-list", row[list_])
        bench.property(line, row[list_], "answers-for", row[code])


def _variant(entry: Entry, bench: Workbench, told: Told) -> None:
    """The names of another language."""
    found = _LANGUAGE.fullmatch(PurePosixPath(entry.name).name)
    if found is None:
        return
    language = f"{found[1]}-{found[2]}"
    table = Table(entry, told)
    bench.file(entry)
    code = table.column("LOINC_NUM")
    names = [(n, table.column(n)) for n in ("LONG_COMMON_NAME", "LinguisticVariantDisplayName", "SHORTNAME") if table.has(n)]  # fmt: skip
    for line, row in table.rows():
        for name, column in names:
            if row[column]:
                bench.designation(line, row[code], row[column], language, _use(name))
