"""Fixtures of the outbound room's tests."""

import pytest

from tests.outbound.certificates import Authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()
