"""XML Patch on the official cases, its rules, and what it must not do."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fhir_server.outcome import BadRequest, Unprocessable
from fhir_server.patch import xml_patch
from tests.conformance_data import require
from tests.patch.official_cases import Case, cases

CASES = cases("xml-patch-tests.xml", "target", "patch", "patched")
FHIR = "http://hl7.org/fhir"


def canonical(raw: bytes) -> bytes:
    """Canonical XML with comments, without the white space between elements."""
    root = etree.fromstring(raw, etree.XMLParser(remove_blank_text=True))
    for node in root.iter():
        node.text = (node.text or "").strip() or None if node.tag is not etree.Comment else node.text
        node.tail = (node.tail or "").strip() or None
    etree.cleanup_namespaces(root)
    return etree.tostring(root, method="c14n")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_official_case(case: Case) -> None:
    if case.after is None:
        with pytest.raises((BadRequest, Unprocessable)):
            xml_patch.apply(case.before, case.patch)
    else:
        assert canonical(xml_patch.apply(case.before, case.patch)) == canonical(case.after)


def test_official_file_is_there() -> None:
    require("patch", "fhir", "xml-patch-tests.xml")
    assert len(CASES) == 29


def patched(target: str, *operations: str) -> str:
    """Target and result without declaration, all in the FHIR namespace."""
    patch = f'<diff xmlns="{FHIR}">{"".join(operations)}</diff>'
    raw = xml_patch.apply(target.replace(">", f' xmlns="{FHIR}">', 1).encode(), patch.encode())
    return etree.tostring(etree.fromstring(raw), encoding="unicode").replace(f' xmlns="{FHIR}"', "")


def test_namespace_is_declared_where_it_was_asked_for() -> None:
    raw = xml_patch.apply(
        b'<a xmlns="http://hl7.org/fhir"><b/>x</a>', b'<p><add sel="/f:a" type="namespace::p">urn:x</add></p>'
    )
    root = etree.fromstring(raw)
    assert root.nsmap == {None: FHIR, "p": "urn:x"}
    assert (root[0].tail, len(root)) == ("x", 1)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ('<add sel="a"><n/></add>', "<a>1<b>2</b>3<c/>4<n/></a>"),
        ('<add sel="a">5</add>', "<a>1<b>2</b>3<c/>45</a>"),
        ('<add sel="a" pos="prepend">0<n/></add>', "<a>0<n/>1<b>2</b>3<c/>4</a>"),
        ('<add sel="a" pos="prepend">0</add>', "<a>01<b>2</b>3<c/>4</a>"),
        ('<add sel="a/c" pos="before"><n/>x<m/></add>', "<a>1<b>2</b>3<n/>x<m/><c/>4</a>"),
        ('<add sel="a/b" pos="after">x<n/></add>', "<a>1<b>2</b>x<n/>3<c/>4</a>"),
        ('<add sel="a/b" pos="before">x</add>', "<a>1x<b>2</b>3<c/>4</a>"),
        ('<remove sel="a/b"/>', "<a>13<c/>4</a>"),
        ('<remove sel="a/c"/>', "<a>1<b>2</b>34</a>"),
        ('<remove sel="a/text()[2]"/>', "<a>1<b>2</b><c/>4</a>"),
        ('<replace sel="a/text()[3]">9</replace>', "<a>1<b>2</b>3<c/>9</a>"),
        ('<replace sel="a/*[1]">\n <n/>\n</replace>', "<a>1<n/>3<c/>4</a>"),
        ("<replace sel=\"a/b[.='2']\"><n/></replace>", "<a>1<n/>3<c/>4</a>"),
        ('<replace sel="/a"><a><z/></a></replace>', "<a><z/></a>"),
        ('<add sel="f:a/f:b" type="@t">v</add>', '<a>1<b t="v">2</b>3<c/>4</a>'),
    ],
)
def test_text_around_a_change_stays(operation: str, expected: str) -> None:
    assert patched("<a>1<b>2</b>3<c/>4</a>", operation) == expected


def test_white_space_goes_with_an_element_where_asked() -> None:
    assert patched("<a> <b/> <c/> </a>", '<remove sel="a/b" ws="both"/>') == "<a><c/> </a>"
    assert patched("<a> <b/> <c/> </a>", '<remove sel="a/c" ws="before"/>') == "<a> <b/> </a>"
    with pytest.raises(Unprocessable, match="white space"):
        patched("<a>x<b/></a>", '<remove sel="a/b" ws="before"/>')


def test_predicates_find_the_element_by_what_is_in_it() -> None:
    target = '<Patient><name><use value="old"/></name><name><use value="official"/></name></Patient>'
    removed = patched(target, "<remove sel=\"f:Patient/f:name[f:use/@value = 'official' and position()=2]\"/>")
    assert removed == '<Patient><name><use value="old"/></name></Patient>'


@pytest.mark.parametrize(
    "operation",
    [
        '<remove sel="a/x"/>', '<remove sel="a/b"/>', '<remove sel="/a"/>', '<add sel="a/c/@d" pos="after">x</add>', '<add sel="a/c/@d">x</add>',
        '<add sel="a/c" type="@d">again</add>', '<add sel="a" pos="before"><n/></add>', '<remove sel="x:a" xmlns:x="urn:other"/>',
    ],
)  # fmt: skip
def test_what_does_not_fit_is_422_and_named(operation: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        patched('<a><b/><b/><c d="1"/></a>', '<add sel="a/c"><n/></add>', operation)
    kind = operation[1:].split(maxsplit=1)[0]
    assert caught.value.issues[0].expression == (f"patch.{kind}[{1 if kind == 'add' else 0}]",)


@pytest.mark.parametrize(
    "operation",
    [
        "", "<move/>", "<add/>", '<add sel="">x</add>', '<remove sel="//b"/>', '<remove sel="a/.."/>', '<remove sel="document(1)"/>', '<remove sel="a["/>',
        '<remove sel="a/b[/a]"/>', '<remove sel="a[b[c]]"/>', '<remove sel="id(1)"/>', '<remove sel="count(a)"/>', '<remove sel="x:a"/>', '<remove sel="a b"/>',
        '<remove sel="a/b[1" />', '<remove sel="a/ancestor::b"/>', '<add sel="a" pos="within">x</add>', '<add sel="a" type="d">x</add>',
        '<add sel="a" type="@d"><n/></add>', '<replace sel="a/c">x</replace>', '<replace sel="a/c"><x/><y/></replace>', '<remove sel="a/c" ws="all"/>',
        '<add sel="a" type="namespace::xmlns">u</add>', '<add sel="a" type="@x:d">u</add>', f'<remove sel="a{"/b" * 500}"/>', "<remove sel=\"a[.='1\"/>",
    ],
)  # fmt: skip
def test_malformed_patch_is_400(operation: str) -> None:
    with pytest.raises(BadRequest) as caught:
        patched('<a><b/><c d="1"/></a>', operation)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"<a", b"\xff\xfe<\x00a\x00", b"<!DOCTYPE a><a/>", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a>&x;</a>", b"<a><?pi?></a>",
        b"<?pi x?><a/>", b"<a/><?pi x?>", b"<a>" * 101 + b"</a>" * 101, b"<a>" * 300 + b"</a>" * 300, b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        b"<a>\xe9</a>", b'<?xml version="1.0" encoding="nonsense"?><a/>',
    ],
)  # fmt: skip
def test_unsafe_xml_is_refused_on_both_sides(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        xml_patch.apply(raw, b'<p><add sel="/a">x</add></p>')
    with pytest.raises(BadRequest):
        xml_patch.apply(b"<a/>", raw)


SELECTORS = st.lists(
    st.sampled_from(["a", "b", "f:c", "/", "@d", "[", "]", "1", "text()", "comment()", "*", "=", "'1'", ".", "//", "..", "and", "position()", "|", "x:y", "\0", "é"]),
    max_size=8,
).map("".join) | st.text(max_size=8)  # fmt: skip
CONTENT = st.sampled_from(["", "x", "<n/>", "<n/>x<m/>", "<!-- c -->", "  "])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["add", "remove", "replace"]),
    SELECTORS,
    st.sampled_from(
        [
            {},
            {"pos": "before"},
            {"pos": "after"},
            {"pos": "prepend"},
            {"type": "@d"},
            {"type": "namespace::q"},
            {"ws": "both"},
        ]
    ),
    CONTENT,
)
def test_any_patch_gives_xml_or_a_fhir_error(
    kind: str, selector: str, attributes: dict[str, str], content: str
) -> None:
    operation = etree.fromstring(f"<o>{content}</o>")
    operation.tag = kind
    with suppress(ValueError):  # what XML cannot hold never arrives
        operation.set("sel", selector)
    for name, value in attributes.items():
        operation.set(name, value)
    patch = etree.fromstring(f'<diff xmlns="{FHIR}"/>')
    patch.append(operation)
    with suppress(BadRequest, Unprocessable):
        etree.fromstring(
            xml_patch.apply(b'<a xmlns="http://hl7.org/fhir">1<b d="1"/><!-- x --><b>2</b></a>', etree.tostring(patch))
        )


@given(st.binary(max_size=40))
def test_any_bytes_give_a_fhir_error(raw: bytes) -> None:
    with pytest.raises((BadRequest, Unprocessable)):
        xml_patch.apply(b"<a/>", raw)


@given(st.sampled_from(["append", "prepend", "before", "after"]), st.sampled_from(["", "x", "<n/>"]))
def test_add_then_remove_is_identity(where: str, inside: str) -> None:
    position = "" if where == "append" else f' pos="{where}"'
    selector = "a/b" if where in {"before", "after"} else "a"
    target = "<a>1<b>2</b>3</a>"
    assert (
        patched(target, f'<add sel="{selector}"{position}><new>{inside}</new></add>', '<remove sel="a/new"/>') == target
    )
