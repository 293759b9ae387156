"""Where the official definitions, examples and test cases lie (`FHIR_CONFORMANCE_DATA`): needed by tests only."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


def data_folder() -> Path | None:
    """The data folder, or None where this machine has none."""
    folder = Path(os.environ.get("FHIR_CONFORMANCE_DATA") or CHECKOUT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def require(*names: str) -> Path:
    """The path of `names` inside the data folder; skips the calling test when it is absent, fails it when CI=true."""
    folder = data_folder()
    path = folder.joinpath(*names) if folder else None
    if path is not None and path.exists():
        return path
    reason = f"conformance data {'/'.join(names)} is absent: set FHIR_CONFORMANCE_DATA"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
