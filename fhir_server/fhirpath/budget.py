"""How much one evaluation may cost: steps, time, results, lengths.

Every navigation, function call and produced item is a step, so that no expression of a client keeps a worker busy.
http://hl7.org/fhir/R4/security.html
"""

from time import monotonic, thread_time
from typing import Final

from fhir_server.fhirpath.errors import TooCostly
from fhir_server.outcome import Unprocessable

MAX_LENGTH: Final = 10_000
"""Characters of an expression."""

MAX_DEPTH: Final = 100
"""Levels of nesting in an expression."""

MAX_STEPS: Final = 1_000_000
MAX_RESULTS: Final = 10_000
MAX_SECONDS: Final = 1.0

MAX_STRING: Final = 1_048_576
"""Characters of a string that an expression makes: R4's limit for strings."""

MAX_TOGETHER: Final = 5.0
"""Seconds of computing that all expressions together may take on one resource."""

_CLOCK_EVERY: Final = 1_024
"""Steps between two looks at the clock, which costs about as much as a step."""


class Budget:
    """What is left of one evaluation's steps and seconds."""

    __slots__ = ("_deadline", "_next_look", "_seconds", "steps")

    def __init__(self, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS) -> None:
        """The time runs from the first look at the clock: most evaluations end before."""
        self.steps = steps
        self._seconds = seconds
        self._next_look = steps - _CLOCK_EVERY
        self._deadline: float | None = None

    def spend(self, steps: int = 1) -> None:
        """`steps` fewer are left; TooCostly where none are, or where the time is up."""
        self.steps -= steps
        if self.steps < self._next_look:
            self._look()

    def _look(self) -> None:
        if self.steps < 0:
            raise TooCostly(
                f"The expression needs more than {MAX_STEPS:,} steps on this resource; ask for less at once"
            )
        if self._deadline is None:
            self._deadline = monotonic() + self._seconds
        elif monotonic() > self._deadline:
            raise TooCostly(f"The expression needs more than {MAX_SECONDS:g} s on this resource; ask for less at once")
        self._next_look = self.steps - _CLOCK_EVERY

    def text(self, text: str) -> str:
        """`text` itself, paid by its length; TooCostly where it is longer than a FHIR string."""
        if len(text) > MAX_STRING:
            raise TooCostly(
                f"The expression makes a string of {len(text):,} characters; at most {MAX_STRING:,} are made"
            )
        self.spend(len(text) >> 6)
        return text


class Allowance:
    """What the evaluations of many expressions on one resource may take together."""

    __slots__ = ("_end", "_seconds")

    def __init__(self, seconds: float | None = None) -> None:
        """`seconds`: MAX_TOGETHER unless given."""
        self._seconds = MAX_TOGETHER if seconds is None else seconds
        self._end = thread_time() + self._seconds

    def look(self) -> None:
        """Raises Unprocessable where nothing is left."""
        if thread_time() > self._end:
            raise Unprocessable(
                f"To validate this resource takes more than {self._seconds:g} s: it is too large, or too entangled; "
                "split it up",
                code="too-costly",
            )
