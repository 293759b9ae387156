r"""A code system of one's own as a table: a comma-separated file with a header.

https://www.rfc-editor.org/rfc/rfc4180, http://hl7.org/fhir/R4/codesystem.html

Columns: code, and any of display, parent, definition, designations, properties. Where a field holds several things, `|`
stands between them, and `\|` for a bar itself:

* parent: codes.
* designations: `language:text`, as in `de:Bein|fr:jambe`; before a text without a language there is a colon only.
* properties: `name=value` or `name:type=value`; type is code, string, integer, boolean, decimal or dateTime, by itself string.
  `inactive:boolean=true`, `notSelectable:boolean=true` and `status:code=retired` mean what they mean in FHIR.
"""

import re
from datetime import datetime
from typing import Final

from fhir_server.outcome import Invalid
from fhir_server.releases.files import Entry, Files, Told
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.rows import Row, Table
from fhir_server.releases.workbench import Workbench
from fhir_server.terminology.codesystems import ABSTRACT, INACTIVE

COLUMNS: Final = ("code", "display", "parent", "definition", "designations", "properties")
TYPES: Final = {
    "code": re.compile(r"\S+(?: \S+)*"),
    "string": re.compile(r".+", re.DOTALL),
    "integer": re.compile(r"0|[-+]?[1-9][0-9]{0,9}"),
    "boolean": re.compile(r"true|false"),
    "decimal": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
    "dateTime": re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))?)?)?"),
}
_BAR: Final = re.compile(r"(?<!\\)\|")
_LANGUAGE: Final = re.compile(r"(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*)?")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


def known(files: Files) -> bool:
    return bool(files.find(r".*\.(csv|txt)"))


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    found = files.find(r".*\.(csv|txt)")
    if len(found) > 1:
        raise Invalid(f"{found[0].place} and {found[1].place} are two tables: a code system is in one")
    if not wanted.url:
        raise Invalid(f"{found[0].place} does not say which code system it is: give --url and --version")
    properties = _table(found[0], bench, told)
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", wanted.url.rstrip("/#").rpartition("/")[2].rpartition(":")[2]).strip("-.")
    return Release(
        slug or "codes", wanted.url, wanted.version, wanted.title or slug, properties, language=wanted.language
    )


def _table(entry: Entry, bench: Workbench, told: Told) -> dict[str, tuple[str, str]]:
    """The concepts. Returns the properties that they have."""
    table = Table(entry, told)
    bench.file(entry)
    for name in table.names:
        if name.lower() not in COLUMNS:
            raise entry.wrong(1, f"there is no column {name[:100]!r}: {', '.join(COLUMNS)} are expected")
    code = table.column("code")
    others = {name: table.column(name) for name in COLUMNS if table.has(name)}
    properties: dict[str, tuple[str, str]] = {}

    def field(row: Row, name: str) -> str:
        return row[others[name]].strip() if name in others else ""

    for line, row in table.rows():
        own = row[code]
        if not own and not any(row):
            continue
        inactive = abstract = False
        for text in split(field(row, "properties")):
            name, type_, value = _property(entry, line, text)
            if properties.setdefault(name, (type_, ""))[0] != type_:
                raise entry.wrong(
                    line, f"the property {name} was of the type {properties[name][0]} before, here it is {type_}"
                )
            bench.property(line, own, name, value, type_)
            abstract = abstract or (name in ABSTRACT and value == "true")
            inactive = inactive or (name == "inactive" and value == "true") or (name == "status" and value in INACTIVE)
        display, definition = field(row, "display"), field(row, "definition")
        bench.concept(line, own, display, definition=definition, inactive=inactive, abstract=abstract)
        for parent in split(field(row, "parent")):
            bench.parent(line, own, parent)
        for text in split(field(row, "designations")):
            language, colon, name = text.partition(":")
            if not colon or not name or _LANGUAGE.fullmatch(language) is None:
                raise entry.wrong(line, f"{text[:100]!r} is no designation, like de:Bein")
            bench.designation(line, own, name, language)
    return {name: (type_, text or f"The property {name}.") for name, (type_, text) in properties.items()}


def split(field: str) -> list[str]:
    """What stands between the bars of a field."""
    parts = _BAR.split(field) if "|" in field else [field]
    return [part.replace("\\|", "|").strip() for part in parts if part.strip()]


def _property(entry: Entry, line: int, text: str) -> tuple[str, str, str]:
    head, equals, value = text.partition("=")
    name, _, type_ = head.partition(":")
    type_ = type_ or "string"
    if not equals or _NAME.fullmatch(name) is None or type_ not in TYPES:
        raise entry.wrong(line, f"{text[:100]!r} is no property, like weight:decimal=1.5")
    if name in ("parent", "child", "display", "definition", "designation"):
        raise entry.wrong(line, f"{name} is no property here: it has a column of its own, or follows from it")
    if TYPES[type_].fullmatch(value) is None or (type_ == "dateTime" and not _dated(value)):
        raise entry.wrong(line, f"{value[:100]!r} is no {type_}, which the property {name} is to be")
    return name, type_, value


def _dated(text: str) -> bool:
    try:
        datetime.fromisoformat(text if len(text) > 7 else f"{text}-01-01"[:10])
    except ValueError:
        return False
    return True
