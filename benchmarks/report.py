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
ROW_HEIGHT = 0.24  # inches
OFFSET = 0.16  # of a line, between peers
LEGEND_COLUMNS = 3
# Told apart by everyone: Okabe and Ito (2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TICKS = [digit * 10.0**power for power in range(-3, 4) for digit in (1, 2, 5)]


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


def read_json(path: Path) -> list[Comparison]:
    """Read back what a run found."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Comparison.from_json(found) for found in content["comparisons"]]


def draw(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Draw each case's ratios with their spread; the format is the path's suffix."""
    from matplotlib.figure import Figure

    lines = _lines(comparisons)
    figure = Figure((8, 1.3 + ROW_HEIGHT * len(lines)), layout="constrained", dpi=150)
    axes = figure.subplots()
    axes.axvline(1.0, color="0.3", linewidth=1.2, zorder=1)
    peers = list(dict.fromkeys(c.peer for c in comparisons))
    for place, peer in enumerate(peers):
        shift = OFFSET * (place - (len(peers) - 1) / 2)
        _draw_peer(axes, [c for c in comparisons if c.peer == peer], lines, shift, COLOURS[place])
    _set_scales(axes, lines, comparisons)
    across = min(len(peers), LEGEND_COLUMNS)
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=across, frameon=False)
    figure.savefig(path)


def _lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the chart's lines from the top: each task's name, and under it its cases."""
    cases: dict[str, list[str]] = {}
    for case in dict.fromkeys(c.case for c in comparisons):
        cases.setdefault(case.split("/")[0], []).append(case)
    return [line for task, names in cases.items() for line in (task, *names)]


def _draw_peer(
    axes: Any, found: Sequence[Comparison], lines: Sequence[str], shift: float, colour: str
) -> None:
    places = [lines.index(c.case) + shift for c in found]
    medians = [c.ratio.median for c in found]
    below = [c.ratio.median - c.ratio.low for c in found]
    above = [c.ratio.high - c.ratio.median for c in found]
    axes.errorbar(
        medians,
        places,
        xerr=(below, above),
        fmt="o",
        markersize=4.5,
        elinewidth=1.2,
        color=colour,
        label=found[0].peer,
    )


def _set_scales(axes: Any, lines: Sequence[str], comparisons: Sequence[Comparison]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    low = min(0.8, *(c.ratio.low for c in comparisons)) / 1.2
    high = max(1.25, *(c.ratio.high for c in comparisons)) * 1.2
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ×"))
    axes.set_yticks(range(len(lines)), [line.partition("/")[2] or line for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set_fontweight("normal" if "/" in line else "bold")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(axis="x", color="0.88", zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("time of the peer over cofactor's: right of the line cofactor is faster")
