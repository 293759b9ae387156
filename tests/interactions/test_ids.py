"""Ids that the server assigns."""

import re

from fhir_server.interactions.ids import logical_id


def test_ids_are_24_digits_in_the_order_of_their_making() -> None:
    made = [logical_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{24}", id_) for id_ in made)


def test_half_of_an_id_cannot_be_guessed_from_the_one_before_it() -> None:
    made = [logical_id() for _ in range(5000)]
    assert len({id_[12:] for id_ in made}) == len(made)
    assert all(len({id_[place] for id_ in made}) == 32 for place in range(12, 24))
