"""What ``cofactor lattice`` says: every cell, and the words that fit it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from cofactor.lattice import CODES, Cell, lattice

WIDEST = max(map(len, CODES))
DEFAULT_NOISE = "gaussian"
# the words that stand beside --noise, by the codes
WORDS = {
    "one-hot, keep 1": "-m kmeans",
    "one-hot, keep C'": "-m mixture --closest C",
    "one-hot, keep all": "-m mixture",
    "scaled one-hot": "-m scaled",
    "simplex": "-m convex",
    "nonnegative": "-m nmf",
    "free": "-m svd",
}
# and those that say everything, by the noise and the codes
SHORT_WORDS = {
    ("gaussian", "one-hot, keep C'"): "-m kmeans-c",
    ("spherical_gaussian", "one-hot, keep all"): "-m gmm --covariance spherical",
    ("diagonal_gaussian", "one-hot, keep all"): "-m gmm --covariance diag",
    ("tied_gaussian", "one-hot, keep all"): "-m gmm --covariance tied",
    ("full_gaussian", "one-hot, keep all"): "-m gmm",
    ("multinomial", "simplex"): "-m topics",
}


def words(cell: Cell) -> str:
    """Return the words after ``cofactor fit DATA`` that fit a cell; empty if only Python can."""
    short = SHORT_WORDS.get((cell.noise, cell.codes))
    if short or not cell.available or cell.codes not in WORDS:
        return short or ""
    noise = "" if cell.noise == DEFAULT_NOISE else f" --noise {cell.noise}"
    return WORDS[cell.codes] + noise


def as_objects() -> list[dict[str, Any]]:
    """Return all cells as plain values."""
    return [
        {**asdict(cell), "available": cell.available, "words": words(cell)} for cell in lattice()
    ]


def layout(cells: Iterable[dict[str, Any]]) -> Group:
    """Lay the cells out for a person, noise by noise."""
    noises = groupby(cells, key=itemgetter("noise"))
    parts = [_noise(noise, list(group)) for noise, group in noises]
    return Group(*parts, Text("Fit one with: cofactor fit DATA -k K -o DIR, and its words."))


def _noise(noise: str, cells: Sequence[dict[str, Any]]) -> Group:
    """Lay out the cells of one noise: those there are as a table, the others in one line."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=5)
    table.add_column(style="dim", no_wrap=True, min_width=WIDEST)
    table.add_column(ratio=6, overflow="fold")
    for cell in cells:
        if cell["available"]:
            call = Text(cell["words"], style="cyan") if cell["words"] else Text(cell["call"])
            table.add_row(cell["name"], cell["codes"], call)
    impossible = ", ".join(cell["codes"] for cell in cells if not cell["available"])
    note = f"impossible: {impossible}\n" if impossible else ""
    return Group(Text(f"{noise} noise", style="bold"), table, Text(note, style="dim"))
