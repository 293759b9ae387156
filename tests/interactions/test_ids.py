"""Ids that the server assigns."""

import re
import uuid

from fhir_server.interactions.ids import logical_id


def test_ids_are_uuids_of_version_7_in_the_order_of_their_making() -> None:
    made = [logical_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id_) for id_ in made
    )
    assert uuid.UUID(made[0]).version == 7
