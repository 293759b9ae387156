import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller", "muller"),
        ("Mu\u0308ller", "muller"),
        ("O'Brien", "obrien"),
        ("O\u2019Brien", "obrien"),
        ("St. John", "st john"),
        ("Smith-Jones", "smith jones"),
        ("  a \t b\n", "a b"),
        ("Straße", "strasse"),
        ("Øystein Ærø", "oystein aero"),
        ("Łódź", "lodz"),
        ("\ufb01t \uff12", "fit 2"),
        ("Ελένη", "ελενη"),
        ("Σίσυφος", "σισυφοσ"),
        ("Ёлка", "елка"),
        ("हिन्दी", "हिन्दी"),
        ("مُحَمَّد", "محمد"),
        ("...", "..."),
        ("", ""),
    ],
)
def test_text_is_compared_without_case_accents_and_punctuation(text: str, folded: str) -> None:
    assert fold(text) == unicodedata.normalize("NFKD", folded)


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_case_makes_no_difference(text: str) -> None:
    assert fold(text.casefold()) == fold(text)


@given(st.text(), st.sampled_from([" ", "\t", "\n ", "\u2003"]))
def test_white_space_around_makes_no_difference(text: str, space: str) -> None:
    assert fold(space + text + space) == fold(text)


@given(st.text(min_size=1))
def test_composed_and_decomposed_forms_are_alike(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)) == fold(unicodedata.normalize("NFD", text))
