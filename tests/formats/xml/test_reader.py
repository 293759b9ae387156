"""XML in: what the tree says, and that every fault is told with its line and FHIRPath."""

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats import json
from fhir_server.formats.xml import from_xml, to_xml
from fhir_server.outcome import Invalid
from tests.conformance_data import require

FHIR = "http://hl7.org/fhir"


def patient(body: str, attributes: str = "") -> bytes:
    return f'<Patient xmlns="{FHIR}"{attributes}>\n{body}\n</Patient>'.encode()


def issues(raw: bytes) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(Invalid) as caught:
        from_xml(raw)
    assert caught.value.status == 400
    return [(issue.text, issue.expression) for issue in caught.value.issues]


def text(raw: bytes) -> str:
    return issues(raw)[0][0]


def test_primitives_with_ids_and_extensions() -> None:
    raw = patient(
        """<!-- a comment -->
        <active value="true"/>
        <name id="n1"><given value="A"/><given id="g"/>
          <given value="&#233;&#10;&amp;"><extension url="http://x"><valueDecimal value="1.00"/></extension></given></name>
        <birthDate><extension url="http://y"><valueInteger value="-7"/></extension></birthDate>
        <multipleBirthInteger value="2"/>"""
    )
    tree = from_xml(raw)
    assert (
        json.dumps(tree)
        == (
            '{"resourceType":"Patient","active":true,"name":[{"id":"n1","given":["A",null,"é\\n&"],"_given":[null,{"id":"g"},'
            '{"extension":[{"url":"http://x","valueDecimal":1.00}]}]}],"_birthDate":{"extension":[{"url":"http://y",'
            '"valueInteger":-7}]},"multipleBirthInteger":2}'
        ).encode()
    )


def test_arrays_of_nothing_but_nulls_are_left_out() -> None:
    assert from_xml(patient('<name><given id="a"/><given id="b"/></name>'))["name"] == [
        {"_given": [{"id": "a"}, {"id": "b"}]}
    ]
    assert from_xml(patient('<name><given value="a"/><given value="b"/></name>'))["name"] == [{"given": ["a", "b"]}]


def test_resources_within_resources() -> None:
    raw = f"""<Bundle xmlns="{FHIR}"><type value="collection"/><entry><resource><Parameters><parameter>
        <name value="p"/><resource><Basic><contained><Patient><id value="c"/></Patient></contained></Basic></resource>
        </parameter></Parameters></resource></entry></Bundle>"""
    assert from_xml(raw.encode())["entry"] == [
        {
            "resource": {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "p",
                        "resource": {"resourceType": "Basic", "contained": [{"resourceType": "Patient", "id": "c"}]},
                    }
                ],
            }
        }
    ]


def test_element_called_resource_type() -> None:
    raw = (
        f'<ExampleScenario xmlns="{FHIR}"><instance><resourceId value="i"/><resourceType value="Patient"/></instance>'
        "</ExampleScenario>"
    )
    tree = from_xml(raw.encode())
    assert tree == {
        "resourceType": "ExampleScenario",
        "instance": [{"resourceId": "i", "resourceType": "Patient"}],
    }
    assert from_xml(to_xml(tree)) == tree


def test_div_keeps_its_source() -> None:
    div = "<div xmlns='http://www.w3.org/1999/xhtml'  class=\"a\">  a<br></br>\n<p >&#233;&quot;</p><!-- c --></div>"
    tree = from_xml(patient(f'<text><status value="generated"/>{div}</text>'))
    assert tree["text"]["div"] == div
    assert div.encode() in to_xml(tree)


def test_prefixes_and_schema_location_are_spelling() -> None:
    raw = f"""<?xml version="1.0" encoding="utf-8"?>
        <f:Patient xmlns:f="{FHIR}" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:schemaLocation="{FHIR} http://elsewhere/fhir-all.xsd"><f:text><f:status value="generated"/>
        <h:div><h:p>x</h:p></h:div></f:text><f:active value="false"/></f:Patient>"""
    assert from_xml(raw.encode()) == {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</p></div>'},
        "active": False,
    }


@pytest.mark.parametrize(
    ("body", "fault", "expression"),
    [
        ("<colour value='x'/>", "Patient has no element colour (line 2)", "Patient.colour"),
        ("<name/><name><colour/></name>", "HumanName has no element colour (line 2)", "Patient.name[1].colour"),
        ("<contact>\n<x/></contact>", "Patient.contact has no element x (line 3)", "Patient.contact[0].x"),
        ("<active value='yes'/>", "'yes' is not of type boolean (line 2)", "Patient.active"),
        ("<active value=' true'/>", "' true' is not of type boolean (line 2)", "Patient.active"),
        ("<multipleBirthInteger value='1.0'/>", "'1.0' is not of type integer (line 2)", "Patient.multipleBirth"),
        ("<multipleBirthInteger value='01'/>", "'01' is not of type integer (line 2)", "Patient.multipleBirth"),
        ("<active/>", "active has neither a value nor an extension (line 2)", "Patient.active"),
        ("<active value='true' x='y'/>", "The attribute x is not allowed here (line 2)", "Patient.active"),
        ("<id value='a' id='b'/>", "The attribute id is not allowed here (line 2)", "Patient.id"),
        ("<id value='a'><extension url='x'/></id>", "id holds no elements (line 2)", "Patient.id"),
        ("<name use='official'/>", "The attribute use is not allowed here (line 2)", "Patient.name[0]"),
        ("<name><id value='x'/></name>", "HumanName has no element id (line 2)", "Patient.name[0].id"),
        ("<name>Ann</name>", "Text stands between the elements; values stand in value attributes (line 2)", "Patient.name[0]"),
        ("<active value='true'>x</active>", "Text stands between the elements; values stand in value attributes (line 2)", "Patient.active"),
        ("<active value='true'/><active value='true'/>", "active is there more than once; it may be there once (line 2)", "Patient.active"),
        ("<gender value='male'/>\n<active value='true'/>", "active comes too late; R4 puts it before the elements that precede it here (line 3)", "Patient.active"),
        ("<contained><Nonsense/></contained>", f"{{{FHIR}}}Nonsense is not an R4 resource type in the namespace {FHIR} (line 2)", "Patient.contained[0]"),
        ("<contained><Resource/></contained>", f"{{{FHIR}}}Resource is not an R4 resource type in the namespace {FHIR} (line 2)", "Patient.contained[0]"),
        ("<contained/>", "0 resources stand here; exactly one may (line 2)", "Patient.contained[0]"),
        ("<contained><Basic/><Basic/></contained>", "2 resources stand here; exactly one may (line 2)", "Patient.contained[0]"),
        ("<contained id='x'><Basic/></contained>", "The attribute id is not allowed here (line 2)", "Patient.contained[0]"),
        ("<contained><Basic id='1'/></contained>", "Basic has the attribute id; resources have none (line 2)", "Patient.contained[0]"),
        ("<active xmlns='' value='true'/>", f"The element active is in the namespace (none); FHIR's is {FHIR} (line 2)", "Patient.active"),
        ("<x:active xmlns:x='urn:x' value='true'/>", f"The element active is in the namespace urn:x; FHIR's is {FHIR} (line 2)", "Patient.active"),
        ("<text><status value='generated'/><div>x</div></text>", f"The element div is in the namespace {FHIR}; narrative is in http://www.w3.org/1999/xhtml (line 2)", "Patient.text.div"),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>x</div>", "Patient has no element div (line 2)", "Patient.div"),
        ("<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'><svg xmlns='urn:x'/></div></text>", "The div holds the element svg of another namespace than xhtml (line 2)", "Patient.text.div"),
        ("<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'><![CDATA[x]]></div></text>", "The div has a CDATA section or a comment that HTML reads otherwise; write the text escaped (line 2)", "Patient.text.div"),
    ],
)  # fmt: skip
def test_fault_has_line_and_expression(body: str, fault: str, expression: str) -> None:
    assert issues(patient(body)) == [(fault, (expression,))]


def test_all_faults_are_told_at_once() -> None:
    assert [expression for _, expression in issues(patient("<x/><active value='no'/><y/>"))] == [
        ("Patient.x",),
        ("Patient.active",),
        ("Patient.y",),
    ]


def test_faults_are_limited() -> None:
    assert len(issues(patient("<x/>" * 5000))) == 100


BOMB = "<!DOCTYPE Patient [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "not well-formed"),
        (b"   ", "not well-formed"),
        (b"{}", "not well-formed"),
        (b"\x00", "not well-formed"),
        (b"<Patient", "not well-formed XML at line 1"),
        (patient("<name>\n</nam>"), "not well-formed XML at line 3"),
        (patient("<active value='true' value='true'/>"), "Attribute value redefined"),
        (patient("<id value='&nbsp;'/>"), "Entity 'nbsp' not defined"),
        (patient("<id value='&#1;'/>"), "not well-formed"),
        (patient("<id value='&#xFFFE;'/>"), "not well-formed"),
        (patient("<id value='&#xD800;'/>"), "not well-formed"),
        (b"<!DOCTYPE Patient>" + patient(""), "has a DOCTYPE (line 1)"),
        (f"\n{BOMB}]><Patient xmlns='{FHIR}'><id value='&j;'/></Patient>".encode(), "has a DOCTYPE (line 2)"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + patient("<id value='a'/>&e;"), "has a DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + patient(""), "has a DOCTYPE"),
        (b'<?xml-stylesheet href="x"?>' + patient(""), "processing instruction (line 1)"),
        (patient("<?php x?>"), "processing instruction (line 2)"),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + patient(""), "declares XML 1.0 in UTF-16"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient(""), "declares XML 1.0 in ISO-8859-1"),
        (b'<?xml version="1.0" encoding="no-such"?>' + patient(""), "declares XML 1.0 in no-such"),
        (b'<?xml version="1.1"?>' + patient(""), "declares XML 1.1"),
        (patient("").decode().encode("utf-16"), "byte order mark"),
        (patient("").decode().encode("utf-16-le"), "not"),
        (patient("<id value='\u00e9'/>").decode().encode("latin-1"), "not UTF-8 (line 2)"),
        (b"<Patient/>", "Patient is not an R4 resource type in the namespace http://hl7.org/fhir (line 1)"),
        (b'<Patient xmlns="http://hl7.org/fhir/"/>', "is not an R4 resource type"),
        (b'<DomainResource xmlns="http://hl7.org/fhir"/>', "is not an R4 resource type"),
        (patient("", " id='1'"), "Patient has the attribute id; resources have none"),
        (patient("<x xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='/etc/passwd'/></x>"), "no element x"),
        (b"<a>" * 100_000, "it is nested too deeply"),
        (b"<a>" * 4_000_000, "it is nested too deeply"),
        (patient("<contact>" * 2_000_000), "it is nested too deeply"),
    ],
)
def test_hostile_document_is_refused(raw: bytes, fault: str) -> None:
    assert fault in text(raw)


def test_value_of_more_than_ten_megabytes_comes_through() -> None:
    data = "QUJD" * 2_800_000
    raw = (
        f'<Binary xmlns="http://hl7.org/fhir"><contentType value="image/png"/><data value="{data}"/></Binary>'.encode()
    )
    assert from_xml(raw) == {"resourceType": "Binary", "contentType": "image/png", "data": data}


def test_schema_location_is_for_the_document_only() -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"'
    assert "schemaLocation" in text(patient(f"<contained><Basic {xsi}/></contained>"))


def test_bytes_that_are_not_what_they_claim() -> None:
    with tarfile.open(require("validator", "files.tar.xz")) as archive:
        member = next(m for m in archive if m.name.endswith("japanese-utf8-ok.xml"))
        file = archive.extractfile(member)
        assert file is not None
        assert "not UTF-8" in text(file.read())


VALID = patient(
    "<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'>é<br/></div></text>"
    "<extension url='u'><valueDecimal value='1.00'/></extension><active value='true'/><name id='n'><given id='a'/></name>"
)


@given(st.data())
def test_damaged_document_is_read_or_invalid(data: st.DataObject) -> None:
    raw = bytearray(VALID)
    pieces = st.binary(max_size=3) | st.sampled_from(
        [b"<", b">", b"&", b"<div>", b"</div>", b"<!--", b"'", b"<name/>", b" id=''"]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 8))] = data.draw(pieces)
    try:
        tree = from_xml(bytes(raw))
    except Invalid:
        return
    assert from_xml(to_xml(tree)) == tree


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_invalid(raw: bytes) -> None:
    with pytest.raises(Invalid):
        from_xml(raw)
