"""OperationOutcome: what an issue says is a valid resource, whatever the request held."""

import pytest

from fhir_server.outcome import BadRequest, Issue, outcome
from fhir_server.validation.structure import check


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\x7f", "\x85", "\ud800", "\ufffe"])
def test_issue_that_repeats_a_control_character_is_valid(character: str) -> None:
    made = outcome([Issue("value", f"a{character}b is no code", diagnostics=f"{character}c")])
    assert check(made) == ()
    assert made["issue"][0]["details"]["text"] == "a\ufffdb is no code"
    assert made["issue"][0]["diagnostics"] == "\ufffdc"


def test_other_text_stays_as_it_is() -> None:
    text = "नमस्ते 😀 \u202e\tend\n"
    assert Issue("value", text).to_json()["details"] == {"text": text}


def test_expressions_move_below_an_entry() -> None:
    error = BadRequest("no", expression=["Patient.name[0]", "Patient", "http.If-Match"]).under(
        "Bundle.entry[2].resource"
    )
    assert error.issues[0].expression == (
        "Bundle.entry[2].resource.name[0]",
        "Bundle.entry[2].resource",
        "http.If-Match",
    )
