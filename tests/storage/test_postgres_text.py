"""Texts with the characters that PostgreSQL cannot hold: all that is asked of a text is the same of what is written for it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.storage.postgres.text import json_read, json_written, read, written

texts = st.text(st.sampled_from('\x00\x01\x02\x03\x04\\u0ab"é\U0010ffff'), max_size=12)


@given(texts, texts)
def test_order_beginnings_and_parts_stay_what_they_are(one: str, other: str) -> None:
    assert "\x00" not in written(one)
    assert read(written(one)) == one
    assert (written(one) < written(other)) == (one < other)
    assert written(one).startswith(written(other)) == one.startswith(other)
    assert (written(other) in written(one)) == (other in one)
    assert written(one).endswith(written(other)) == one.endswith(other)


@given(st.recursive(texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)))
def test_within_json_too(tree: object) -> None:
    plain = json.dumps(tree)
    assert json.loads(json_read(json_written(plain))) == tree
    assert "\\u0000" not in json_written(plain).replace("\\\\", "")
    if isinstance(tree, str):
        assert json.loads(json_written(plain)) == written(tree)
