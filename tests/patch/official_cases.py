"""The official cases of FHIRPath Patch and XML Patch, read from their XML files."""

from dataclasses import dataclass

from lxml import etree

from tests.conformance_data import data_folder


@dataclass(frozen=True)
class Case:
    """`before` and `patch` give `after`, or an error where there is none."""

    name: str
    before: bytes
    patch: bytes
    after: bytes | None


def cases(file: str, before: str, patch: str, after: str) -> list[Case]:
    """The cases of data/patch/fhir/`file`; none where there is no data folder."""
    folder = data_folder()
    path = folder / "patch" / "fhir" / file if folder else None
    if path is None or not path.exists():
        return []
    return [
        Case(
            name=case.get("name", ""),
            before=_source(case.find(before)),
            patch=_source(case.find(patch), whole=patch == "patch")
            or _source(case.find(f"{{*}}{patch}"), whole=patch == "patch"),
            after=None if case.find(after) is None else _source(case.find(after)),
        )
        for case in etree.parse(path).iterfind("case")
    ]


def _source(holder: etree._Element | None, *, whole: bool = False) -> bytes:
    """The XML of the only element in `holder` (or of itself); empty where there is none."""
    if holder is None or (not whole and len(holder) == 0):
        return b""
    found = holder if whole else holder[0]
    found.tail = None
    return etree.tostring(found, encoding="UTF-8")
