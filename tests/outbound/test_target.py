"""What can be understood in two ways is no target.

https://www.rfc-editor.org/rfc/rfc3986.html
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.outbound import Failed, Origin, Target, target


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://tx.example.org", Target(Origin("https", "tx.example.org", 443), "/")),
        ("https://TX.Example.org:8443/r4?a=b%20c", Target(Origin("https", "tx.example.org", 8443), "/r4?a=b%20c")),
        ("http://10.0.0.5:8080/fhir", Target(Origin("http", "10.0.0.5", 8080), "/fhir")),
        ("https://[2001:DB8:0::1]/x", Target(Origin("https", "[2001:db8::1]", 443), "/x")),
        ("https://my_host/", Target(Origin("https", "my_host", 443), "/")),
    ],
)
def test_a_url_has_one_target(url: str, expected: Target) -> None:
    assert target(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:11211/",
        "//example.org/",
        "https:///path",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org@127.0.0.1/",
        "https://example.org\\@127.0.0.1/",
        "https://example.org/#fragment",
        "https://example.org/ x",
        "https://exam\tple.org/",
        "https://example.org/\r\nHost: other",
        "https://exämple.org/",
        "https://example.org./",
        "https://-example.org/",
        "https://exa%6dple.org/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:443:443/",
        "https://example.org:/x:y@z/..",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://1.2.3.4.5/",
        "https://[::1%25eth0]/",
        "https://[::ffff:127.0.0.1]x/",
        "https://" + "a" * 64 + ".org/",
        "https://example.org/" + "a" * 2048,
        "https://example.org/?" + "a" * 40_000,
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(Failed) as failed:
        target(url)
    assert failed.value.code == "refused"


@given(st.text(max_size=40), st.sampled_from(["", "https://", "http://", "https://a@", "https://[", "https://1."]))
def test_any_text_is_a_target_or_refused(text: str, before: str) -> None:
    try:
        found = target(before + text)
    except Failed as failed:
        code = str(failed.code)
    else:
        code = "refused" if target(f"{found.origin}{found.path}") == found else "another one"
    assert code == "refused"
