"""Which operations can be called where."""

from fhir_server.outcome import FhirError
from tests.interactions.client import Client


def known(error: FhirError) -> list[str]:
    return error.issues[0].text.partition("known: ")[2].split(", ")


async def test_an_operation_of_another_level_is_not_named_as_known(client: Client) -> None:
    of_type = known(await client.fails("GET", "Encounter/$everything"))
    of_instance = known(await client.fails("GET", "Encounter/a/$nothing"))
    assert ("$validate" in of_type, "$everything" in of_type) == (True, False)
    assert ("$validate" in of_instance, "$everything" in of_instance) == (True, True)
