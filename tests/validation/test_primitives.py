"""Each primitive type takes R4's values and no others, as R4's own patterns say, in linear time."""

import re
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions import definitions
from fhir_server.validation.primitives import fault, matcher, rule

STRINGS = [p.name for p in definitions().primitives.values() if p.json == "string"]


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("string", ["a", " ", "\u00a0", "a\r\n\tb", "😀"], ["", "\x00", "a\x0b", "\x1f", "\ufffe", "\ud800"]),
        ("markdown", ["# a\n"], [""]),
        ("code", ["a", "a b", "a-b|c"], ["", " a", "a ", "a  b", "a\tb", "a\n"]),
        ("id", ["a", "A-1.b", "a" * 64], ["", "a" * 65, "a_b", "ä", "a\n"]),
        ("uri", ["urn:oid:1.2", "http://x.org/ä", "#a"], ["", "a b", "a\n"]),
        ("oid", ["urn:oid:1.2.3", "urn:oid:2.16.840"], ["1.2.3", "urn:oid:3.1", "urn:oid:1.02"]),
        (
            "uuid",
            ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
            ["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "x"],
        ),
        (
            "date",
            ["2020", "2020-12", "2020-02-29", "2000-02-29", "0001-01-01"],
            ["0000", "20", "2020-13", "2019-02-29", "1900-02-29"],
        ),
        (
            "dateTime",
            ["2020", "2020-02-29T23:59:60.1Z", "2020-01-01T00:00:00-14:00"],
            ["2020-01-01T24:00:00Z", "2020-01-01T10:00Z"],
        ),
        (
            "instant",
            ["2020-02-29T10:00:00.123456789+13:59"],
            ["2020-02-29", "2020-02-29T10:00:00", "2020-02-30T10:00:00Z"],
        ),
        ("time", ["00:00:00", "23:59:60.5"], ["24:00:00", "10:00", "10:00:00Z"]),
        (
            "base64Binary",
            ["AAAA", "AAA=", "AA==", "AAAA\nAAAA", " AA== "],
            ["", " ", "A", "AAA", "AA=A", "A===", "%%%%", "AAAA="],
        ),
    ],
)
def test_strings(type_name: str, good: list[str], bad: list[str]) -> None:
    assert [v for v in good if fault(type_name, v) is not None] == []
    assert [v for v in bad if fault(type_name, v) is None] == []


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("boolean", [True, False], ["true", 0, 1]),
        ("integer", [0, -(2**31), 2**31 - 1], [2**31, -(2**31) - 1, 1.0, "1", True]),
        ("unsignedInt", [0, 2**31 - 1], [-1]),
        ("positiveInt", [1], [0]),
        ("decimal", [0, 1.5, -1e300], ["1", True]),
    ],
)
def test_others(type_name: str, good: list[object], bad: list[object]) -> None:
    assert [v for v in good if fault(type_name, v) is not None] == []
    assert [v for v in bad if fault(type_name, v) is None] == []


@given(st.integers(1, 9999), st.integers(1, 12), st.integers(1, 31))
def test_days_are_those_of_the_calendar(year: int, month: int, day: int) -> None:
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        exists = bool(date.fromisoformat(text))
    except ValueError:
        exists = False
    assert (fault("date", text) is None) == exists


@pytest.mark.parametrize(
    "type_name", [t for t in STRINGS if t not in ("string", "markdown", "uri", "url", "canonical", "code", "xhtml")]
)
@given(st.data())
def test_what_passes_passes_r4s_own_pattern(type_name: str, data: st.DataObject) -> None:
    own = definitions().primitive(type_name).pattern
    assert own is not None
    for pattern in (own, rule(type_name).pattern):
        value = data.draw(st.from_regex(re.compile(f"(?:{pattern})", re.ASCII), fullmatch=True))
        if fault(type_name, value) is None:
            assert matcher(own)(value)


@pytest.mark.parametrize("type_name", STRINGS)
def test_hostile_strings_take_linear_time(type_name: str) -> None:
    start = time.process_time()
    for hostile in (
        "A" * 1_000_001,
        " " * 1_000_000 + "!",
        "a " * 500_000,
        "AAAA " * 200_000 + "=",
        "1" * 1_000_000 + "Z",
    ):
        fault(type_name, hostile)
    assert time.process_time() - start < 1
