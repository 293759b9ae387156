"""ICD-10 of WHO, and others that come as ClaML: classes, rubrics, modifiers.

http://hl7.org/fhir/R4/icd.html, https://www.iso.org/standard/69318.html (ClaML)
"""

from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from fhir_server.outcome import Invalid
from fhir_server.releases.files import Entry, Files, Told
from fhir_server.releases.release import Release, Wanted
from fhir_server.releases.workbench import Workbench

URLS: Final = {"ICD-10": "http://hl7.org/fhir/sid/icd-10"}
"""By the name in the title."""
_NOT_TO_CODE: Final = frozenset({"chapter", "block"})
_KINDS: Final = ("inclusion", "exclusion", "coding-hint", "note", "text", "definition", "preferredLong")
_PROPERTIES: Final = {
    "kind": ("code", "chapter, block or category."),
    "usage": ("code", "dagger or aster."),
    **{kind: ("string", f"Rubrics of the kind {kind}.") for kind in _KINDS if kind != "definition"},
}
PEEK: Final = 4096


def known(files: Files) -> bool:
    return any(b"<ClaML" in _start(entry) for entry in files.find(r".*\.xml"))


def _start(entry: Entry) -> bytes:
    with entry.open() as file:
        return file.read(PEEK)


def read(files: Files, bench: Workbench, wanted: Wanted, told: Told) -> Release:
    found = [entry for entry in files.find(r".*\.xml") if b"<ClaML" in _start(entry)]
    if len(found) > 1:
        raise Invalid(f"{found[0].place} and {found[1].place} are two classifications: import one at a time")
    (entry,) = found
    bench.file(entry)
    name, version, language = _classes(entry, bench, told)
    url = wanted.url or URLS.get(name.upper(), "")
    if not url:
        raise Invalid(f"{entry.place} is {name or 'without a title'}: say which code system that is with --url")
    slug = "icd-10" if url == URLS["ICD-10"] else url.rstrip("/").rpartition("/")[2] or "icd-10"
    return Release(
        slug, url, wanted.version or version, wanted.title or name, _PROPERTIES,
        language=wanted.language or language or "en", meaning="classified-with",
    )  # fmt: skip


def elements(entry: Entry, names: tuple[str, ...], told: Told) -> Iterator[Any]:
    """The elements of these names, each when it is whole, gone when the next is asked for. No entity is resolved and nothing
    is fetched. Raises Invalid, with the line, for what is no XML.
    """
    with entry.open() as file:
        heard = _Heard(file, told)
        try:
            for _, element in etree.iterparse(
                heard, events=("end",), tag=names, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
            ):  # fmt: skip
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise entry.wrong(error.lineno or 1, error.msg or "no XML") from error


class _Heard:
    """A file whose reader hears of its bytes."""

    def __init__(self, file: Any, told: Told) -> None:
        self._file, self._told = file, told

    def read(self, size: int) -> bytes:
        raw: bytes = self._file.read(size)
        self._told(len(raw))
        return raw


def words(element: Any) -> str:
    """All text of an element, with one space where there is any."""
    return " ".join("".join(element.itertext()).split())


def _classes(entry: Entry, bench: Workbench, told: Told) -> tuple[str, str, str]:
    """Classes, and those that modifiers make. Returns name, version and language of the title."""
    title = ("", "", "")
    modifiers: dict[str, list[tuple[str, str]]] = {}
    modified: list[tuple[int, str, str, str, frozenset[str]]] = []
    for element in elements(entry, ("Class", "ModifierClass", "Title"), told):
        line = element.sourceline or 1
        match element.tag:
            case "Title":
                title = element.get("name", "") or words(element), element.get("version", ""), title[2]
            case "ModifierClass":
                pair = element.get("code", ""), _rubrics(element).get("preferred", [""])[0]
                modifiers.setdefault(element.get("modifier", ""), []).append(pair)
            case _:
                code, display = element.get("code", ""), _class(element, bench, line)
                title = title[0], title[1], title[2] or _language(element)
                for each in element.findall("ModifiedBy"):
                    if element.get("kind") == "category":
                        valid = frozenset(v.get("code", "") for v in each.findall("ValidModifierClass"))
                        modified.append((line, code, display, each.get("code", ""), valid))
    _modify(bench, modified, modifiers)
    return title


def _class(element: Any, bench: Workbench, line: int) -> str:
    """The concept of a class. Returns its display."""
    code, kind = element.get("code", ""), element.get("kind", "")
    rubrics = _rubrics(element)
    display = rubrics.get("preferred", [""])[0]
    definition = " ".join(rubrics.get("definition", ()))
    bench.concept(line, code, display, definition=definition, abstract=kind in _NOT_TO_CODE)
    for parent in element.findall("SuperClass"):
        bench.parent(line, code, parent.get("code", ""))
    bench.property(line, code, "kind", kind)
    bench.property(line, code, "usage", element.get("usage", ""))
    for name in _KINDS:
        for text in rubrics.get(name, ()) if name != "definition" else ():
            bench.property(line, code, name, text, "string")
            if name == "inclusion":
                bench.designation(line, code, text)
    return display


def _rubrics(element: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for rubric in element.findall("Rubric"):
        texts = [words(label) for label in rubric.findall("Label")]
        found.setdefault(rubric.get("kind", ""), []).extend(text for text in texts if text)
    return found


def _language(element: Any) -> str:
    label = element.find("Rubric/Label")
    return "" if label is None else label.get("{http://www.w3.org/XML/1998/namespace}lang", "")


def _modify(
    bench: Workbench,
    modified: list[tuple[int, str, str, str, frozenset[str]]],
    modifiers: dict[str, list[tuple[str, str]]],
) -> None:
    """The subdivisions of categories that name a modifier; what is there by itself stays as it is."""
    for line, code, display, modifier, valid in modified:
        for more, text in modifiers.get(modifier, ()):
            if not valid or more in valid:
                bench.concept(line, code + more, f"{display}: {text}" if text else display, weak=True)
                bench.parent(line, code + more, code)
