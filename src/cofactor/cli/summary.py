"""Telling the results of a fit: as a table, as JSON, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from cofactor.cli.console import grid, listing, show
from cofactor.cli.results import Results
from cofactor.io import to_json
from cofactor.report import Result

SHOWN = 20  # components
WORDS = 4  # columns per component
BAR = 20  # characters

Printer = Callable[[Results, Path], None]


def printer(*, as_json: bool, quiet: bool) -> Printer:
    """Return who tells the results."""
    if as_json:
        return print_json
    return print_nothing if quiet else print_tables


def print_nothing(results: Results, output: Path) -> None:
    """Tell nothing."""


def print_json(results: Results, output: Path) -> None:
    """Tell the summary to a program."""
    typer.echo(to_json({**results.summary(), "output": str(output)}))


def print_tables(results: Results, output: Path) -> None:
    """Tell the summary and the largest components to a person."""
    show("", _facts(results, output), _components(results.fitted, results.table.column_names))


def _facts(results: Results, output: Path) -> Table:
    fitted = results.fitted
    n_rows, n_columns = results.table.X.shape
    ending = "converged" if fitted.converged else "not converged"
    table = grid()
    table.add_row("data", f"{results.source.path}, {n_rows:,} rows × {n_columns:,} columns")
    table.add_row("model", f"{fitted.name}: {fitted.noise} noise, {fitted.codes}")
    table.add_row(fitted.tag, f"{fitted.per_entry:.6g} nats per entry")
    table.add_row("iterations", f"{fitted.n_iter:,} ({ending}), {fitted.total_seconds:.3g} s")
    for fact in [] if fitted.certificate is None else fitted.certificate.facts:
        table.add_row(*fact)
    table.add_row("written to", str(output))
    return table


def _components(fitted: Result, names: Sequence[str] | None) -> Table:
    shares = np.zeros(0) if fitted.share is None else fitted.share
    words, largest = _standing_out(fitted, names), shares.max(initial=0.0) or 1.0
    table = listing()
    table.add_column("component", justify="right", min_width=9)
    table.add_column("share", justify="right", min_width=6)
    table.add_column("", min_width=BAR)
    table.add_column("stands out in" if names else "", style="cyan")
    for component in islice(np.argsort(-shares, kind="stable"), SHOWN):
        share = shares[component]
        bar = Text("━" * round(BAR * share / largest), style="cyan")
        table.add_row(str(component), f"{share:.1%}", bar, words[component])
    if len(shares) > SHOWN:
        table.caption = f"and {len(shares) - SHOWN} smaller ones"
    return table


def _standing_out(fitted: Result, names: Sequence[str] | None) -> list[str]:
    """Name the columns in which each component exceeds the average component most."""
    components = fitted.components
    if names is None:
        return [""] * len(components)
    excess = components - (components.mean(axis=0) if len(components) > 1 else 0.0)
    strongest = np.argsort(-excess, axis=1, kind="stable")[:, :WORDS]
    return [
        ", ".join(names[column] for column in columns if row[column] > 0)
        for row, columns in zip(excess, strongest, strict=True)
    ]
