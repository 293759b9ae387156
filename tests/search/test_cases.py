from datetime import UTC, datetime

import pytest

from fhir_server.outcome import FhirError
from fhir_server.search.parse import parse, query_string
from fhir_server.settings import Settings
from tests.search.cases import BASE, Case, cases
from tests.search.evaluate import World

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_example_of_the_specification_finds_what_it_says(case: Case) -> None:
    if isinstance(case.expect, int):
        with pytest.raises(FhirError) as raised:
            parse(case.type, tuple(query_string(case.query)), settings=Settings(), now=NOW, base=BASE)
        assert raised.value.status == case.expect
        return
    request = parse(case.type, tuple(query_string(case.query)), settings=Settings(), now=NOW, base=BASE)
    assert World(case.resources, BASE).matches(request.query.where) == case.matches
