"""The guard against regressions: ratios may not fall far below those that were stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import Comparison

BASELINE = Path(__file__).parent / "baseline.json"
GENEROSITY = 2.5  # what other machines and noise may cost; a lost algorithm costs more

Ratios = dict[str, dict[str, float]]


def stored() -> Ratios:
    """Return the ratios of the baseline, by case and peer."""
    ratios: Ratios = json.loads(BASELINE.read_text(encoding="utf-8"))
    return ratios


def store(comparisons: Sequence[Comparison]) -> None:
    """Make these ratios the baseline."""
    ratios: Ratios = {}
    for comparison in comparisons:
        ratios.setdefault(comparison.case, {})[comparison.peer] = round(comparison.ratio.median, 2)
    BASELINE.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")


def regressions(comparisons: Sequence[Comparison], baseline: Ratios) -> list[str]:
    """Return a sentence for every comparison whose ratio fell below the baseline's allowance."""
    return [
        f"{c.case} against {c.peer}: {c.ratio.median:.2f} ×, "
        f"where at least {least:.2f} × is expected"
        for c in comparisons
        if c.ratio.median < (least := _least(c, baseline))
    ]


def _least(comparison: Comparison, baseline: Ratios) -> float:
    return baseline.get(comparison.case, {}).get(comparison.peer, 0.0) / GENEROSITY
