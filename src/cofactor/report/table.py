"""The table of models: grouped by what may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofactor.report.result import Result
from cofactor.report.words import CONDITIONAL, DIGITS, KINDS, number


@dataclass(frozen=True)
class Row:
    """One model, in words.

    Attributes
    ----------
    series : int
        The model's number in the report: its colour and dashes.
    place : float
        Of the value between the lowest (0) and the highest (1) of its group.
    given_codes : bool
        Whether the value takes the codes as known.
    """

    series: int
    name: str
    cell: str
    parameters: str
    value: str
    tag: str
    iterations: str
    converged: bool
    seconds: str
    place: float
    given_codes: bool


@dataclass(frozen=True)
class Group:
    """Models whose values have one unit."""

    title: str
    rows: list[Row]


def groups(results: Sequence[Result]) -> list[Group]:
    """Return the rows of densities and of masses, apart, each in the order given."""
    numbered = list(enumerate(results))
    parts = {kind: [pair for pair in numbered if pair[1].kind == kind] for kind in KINDS}
    return [Group(KINDS[kind], _rows(pairs)) for kind, pairs in parts.items() if pairs]


def _rows(pairs: Sequence[tuple[int, Result]]) -> list[Row]:
    values = [result.per_entry for _, result in pairs]
    low, width = min(values), (max(values) - min(values)) or 1.0
    return [_row(series, result, (result.per_entry - low) / width) for series, result in pairs]


def _row(series: int, result: Result, place: float) -> Row:
    return Row(
        series=series,
        name=result.name,
        cell=f"{result.noise} noise, {result.codes}",
        parameters=number(result.n_parameters, 0),
        value=number(result.per_entry, DIGITS),
        tag=result.tag,
        iterations=number(result.n_iter, 0),
        converged=result.converged,
        seconds=number(result.total_seconds, 3),
        place=place,
        given_codes=result.tag == CONDITIONAL,
    )
