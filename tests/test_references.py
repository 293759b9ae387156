import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.references import Canonical, Target, canonical, conditional, parse

BASE = "http://example.org/fhir"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Patient/23", Target("Patient", "23")),
        ("Patient/23/_history/4", Target("Patient", "23", "4")),
        ("http://example.org/fhir/Patient/23", Target("Patient", "23")),
        ("http://example.org/fhir/Patient/23/_history/4", Target("Patient", "23", "4")),
        ("http://example.org/fhirs/Patient/23", Target("Patient", "23", url="http://example.org/fhirs/Patient/23")),
        (
            "https://other.org/Patient/23/_history/4",
            Target("Patient", "23", "4", "https://other.org/Patient/23/_history/4"),
        ),
        ("http://other.org/about", Target(url="http://other.org/about")),
        ("urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7", Target(url="urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7")),
        ("urn:oid:1.2.3", Target(url="urn:oid:1.2.3")),
        ("#p1", Target(fragment="p1")),
        ("#", Target(fragment="")),
        ("Patient/23#x", Target("Patient", "23", fragment="x")),
    ],
)
def test_reference_points(text: str, target: Target) -> None:
    assert parse(text, BASE) == target
    assert parse(text, BASE + "/") == target


@pytest.mark.parametrize(
    "text",
    ["", "23", "Patient/", "Patient/a b", "patient/23", "Nothing/23", "Patient/23/_history/", "Patient/23/4", "/Patient/23",
     "Patient?identifier=x", "http://", "http://example.org/fhir/Nothing", "Patient/" + "x" * 65, ":x", "a b:c"],
)  # fmt: skip
def test_what_is_no_literal_reference_points_nowhere(text: str) -> None:
    target = parse(text, BASE)
    assert target is None or (target.type, target.url) == ("", text)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_none(text: str) -> None:
    target = parse(text, BASE)
    assert target is None or target.local or target.contained or target.url


@pytest.mark.parametrize(
    "text", ["Patient/23", "Patient/23/_history/4", "http://other.org/Patient/1", "#x", "Patient/1#x"]
)
def test_target_reads_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


def test_canonical_has_a_version_and_a_fragment() -> None:
    assert canonical("http://hl7.org/fhir/ValueSet/x|3.0#f") == Canonical("http://hl7.org/fhir/ValueSet/x", "3.0", "f")
    assert canonical("#contained") == Canonical("", "", "contained")
    assert str(canonical("http://a.org/x|1#f")) == "http://a.org/x|1#f"


def test_conditional_reference_is_a_type_and_criteria() -> None:
    assert conditional("Practitioner?identifier=http://acme.org|7") == ("Practitioner", "identifier=http://acme.org|7")
    assert [conditional(text) for text in ("Patient/1", "Patient?", "Nothing?x=1", "?x=1")] == [None] * 4
