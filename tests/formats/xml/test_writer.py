"""XML out: R4's element order, values in attributes, and no tree that breaks it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats import json
from fhir_server.formats.xml import from_xml, to_xml
from fhir_server.outcome import Invalid


def body(tree: dict[str, Any]) -> str:
    written = to_xml({"resourceType": "Patient", **tree}).decode()
    start = '<?xml version="1.0" encoding="UTF-8"?>\n<Patient xmlns="http://hl7.org/fhir">'
    assert written.startswith(start)
    return written.removeprefix(start).removesuffix("</Patient>")


def test_elements_stand_in_the_order_of_r4() -> None:
    assert body({"gender": "male", "active": True, "id": "1", "meta": {"versionId": "2"}}) == (
        '<id value="1"/><meta><versionId value="2"/></meta><active value="true"/><gender value="male"/>'
    )


def test_ids_and_urls_of_elements_are_attributes() -> None:
    assert body({"extension": [{"valueCode": "c", "url": "u", "id": "e"}], "_birthDate": {"id": "b"}}) == (
        '<extension id="e" url="u"><valueCode value="c"/></extension><birthDate id="b"/>'
    )


def test_nulls_pad_arrays() -> None:
    given_names = {"given": ["A", None], "_given": [None, {"id": "x"}, {"id": "y"}]}
    assert body({"name": [given_names]}) == '<name><given value="A"/><given id="x"/><given id="y"/></name>'


def test_numbers_keep_their_digits() -> None:
    raw = b'{"resourceType":"Observation","valueQuantity":{"value":1.00},"component":[{"valueInteger":7}]}'
    assert b'<value value="1.00"/>' in to_xml(raw)
    assert b'<valueInteger value="7"/>' in to_xml(raw)
    quantity = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("0.10")}}
    assert b'<value value="0.10"/>' in to_xml(quantity)


def test_values_are_escaped() -> None:
    family = "<&>\"'\t\r\n é😀"
    assert body({"name": [{"family": family}]}) == (
        '<name><family value="&lt;&amp;&gt;&quot;\'&#9;&#13;&#10; é😀"/></name>'
    )


def test_pretty_leaves_narrative_alone() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p><p>b</p></div>'
    tree = {"resourceType": "Basic", "text": {"status": "generated", "div": div}, "code": {"text": "x"}}
    assert to_xml(tree, pretty=True).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Basic xmlns="http://hl7.org/fhir">\n  <text>\n'
        f'    <status value="generated"/>\n    {div}\n  </text>\n  <code>\n    <text value="x"/>\n  </code>\n</Basic>\n'
    )


@pytest.mark.parametrize(
    ("tree", "expression"),
    [
        ({"colour": "x"}, ("Patient.colour",)),
        ({"name": [{}, {"colour": 1}]}, ("Patient.name[1].colour",)),
        ({"name": {"family": "x"}}, ("Patient.name",)),
        ({"name": ["x"]}, ("Patient.name[0]",)),
        ({"maritalStatus": []}, ("Patient.maritalStatus",)),
        ({"active": {"x": 1}}, ("Patient.active",)),
        ({"_active": {}}, ("Patient.active",)),
        ({"_active": "x"}, ("Patient.active",)),
        ({"_id": {"id": "x"}}, ("Patient._id",)),
        ({"contained": [{"id": "1"}]}, ("Patient.contained[0]",)),
        ({"contained": ["x"]}, ("Patient.contained[0]",)),
        ({"text": {"div": "<p>"}}, ("Patient.text.div",)),
        ({"text": {"div": 1}}, ("Patient.text.div",)),
        ({"gender": "\x00"}, ("Patient.gender",)),
        ({"gender": "\ud800"}, ("Patient.gender",)),
        ({"resourceType": "Nonsense"}, ()),
        ({"resourceType": None}, ()),
        ({"resourceType": "Resource"}, ()),
    ],
)
def test_what_r4_does_not_know_is_refused(tree: dict[str, Any], expression: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        to_xml({"resourceType": "Patient", **tree})
    assert [issue.expression for issue in caught.value.issues] == [expression]


strings = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00￾\uffff"), min_size=1, max_size=12
).filter(lambda text: all(character >= " " or character in "\t\r\n" for character in text))
numbers = st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?\Z")


@given(strings, numbers, st.booleans(), st.lists(st.none() | strings, min_size=1).filter(any))
def test_any_values_survive(family: str, number: str, active: bool, given_names: list[str | None]) -> None:
    names = json.dumps(
        {"family": family, "given": given_names, "_given": [None if g else {"id": "x"} for g in given_names]}
    )
    raw = b'{"resourceType":"Patient","extension":[{"url":"u","valueDecimal":%b}],"active":%b,"name":[%b]}' % (
        number.encode(),
        b"true" if active else b"false",
        names if None in given_names else json.dumps({"family": family, "given": given_names}),
    )
    assert json.dumps(from_xml(to_xml(raw))) == json.dumps(json.parse(raw).tree)


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "given", "_given", "extension", "url", "text", "div", "contained"]), inner
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "name", "text", "contained", "extension", "active", "_active", "contact"]), trees
    )
)
def test_any_tree_is_written_or_invalid(tree: dict[str, Any]) -> None:
    try:
        to_xml({"resourceType": "Patient", **tree})
    except Invalid as error:
        assert error.issues[0].expression  # noqa: PT017 - the other outcome is a document
