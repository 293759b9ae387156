"""Line and column of what an issue is about, in JSON and XML texts.

http://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression
"""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats.places import located
from fhir_server.outcome import Issue

JSON = b"""{
  "resourceType": "Patient",
  "gender": "mail", "name": [
    {"given": ["\xc3\x84nne", "B"], "family": "x"},
    {"_given": [{"id": "1"}]}
  ],
  "deceasedBoolean": "yes",
  "contained": [{"resourceType": "Group", "type": 1}]
}"""
XML = b"""<?xml version="1.0"?>
<Patient xmlns="http://hl7.org/fhir">
  <contained><Group><type value="1"/></Group></contained>
  <extension url="x"/>
  <name><given value="&#196;nne"/><given value="B"/></name>
  <gender value="mail"/>
  <deceasedBoolean value="yes"/>
</Patient>"""


def place(expression: str, raw: bytes, under: str = "") -> tuple[int | None, int | None]:
    (issue,) = located([Issue("value", "wrong", (expression,))], raw, under=under)
    return issue.line, issue.column


@pytest.mark.parametrize(
    ("expression", "line", "column"),
    [
        ("Patient", 1, 1),
        ("Patient.gender", 3, 13),
        ("Patient.name", 3, 29),
        ("Patient.name[0]", 4, 5),
        ("Patient.name[0].given[1]", 4, 24),
        ("Patient.name[0].family", 4, 40),
        ("Patient.name[1].given[0]", 5, 17),
        ("Patient.deceased", 7, 22),
        ("Patient.contained[0].type", 8, 51),
        ("Patient.name[0].period.start", 4, 5),
        ("Patient.name[7].period", 1, 1),
        ("Patient.`birth-Date`", 1, 1),
    ],
)
def test_json(expression: str, line: int, column: int) -> None:
    assert place(expression, JSON) == (line, column)


@pytest.mark.parametrize(
    ("expression", "line", "column"),
    [
        ("Patient", 2, 1),
        ("Patient.gender", 6, 3),
        ("Patient.name[0].given[1]", 5, 35),
        ("Patient.deceased", 7, 3),
        ("Patient.extension[0].url", 4, 3),
        ("Patient.contained[0].type", 3, 21),
        ("Patient.birthDate", 2, 1),
    ],
)
def test_xml(expression: str, line: int, column: int) -> None:
    assert place(expression, XML) == (line, column)


def test_a_resource_within_the_text() -> None:
    raw = orjson.dumps(
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"gender": "x"}}]},
        option=orjson.OPT_INDENT_2,
    )
    assert place("Patient.gender", raw, "Parameters.parameter[0].resource") == (7, 19)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1", b"<a>", b"}", b'{"a":1}]', b"<!DOCTYPE a><a/>", b" " * 2**20 + b"{}"]
)
def test_a_text_that_is_none_gives_no_place(raw: bytes) -> None:
    assert place("Patient.gender", raw) == (None, None)


def test_what_is_about_the_request_has_no_place() -> None:
    assert place("http.mode", JSON) == (None, None)


def test_the_outcome_has_line_and_column() -> None:
    (issue,) = located([Issue("value", "wrong", ("Patient.gender",))], JSON)
    url = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue"
    assert issue.to_json()["extension"] == [
        {"url": f"{url}-line", "valueInteger": 3},
        {"url": f"{url}-col", "valueInteger": 13},
    ]


texts = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(texts, st.booleans())
def test_the_value_stands_at_its_place(value: object, indented: bool) -> None:
    """Whatever stands around it, and however the text is laid out."""
    raw = orjson.dumps({"x": [value], "y": {"z": value}}, option=orjson.OPT_INDENT_2 if indented else None)
    lines = raw.decode().split("\n")
    for expression in ("R.x[0]", "R.y.z"):
        line, column = place(expression, raw)
        assert line is not None
        assert column is not None
        assert lines[line - 1][column - 1] == orjson.dumps(value).decode()[0]
