"""The address of a store as people and other programs may see it."""

import pytest

from fhir_server.cli.stores import shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://fhir:SECRET@host:5432/fhir",
        "postgresql://fhir:SE@CRET:x@host/fhir",
        "postgresql://fhir@host/fhir?password=SECRET&sslmode=require",
        "postgresql:///fhir?host=/run&password=SECRET",
        "postgresql://fhir@host/fhir?sslpassword=SECRET",
    ],
)
def test_no_part_of_a_password_is_shown(url: str) -> None:
    found = shown(url)
    assert not any(part in found for part in ("SECRET", "CRET", ":x"))
    assert "fhir" in found


def test_an_address_without_a_password_is_shown_as_it_is() -> None:
    for url in (
        "postgresql://fhir@host:5432/fhir?sslmode=require",
        "postgresql://host:5432/fhir",
        "sqlite:///a@b:c.db",
    ):
        assert shown(url) == url
