"""`fhir-server` with a clock that jumps: the seconds to add stand in the file that TEST_CLOCK names."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import fhir_server.model
from fhir_server.cli import main

SHIFT = Path(os.environ["TEST_CLOCK"])


class Shifted(dt.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return dt.datetime.now(tz) + dt.timedelta(seconds=float(SHIFT.read_text()))


if __name__ == "__main__":
    fhir_server.model.datetime = Shifted  # type: ignore[attr-defined]
    main()
