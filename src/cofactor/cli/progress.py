"""A bar for who waits: iteration, objective and time, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cofactor.cli.console import is_watched
from cofactor.trace import Iteration


@dataclass
class Watch:
    """A bar, moved on by every iteration.

    Attributes
    ----------
    bar : Progress
    task : TaskID
    n_entries : float
        Objectives are shown per entry.
    """

    bar: Progress
    task: TaskID
    n_entries: float = 1.0

    def expect(self, max_iter: int, n_entries: float) -> None:
        """Say how many iterations there can be, and of how many entries the objective is."""
        self.n_entries = n_entries
        self.bar.update(self.task, description="Fitting", total=max_iter)

    def __call__(self, iteration: Iteration) -> None:
        """Show an iteration; a callback of estimators."""
        loss = iteration.objective / self.n_entries
        self.bar.update(
            self.task,
            completed=iteration.number,
            status=f"iteration {iteration.number:,}  loss {loss:.6g} nats per entry",
        )


@contextmanager
def watch(*, quiet: bool) -> Iterator[Watch]:
    """Show a bar while the body runs; nothing at all unless stderr is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True, highlight=False)
    silent = quiet or not is_watched()
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        yield Watch(bar, bar.add_task("Reading", total=None, status=""))
