"""How long a gate runs: the size of a change by default, FHIR_SOAK_SECONDS for `make soak`."""

import os

import pytest


@pytest.fixture
def soak() -> float:
    """Seconds that a gate may take beyond its small form; 0 outside `make soak`."""
    return float(os.environ.get("FHIR_SOAK_SECONDS", "0"))
