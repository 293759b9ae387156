"""Narrative: what R4 allows in a div, and nothing that a browser would run."""

import pytest
from lxml import etree

from fhir_server.formats import json, narrative
from fhir_server.formats.xml.document import XHTML
from tests.formats.examples import json_examples

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


def divs(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["div"]] if isinstance(node.get("div"), str) else []
        return own + [div for value in node.values() for div in divs(value)]
    return [div for item in node for div in divs(item)] if isinstance(node, list) else []


def test_all_examples_are_narrative() -> None:
    found = [div for raw in json_examples().values() for div in divs(json.parse(raw).plain)]
    assert len(found) == 2959
    assert [problem for div in found for problem in narrative.problems(div)] == []


@pytest.mark.parametrize(
    "body",
    [
        "text", "<p>a<br/>b</p>", '<a href="#x">x</a><a name="x"/>', '<a href="https://example.org/a?b=c&amp;d">x</a>',
        '<img src="data:image/png;base64,AAAA" alt="x"/>', '<p style="color: red" class="c" xml:lang="de">é&#160;&lt;</p>',
        "<table><tr><td colspan='2'>1</td></tr></table>", "<!-- a comment -->x", '<a href="mailto:a@example.org">m</a>',
    ],
)  # fmt: skip
def test_problems_none(body: str) -> None:
    assert narrative.problems(f"{OPEN}{body}</div>") == ()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<script>x</script>", "The element script is not allowed in narrative"),
        ("<p onclick='x()'>x</p>", "The attribute onclick is not allowed on p in narrative"),
        ('<a href="javascript:x()">x</a>', "The href of a is of a kind that is not allowed in narrative"),
        ('<a href=" &#10;java&#9;script:x()">x</a>', "The href of a is of a kind that is not allowed in narrative"),
        ('<a href="&#1048576;"/><a href="vbscript:x"/>', "The href of a is of a kind that is not allowed in narrative"),
        ('<a href="data:text/html,x">x</a>', "The href of a is of a kind that is not allowed in narrative"),
        ('<img src="data:image/svg+xml,x"/>', "The src of img is of a kind that is not allowed in narrative"),
        ("<iframe/>", "The element iframe is not allowed in narrative"),
        ("<form/>", "The element form is not allowed in narrative"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "The div holds the element svg of another namespace than xhtml"),
        ("<![CDATA[><script>x</script>]]>", "The div has a CDATA section or a comment that HTML reads otherwise"),
        ("<!--><script>x</script>-->", "The div has a CDATA section or a comment that HTML reads otherwise"),
        ("<?php x?>", "The div has a DOCTYPE or a processing instruction"),
        ("&nbsp;", "The document is not well-formed XML at line 1, column 49: Entity 'nbsp' not defined"),
        ("<p>", "The document is not well-formed XML"),
        ("</div><div>", "The document is not well-formed XML"),
        ("<p>" * 100 + "</p>" * 100, "The div is nested deeper than 100 levels"),
    ],
)
def test_problems(body: str, text: str) -> None:
    assert [problem[: len(text)] for problem in narrative.problems(f"{OPEN}{body}</div>")] == [text]


@pytest.mark.parametrize(
    "div", ["", "text", "<div>x</div>", "<p xmlns='http://www.w3.org/1999/xhtml'/>", "<!--x--><div/>", "\ud800"]
)
def test_problems_of_what_is_no_div(div: str) -> None:
    assert len(narrative.problems(div)) == 1


def test_sources_are_the_outermost_divs() -> None:
    first = '<div title="a>b"\n>1<div/><div>2</div><!-- </div> --></div>'
    document = f"<a><!-- <div> --><b>{first}</b><h:div >x</h:div ><divide/><div/></a>"
    assert narrative.sources(document) == [first, "<h:div >x</h:div >", "<div/>"]


def test_verbatim_writes_anew_what_cannot_stand_alone() -> None:
    root = etree.fromstring(
        f'<t xmlns:h="{XHTML}" xmlns="x"><h:div id="1"> a<h:p>b</h:p>c &amp; <h:br/>d</h:div>tail</t>'
    )
    expected = f'{OPEN[:-1]} id="1"> a<p>b</p>c &amp; <br/>d</div>'
    assert narrative.verbatim('<h:div id="1">…', root[0]) == expected
    assert narrative.problems(expected) == ()
