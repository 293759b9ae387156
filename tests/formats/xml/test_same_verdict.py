"""JSON and XML refuse the same faults: one resource, one fault, both formats."""

import pytest

from fhir_server.formats import json
from fhir_server.formats.xml import from_xml, to_xml
from fhir_server.outcome import Invalid


def accepted_in_json(raw: bytes) -> bool:
    try:
        to_xml(json.parse(raw).tree)
    except Invalid:
        return False
    return True


def accepted_in_xml(raw: bytes) -> bool:
    try:
        from_xml(raw)
    except Invalid:
        return False
    return True


def patient(members: str, elements: str, encoding: str = "utf-8") -> tuple[bytes, bytes]:
    as_json = f'{{"resourceType":"Patient",{members}}}'
    as_xml = f'<Patient xmlns="http://hl7.org/fhir">{elements}</Patient>'
    return as_json.encode(encoding), as_xml.encode(encoding)


def number(digits: str) -> tuple[bytes, bytes]:
    return patient(
        f'"extension":[{{"url":"u","valueDecimal":{digits}}}]',
        f'<extension url="u"><valueDecimal value="{digits}"/></extension>',
    )


def extensions(depth: int) -> tuple[bytes, bytes]:
    return patient(
        '"extension":[{"url":"u",' * depth + '"valueCode":"c"' + "}]" * depth,
        '<extension url="u">' * depth + '<valueCode value="c"/>' + "</extension>" * depth,
    )


def narrative(body: str) -> tuple[bytes, bytes]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'
    escaped = json.dumps({"div": div}).decode()[1:-1]
    return patient(f'"text":{{"status":"generated",{escaped}}}', f'<text><status value="generated"/>{div}</text>')


@pytest.mark.parametrize(
    ("both", "accepted"),
    [
        (patient('"active":true', '<active value="true"/>'), True),
        (patient('"active":true', '<active value="true"/>', "utf-16"), False),
        (patient('"active":true', '<active value="true"/>', "utf-32"), False),
        (patient('"id":"é"', '<id value="é"/>'), True),
        (patient('"id":"é"', '<id value="é"/>', "latin-1"), False),
        (patient('"active":true,"active":true', '<active value="true"/><active value="true"/>'), False),
        (patient('"colour":"red"', '<colour value="red"/>'), False),
        (patient('"name":[{"colour":"red"}]', '<name><colour value="red"/></name>'), False),
        (patient('"contained":[{"resourceType":"Hamster"}]', "<contained><Hamster/></contained>"), False),
        (patient('"id":"\\u0000"', '<id value="&#0;"/>'), False),
        (patient('"id":"\\u0008"', '<id value="&#8;"/>'), False),
        (patient('"id":"\\u0009\\n\\r"', '<id value="&#9;&#10;&#13;"/>'), True),
        (patient('"id":"\\u007f"', '<id value="&#127;"/>'), True),
        (patient('"id":"\\ufffe"', '<id value="&#xfffe;"/>'), False),
        (patient('"id":"\\ufffd"', '<id value="&#xfffd;"/>'), True),
        (patient('"id":"\\ud800"', '<id value="&#xd800;"/>'), False),
        (patient('"id":"\\ud83d\\ude00"', '<id value="&#x1f600;"/>'), True),
        (patient('"_id":{"id":"x"}', '<id id="x"/>'), False),
        (patient('"_birthDate":{"id":"x"}', '<birthDate id="x"/>'), True),
        (patient('"_birthDate":{}', "<birthDate/>"), False),
        (number("1.00"), True),
        (number("-0"), True),
        (number("01"), False),
        (number("+1"), False),
        (number(".5"), False),
        (number("1."), False),
        (number("NaN"), False),
        (number("Infinity"), False),
        (number("1E300"), True),
        (number("1E400"), False),
        (number("1E-400"), False),
        (number("9" * 100), True),
        (number("9" * 101), False),
        (number("0." + "1" * 98), True),
        (number("0." + "1" * 99), False),
        (extensions(49), True),
        (extensions(50), False),
        (extensions(80), False),
        (extensions(1000), False),
        (narrative("a &amp; b<br/><!-- c -->"), True),
        (narrative("<p>"), False),
        (narrative("&nbsp;"), False),
        (narrative("<![CDATA[x]]>"), False),
        (narrative("<!-->x-->"), False),
        (narrative("<?x?>"), False),
        (narrative('<x xmlns="urn:x"/>'), False),
        (narrative("<b>" * 99 + "x" + "</b>" * 99), True),
        (narrative("<b>" * 100 + "x" + "</b>" * 100), False),
    ],
)
def test_same_verdict(both: tuple[bytes, bytes], accepted: bool) -> None:
    as_json, as_xml = both
    assert (accepted_in_json(as_json), accepted_in_xml(as_xml)) == (accepted, accepted)
    if accepted:
        assert json.dumps(json.parse(as_json).tree) == json.dumps(from_xml(as_xml))
