"""Which words a resource is found by: `_text` and `_content`."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.prose import content_words, narrative, narrative_words, words

XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Acute  bronchitis (disorder)", "acute bronchitis disorder"),
        ("O'Brien-Smith, Dr.", "obrien smith dr"),
        ("naïve Ärztin", "naive arztin"),
        ("--- !", ""),
        ("", ""),
        ("सिरदर्द और बुखार।", "सिरदर्द और बुखार"),
        ("頭痛と熱 (fever)", "頭 痛 と 熱 fever"),
        ("Covid患者19", "covid 患 者 19"),
        ("5 µg", "5 μg"),
        ("a\x00b\ud800c", "a b c"),
    ],
)
def test_words_are_folded_and_split(text: str, expected: str) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f"{XHTML}<p>Blood <b>press</b>ure</p><p>high</p></div>", "blood pressure high"),
        (f"{XHTML}<table><tr><td>one</td><td>two</td></tr></table>three<br/>four</div>", "one two three four"),
        (f"{XHTML}<!-- <p>hidden</p> -->shown &amp; done&#160;&lt;b&gt;</div>", "shown done b"),
        (f'{XHTML}<a href="x" title="a > b">link</a><img alt="picture" src="#"/>x</div>', "link x"),
        (f"{XHTML}<!-- never closed <p>x</p></div>", "never closed x"),
        ("<<<< < <b", "b"),
    ],
)
def test_a_narrative_is_its_text(div: str, expected: str) -> None:
    assert words(narrative(div)) == expected
    assert narrative_words({"resourceType": "Basic", "text": {"status": "generated", "div": div}}) == expected


def test_content_is_every_text_that_people_read() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "identity",
        "meta": {"profile": ["http://hidden.org"], "tag": [{"system": "http://hidden", "code": "hidden", "display": "Tag"}]},
        "text": {"status": "generated", "div": f"{XHTML}Tale</div>"},
        "contained": [{"resourceType": "Organization", "id": "hidden", "name": "Inner", "text": {"div": f"{XHTML}Deep</div>"}}],
        "extension": [{"url": "http://hidden", "valueMarkdown": "*Mark*", "valueCode": "hidden"}],
        "identifier": [{"system": "http://hidden", "value": "MRN-7", "type": {"text": "Kind"}}],
        "name": [{"use": "official", "family": "Müller", "given": [None, "Ann"], "_given": [{"extension": [{"url": "u", "valueString": "Note"}]}, None]}],
        "gender": "female",
        "birthDate": "1980-01-01",
        "_birthDate": {"id": "hidden", "extension": [{"url": "u", "valueString": "Noon"}]},
        "managingOrganization": {"reference": "Organization/hidden", "display": "Clinic"},
        "photo": [{"contentType": "image/png", "data": "hidden", "title": "Face"}],
    }  # fmt: skip
    assert content_words(patient) == "tag tale inner deep mark mrn 7 kind muller ann note noon clinic face"


@pytest.mark.parametrize("tree", [{}, {"resourceType": "Nothing", "text": {"div": "x"}}, {"resourceType": "Patient"}])
def test_what_is_no_resource_has_no_words(tree: dict[str, object]) -> None:
    assert content_words(tree) == ""


@given(st.text())
def test_words_are_their_own_words(text: str) -> None:
    found = words(text)
    assert words(found) == found
    assert found == " ".join(found.split())


@given(st.text(alphabet="<>/\"'ab -!&;d"))
def test_any_div_gives_words(div: str) -> None:
    assert "<" not in words(narrative(div))


def test_large_and_broken_narratives_take_no_longer_than_their_length() -> None:
    for div in (
        "<" * 10**6,
        "<a " * 3 * 10**5,
        '<a "' * 3 * 10**5,
        "<!--" * 3 * 10**5,
        "&" * 10**6,
        "<p>x</p>" * 10**5,
    ):
        began = time.process_time()
        words(narrative(div))
        assert time.process_time() - began < 2
