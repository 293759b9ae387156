"""Progress bars for long work, on standard error; silent where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

console = Console(stderr=True)


class Bar:
    """One line of progress: how much of `total` (None: unknown) is done."""

    def __init__(self, progress: Progress, text: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def advance(self, steps: float = 1) -> None:
        self._progress.advance(self._task, steps)

    def stage(self, text: str, total: float | None) -> None:
        """Another part of the work, from its beginning."""
        self._progress.reset(self._task, description=text, total=total or None)

    def say(self, text: str) -> None:
        self._progress.update(self._task, description=text)


@contextmanager
def bar(text: str, total: float | None = None, *, quiet: bool = False) -> Iterator[Bar]:
    """A bar for as long as the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=quiet or not sys.stderr.isatty()) as progress:
        yield Bar(progress, text, total)
