"""What people read: tables on stdout, progress and warnings on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from cofactor.io import to_json

NOT_CONVERGED = ".*(did not converge|Maximum number of iterations)"  # said in our own words


def show(*parts: RenderableType) -> None:
    """Print on stdout, for people."""
    Console(highlight=False).print(*parts, sep="\n")


def tell(value: Any, layout: Callable[[Any], RenderableType], *, as_json: bool) -> None:
    """Print a value on stdout: as JSON for programs, or laid out for people."""
    if as_json:
        typer.echo(to_json(value))
    else:
        show(layout(value))


def grid() -> Table:
    """Return an empty table of words and their values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def listing(**options: Any) -> Table:
    """Return an empty table with a line under its header; it never is wider than the terminal."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", **options)


def is_watched() -> bool:
    """Return whether a person may be watching stderr."""
    return sys.stderr.isatty()


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Print each warning as one line on stderr while the body runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.filterwarnings("ignore", NOT_CONVERGED)
        warnings.showwarning = warn  # type: ignore[assignment]
        yield


def warn(message: Warning | str, *_: Any) -> None:
    """Print a warning as one line on stderr."""
    label = typer.style("Warning: ", fg="yellow", bold=True)
    typer.echo(label + " ".join(str(message).split()), err=True)
