"""Comparisons for people and for programs: a table, JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from benchmarks.contest import Comparison

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"), (1e-12, "ps"))
ROW_HEIGHT = 0.22  # inches


def table(comparisons: Sequence[Comparison]) -> Table:
    """Return a table of ratios: above 1 cofactor is faster."""
    result = Table(title="Time of the peer over cofactor's: above 1 cofactor is faster", box=SIMPLE)
    for heading in ("case", "peer"):
        result.add_column(heading, no_wrap=True)
    for heading in ("cofactor", "the peer", "ratio", "least … most", "results"):
        result.add_column(heading, justify="right", no_wrap=True)
    for comparison in comparisons:
        result.add_row(*_cells(comparison))
    return result


def _cells(c: Comparison) -> tuple[str, ...]:
    spread = f"{c.ratio.low:.2f} … {c.ratio.high:.2f}"
    verdict = "agree" if c.agree else "[red]differ[/]"
    ratio = f"[bold]{c.ratio.median:.2f}[/]"
    return c.case, c.peer, _seconds(c.ours), _seconds(c.theirs), ratio, spread, verdict


def _seconds(value: float) -> str:
    scale, unit = next((u for u in UNITS if value >= u[0]), UNITS[-1])
    return f"{value / scale:.3g} {unit}"


def write_json(path: Path, machine: dict[str, Any], comparisons: Sequence[Comparison]) -> None:
    """Write everything that was found."""
    content = {"machine": machine, "comparisons": [c.as_json() for c in comparisons]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def draw(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw each ratio with its spread; the format is the path's suffix."""
    from matplotlib.figure import Figure

    figure = Figure((8, 1.2 + ROW_HEIGHT * len(comparisons)), layout="constrained")
    axes = figure.subplots()
    for peer in dict.fromkeys(c.peer for c in comparisons):
        rows = [i for i, c in enumerate(comparisons) if c.peer == peer]
        ratios = [comparisons[row].ratio for row in rows]
        below, above = [r.median - r.low for r in ratios], [r.high - r.median for r in ratios]
        medians = [r.median for r in ratios]
        axes.errorbar(medians, rows, xerr=(below, above), fmt="o", markersize=4, label=peer)
    axes.axvline(1.0, color="0.5", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(comparisons)), [c.case for c in comparisons], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("time of the peer over cofactor's (right of 1: cofactor is faster)")
    axes.legend(fontsize="small")
    figure.savefig(path)
