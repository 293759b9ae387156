"""A condition said as a value set means the same when it is understood again.

http://hl7.org/fhir/R4/valueset.html#compositions
"""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.concepts import (
    EVERY,
    Above,
    AnyOf,
    Below,
    Condition,
    Flagged,
    Listed,
    Matching,
    Not,
    Saying,
    Under,
    Valued,
    all_of,
    any_of,
)
from fhir_server.outcome import BadRequest
from fhir_server.terminology.memory import table_of
from fhir_server.terminology.remote.composing import composed, words
from fhir_server.terminology.sources import Sources
from fhir_server.terminology.valuesets import composed as understood
from tests.operations.zoo import ANIMALS, ORDER

TABLE = table_of(ANIMALS)

_codes = st.sampled_from(ORDER)
_filters: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Below, _codes, st.booleans()),
    st.builds(Above, _codes),
    st.builds(Under, _codes, st.booleans()),
    st.builds(
        Valued, st.just("legs"), st.one_of(st.none(), st.sets(st.sampled_from("246"), min_size=1).map(frozenset))
    ),
    st.builds(Matching, st.sampled_from(["code", "display"]), st.sampled_from(["[a-d].*", "Do.*"])),
    st.builds(Flagged, st.sampled_from(["inactive", "abstract"])),
)
_lists = st.sets(_codes, min_size=1).map(lambda codes: Listed(frozenset(codes)))
_together = st.lists(_filters, min_size=1, max_size=3).map(all_of)
_choices = st.lists(st.one_of(_together, _lists, st.just(EVERY)), min_size=1, max_size=3).map(any_of)
_less = st.lists(st.one_of(_filters, _lists), max_size=2).map(lambda of: [Not(each) for each in of])
CONDITIONS = st.one_of(_choices, st.tuples(_together, _less).map(lambda pair: all_of([pair[0], *pair[1]])))


async def _same(where: Condition) -> None:
    resource = composed(TABLE.system, where)
    reader: Any = None  # nothing is imported, so nothing is read
    parts = await understood(Sources(reader), resource)
    expected = TABLE.selected(where)
    assert [c for part in parts for c in TABLE.selected(part.where)] == expected


@given(CONDITIONS)
def test_what_is_said_means_the_same(where: Condition) -> None:
    asyncio.run(_same(where))


@pytest.mark.parametrize(
    "where",
    [
        all_of([Listed(frozenset({"cat"})), Below("mammal")]),
        AnyOf((Not(Below("mammal")), Below("cat"))),
        Not(Not(Below("cat"))),
        Saying(("cat",)),
        Valued("legs", frozenset({"a,b", "c"})),
    ],
)
def test_what_no_value_set_can_say_is_refused(where: Condition) -> None:
    with pytest.raises(BadRequest) as refused:
        composed(TABLE.system, where)
    assert refused.value.issues[0].code == "not-supported"


def test_words_are_told_from_the_rest() -> None:
    where = all_of([Saying(("big",)), Below("mammal"), Saying(("cat",))])
    assert words(where) == (("big", "cat"), (Below("mammal"),))
