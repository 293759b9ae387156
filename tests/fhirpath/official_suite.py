"""The official R4 FHIRPath suite, read from its archive."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from lxml import etree

from fhir_server import fhirpath
from fhir_server.fhirpath import FhirPathError, Item, Node, Quantity, Temporal
from fhir_server.fhirpath.values import type_of
from fhir_server.formats.xml import from_xml
from tests.conformance_data import data_folder, require

ARCHIVE = ("fhirpath", "fhirpath-r4-tests.tar.xz")


@dataclass(frozen=True)
class Case:
    """One case: it must fail (`invalid`) or give `outputs`, (type, text) each; `number` tells cases of one name apart."""

    group: str
    name: str
    number: int
    expression: str
    input: str
    invalid: bool
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str | None, str], ...]

    @property
    def id(self) -> str:
        return f"{self.group}/{self.name}" + (f"#{self.number}" if self.number else "")


@cache
def files() -> dict[str, bytes]:
    with tarfile.open(require(*ARCHIVE)) as archive:
        return {
            member.name.rpartition("/")[2]: stream.read()
            for member in archive.getmembers()
            if member.isfile() and (stream := archive.extractfile(member))
        }


def cases() -> list[Case]:
    """All cases; none where there is no data folder (the test then says so)."""
    folder = data_folder()
    if folder is None or not folder.joinpath(*ARCHIVE).exists():
        return []
    return list(_cases(etree.fromstring(files()["tests-fhir-r4.xml"])))


def _cases(root: etree._Element) -> Iterator[Case]:
    seen: dict[str, int] = {}
    for group in root.iterfind("group"):
        for test in group.iterfind("test"):
            name, found = test.get("name", ""), test.find("expression")
            assert found is not None
            key = f"{group.get('name')}/{name}"
            seen[key] = seen.get(key, -1) + 1
            yield Case(
                group=group.get("name", ""),
                name=name,
                number=seen[key],
                expression=found.text or "",
                input=test.get("inputfile", ""),
                invalid=bool(found.get("invalid")),
                predicate=test.get("predicate") == "true",
                ordered=test.get("ordered") != "false",
                outputs=tuple((output.get("type"), output.text or "") for output in test.iterfind("output")),
            )


@cache
def resource(name: str) -> dict[str, Any]:
    """The resource in the file `name`."""
    raw = files()[name]
    if name.endswith(".json"):
        tree: dict[str, Any] = json.loads(raw)
        return tree
    return from_xml(_in_order(raw))


def _in_order(raw: bytes) -> bytes:
    """observation-example.xml has its extension behind other elements, which R4's XML does not allow: moved to where it belongs."""
    root = etree.fromstring(raw)
    for at, extension in enumerate(root.findall("{http://hl7.org/fhir}extension")):
        text = root.find("{http://hl7.org/fhir}text")
        root.insert((0 if text is None else root.index(text) + 1) + at, extension)
    return etree.tostring(root)


def run(case: Case) -> str | None:
    """None where the case passes, else what happened; the strict rules hold, and elements must exist."""
    context = resource(case.input) if case.input else None
    try:
        expression = fhirpath.compile(case.expression)
        if context is not None:
            expression.check(context["resourceType"])
        found = expression.evaluate(context, strict=True)
    except FhirPathError as error:
        return None if case.invalid else f"refused: {error}"
    if case.invalid:
        return f"must fail, gave {found}"
    if case.predicate:
        found = [bool(found)]
    return _difference(found, case)


def _difference(found: list[Item], case: Case) -> str | None:
    got, wanted = [_told(item) for item in found], [_wanted(*output) for output in case.outputs]
    if not case.ordered:
        got, wanted = sorted(got, key=str), sorted(wanted, key=str)
    same = len(got) == len(wanted) and all(
        value == other and (kind is None or kind == type_)
        for (type_, value), (kind, other) in zip(got, wanted, strict=True)
    )
    return None if same else f"wanted {wanted}, got {got}"


def _told(item: Item) -> tuple[str, object]:
    """Type and comparable text of an item: `@` before dates, decimals as their digits."""
    value = fhirpath.system(item)
    name = item.type if isinstance(item, Node) else type_of(item)
    if isinstance(item, Node) and isinstance(value, Node):
        return name, f"{value!r}"
    match value:
        case bool():
            text: object = "true" if value else "false"
        case Temporal():
            text = f"@{'T' if value.kind == 'Time' else ''}{value}"
        case Decimal():
            text = f"{value:f}"
        case Quantity():
            text = str(value)
        case _:
            text = str(value)
    return name if isinstance(item, Node) or name == "Quantity" else name[0].lower() + name[1:], text


def _wanted(kind: str | None, text: str) -> tuple[str | None, str]:
    return kind, text
