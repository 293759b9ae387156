"""The codes of the demo: HL7's exist in R4's own package, SNOMED CT and LOINC codes carry a right check digit."""

import tarfile
from collections import defaultdict
from collections.abc import Iterator

import orjson
import pytest

from tests.conformance_data import require
from tests.examples.demo import Resource, resources

HL7 = "http://terminology.hl7.org/CodeSystem/"
OPEN = {f"{HL7}v2-0360", f"{HL7}discharge-disposition"}  # R4's package has them under another address


def _codings(tree: object) -> Iterator[Resource]:
    if isinstance(tree, dict):
        if isinstance(tree.get("system"), str) and isinstance(tree.get("code"), str):
            yield tree
        for value in tree.values():
            yield from _codings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _codings(value)


def _used() -> dict[str, set[tuple[str, str | None]]]:
    found = defaultdict(set)
    for coding in _codings(list(resources().values())):
        found[coding["system"]].add((coding["code"], coding.get("display")))
    return found


def _concepts(concepts: list[Resource]) -> Iterator[tuple[str, str | None]]:
    for concept in concepts:
        yield concept["code"], concept.get("display")
        yield from _concepts(concept.get("concept", []))


def test_hl7_codes_and_displays_are_those_of_r4() -> None:
    wanted = {system: pairs for system, pairs in _used().items() if system.startswith(HL7) and system not in OPEN}
    unknown = dict(wanted)
    with tarfile.open(require("r4-core", "hl7.fhir.r4.core.tgz")) as archive:
        for member in archive:
            if member.name.startswith("package/CodeSystem-"):
                file = archive.extractfile(member)
                assert file is not None
                system = orjson.loads(file.read())
                if system["url"] in wanted:
                    known = dict(_concepts(system.get("concept", [])))
                    pairs = wanted[system["url"]]
                    unknown[system["url"]] = {(c, d) for c, d in pairs if c not in known or d not in {None, known[c]}}
    assert {system: pairs for system, pairs in unknown.items() if pairs} == {}


def _verhoeff(digits: str) -> int:
    """0 when the last digit is the right check digit (the dihedral group D5, as SNOMED CT identifiers use it)."""
    permuted = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        permuted.append([permuted[-1][digit] for digit in permuted[1]])
    total = 0
    for place, character in enumerate(reversed(digits)):
        digit = permuted[place % 8][int(character)]
        rotation = (total % 5 + (digit if total < 5 else -digit)) % 5
        total = rotation + (5 if (total < 5) != (digit < 5) else 0)
    return total


def _luhn(digits: str) -> int:
    """The check digit of LOINC: every second digit from the right is doubled, and what is missing to the next ten."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return -sum(number // 10 + number % 10 for number in doubled) % 10


@pytest.mark.parametrize(("code", "right"), [("44054006", True), ("59621000", True), ("44054007", False)])
def test_verhoeff_knows_right_from_wrong(code: str, right: bool) -> None:
    assert (_verhoeff(code) == 0) == right


def test_snomed_ct_codes_have_the_right_check_digit() -> None:
    assert [code for code, _ in _used()["http://snomed.info/sct"] if _verhoeff(code)] == []


def test_loinc_codes_have_the_right_check_digit() -> None:
    codes = [code.split("-") for code, _ in _used()["http://loinc.org"]]
    assert [number for number, digit in codes if _luhn(number) != int(digit)] == []
