"""The geometry of line charts with two logarithmic axes; the page draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats
from cofactor.report.result import Result
from cofactor.report.words import scientific

WIDTH, HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 44
FLOOR = 1e-7  # nats per entry: below this, rounding and patience are all there is to see
MOST_TICKS = 6
FINE_DECADES = 2.5  # axes shorter than this get ticks at 2 and 5, too


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis.

    Attributes
    ----------
    low, high : float
        Exponents of ten at its ends.
    start, length : float
        Where it lies on the page; a negative length runs upward.
    """

    low: float
    high: float
    start: float
    length: float

    def place(self, values: Floats) -> Floats:
        """Return where values lie on the page."""
        return self.start + self.length * (np.log10(values) - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the place and the label of each tick: powers of ten, or 1, 2, 5, 10."""
        span = self.high - self.low
        factors = (1, 2, 5) if span < FINE_DECADES else (1,)
        step = 1 + int(span) // MOST_TICKS
        first, last = int(np.floor(self.low)), int(np.floor(self.high))
        values = [(m, e) for e in range(first, last + 1, step) for m in factors]
        inside = [(m, e) for m, e in values if self.low <= np.log10(m) + e <= self.high]
        return [(float(self.place(np.array(m * 10.0**e))), scientific(m, e)) for m, e in inside]


@dataclass(frozen=True)
class Line:
    """One model's line.

    Attributes
    ----------
    series : int
        The model's number: its colour and dashes.
    points : str
        For an SVG polyline.
    end : tuple of float
        Its last point.
    """

    series: int
    points: str
    end: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    """One panel: axes and lines."""

    label: str
    x: Axis
    y: Axis
    lines: list[Line]


Curve = tuple[int, Floats, Floats]


def convergence(results: Sequence[Result]) -> list[Chart]:
    """Return the loss above each model's best over sweeps and over seconds.

    Sweeps within ``FLOOR`` nats per entry of the best are left out, since 0 has no
    logarithm, and so are those of infinite loss.
    """
    return [
        _chart(
            "sweeps over the rows",
            results,
            lambda result: np.linspace(1.0, len(result.seconds), len(result.seconds)),
        ),
        _chart("seconds", results, lambda result: np.asarray(result.seconds)),
    ]


def visible(excess: Floats) -> NDArray[np.bool_]:
    """Return which sweeps a logarithmic axis can show."""
    return (excess > FLOOR) & np.isfinite(excess)


def _chart(label: str, results: Sequence[Result], abscissa: Callable[[Result], Floats]) -> Chart:
    curves = [_curve(i, abscissa(result), result.excess()) for i, result in enumerate(results)]
    low_x, high_x = _exponents([x for _, x, _ in curves])
    low_y, high_y = _exponents([y for _, _, y in curves])
    x = Axis(low_x, high_x, LEFT, WIDTH - LEFT - RIGHT)
    y = Axis(np.floor(low_y), np.ceil(high_y), HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    return Chart(label, x, y, [_line(curve, x, y) for curve in curves if len(curve[1])])


def _curve(series: int, x: Floats, excess: Floats) -> Curve:
    shown = visible(excess)
    return series, np.maximum(x[shown], np.finfo(float).tiny), excess[shown]


def _exponents(values: Sequence[Floats]) -> tuple[float, float]:
    """Return the exponents of ten of the smallest and largest value, at least half apart."""
    every = np.concatenate(values)
    low, high = (np.log10(every.min()), np.log10(every.max())) if len(every) else (0.0, 1.0)
    return float(low), max(float(high), float(low) + 0.5)


def _line(curve: Curve, x: Axis, y: Axis) -> Line:
    series, values, excess = curve
    across, up = x.place(values).round(1).tolist(), y.place(excess).round(1).tolist()
    points = list(zip(across, up, strict=True))
    return Line(series, " ".join(f"{a},{b}" for a, b in points), points[-1])
