"""Narrative is checked by a parser with a list of what may be; what needs none is accepted at once, and rightly."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.formats.narrative import problems
from fhir_server.validation.narrative import _PLAIN, faults

OPEN = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "inner",
    [
        "text",
        "",
        "<p>a <b>b</b></p><br/><table><tr><td>1</td></tr></table>",
        '<a href="https://example.org/?a=1">x</a>',
        '<img src="data:image/png;base64,AAAA" alt="x"/>',
        "&lt;script&gt;",
    ],
)
def test_harmless_narrative_passes(inner: str) -> None:
    assert faults(f"{OPEN}{inner}</div>") == ()


@pytest.mark.parametrize(
    "div",
    [
        *(
            f"{OPEN}{tag}</div>"
            for tag in ("<script>x</script>", "<iframe/>", "<form/>", "<object/>", "<svg/>", "<style>x</style>")
        ),
        f'{OPEN}<p onclick="x()">a</p></div>',
        f'{OPEN}<a href="javascript:x()">a</a></div>',
        f'{OPEN}<a href="&#1;javascript:x()">a</a></div>',
        f'{OPEN}<a href=" java&#10;script:x()">a</a></div>',
        f'{OPEN}<img src="data:text/html,x"/></div>',
        f"{OPEN}<p>a</div>",
        f"{OPEN}a</div><div/>",
        f"{OPEN}&nbsp;</div>",
        f"<!DOCTYPE x>{OPEN}a</div>",
        f"{OPEN}<?php x?></div>",
        "<div>no namespace</div>",
        "text",
        "",
        f"{OPEN}\ud800</div>",
        f"{OPEN}a\x00</div>",
    ],
)
def test_active_or_broken_narrative_is_refused(div: str) -> None:
    assert faults(div) != ()


_PIECES = st.sampled_from(
    [
        OPEN,
        "</div>",
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<br/>",
        "<br />",
        '<a href="http://x.org">',
        "</a>",
        "a",
        "&",
        "\n",
        '"',
    ]
)


@given(st.lists(_PIECES, max_size=8).map(lambda pieces: OPEN + "".join(pieces) + "</div>"))
def test_what_is_accepted_without_a_parser_is_accepted_with_one(div: str) -> None:
    if _PLAIN.fullmatch(div):
        assert problems(div) == ()


@pytest.mark.parametrize(
    "inner", ["<p>a</p>" * 100_000 + "<x>", "a" * 1_000_000 + "<", "<br/>" * 200_000 + "<br>", "<p>" * 200_000]
)
def test_hostile_narrative_takes_linear_time(inner: str) -> None:
    start = time.process_time()
    assert _PLAIN.fullmatch(f"{OPEN}{inner}</div>") is None
    assert time.process_time() - start < 0.5
