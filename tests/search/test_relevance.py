"""Scores: between 0 and 1, more for rare and repeated words, less in long texts."""

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.search.relevance import rarity, relevance

some_words = st.lists(st.sampled_from(("gout", "foot", "pain", "x")), max_size=60)


@given(some_words, st.dictionaries(st.sampled_from(("gout", "foo*", "pain")), st.floats(0.01, 10), min_size=1))
def test_a_text_has_a_part_of_the_weights(text: list[str], weights: dict[str, float]) -> None:
    score = relevance(" ".join(text), weights)
    assert 0 <= score < sum(weights.values())
    assert (score > 0) == any(
        word.startswith(each[:-1]) if each.endswith("*") else word == each for each in weights for word in text
    )


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_rare_words_weigh_more(having: int, more: int) -> None:
    assert rarity(having, 10**7) >= rarity(having + more, 10**7) > 0


def test_words_count_whole_and_side_by_side() -> None:
    assert (
        relevance("pain pain", {"pain": 1}) > relevance("pain painful", {"pain": 1}) > relevance("painful", {"pain": 1})
    )
    assert relevance("painful", {"pain*": 1}) > 0
