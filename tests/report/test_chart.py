"""Lines lie where the numbers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.report import chart
from cofactor.report.words import number, percent, scientific

POSITIVE = st.floats(1e-9, 1e9)


def points(line):
    return np.array([pair.split(",") for pair in line.points.split()], dtype=float)


@pytest.mark.parametrize("panel", [0, 1])
def test_lines_run_right_and_down_inside_the_panel(panel, results):
    for line in chart.convergence(results)[panel].lines:
        x, y = points(line).T
        assert (np.diff(x) >= 0).all()
        assert (np.diff(y) >= 0).all()
        assert x.min() >= chart.LEFT - 0.1
        assert x.max() <= chart.WIDTH - chart.RIGHT + 0.1
        assert y.min() >= chart.TOP - 0.1
        assert y.max() <= chart.HEIGHT - chart.BOTTOM + 0.1


def test_a_line_has_a_point_for_each_sweep_above_the_floor(results):
    lines = {line.series: line for line in chart.convergence(results)[0].lines}
    for series, result in enumerate(results):
        assert len(points(lines[series])) == np.count_nonzero(result.excess() > chart.FLOOR)


@given(low=POSITIVE, high=POSITIVE)
def test_ticks_lie_on_the_axis(low, high):
    low, high = sorted(np.log10([low, high]).tolist())
    axis = chart.Axis(low, high + 0.5, 10.0, 100.0)
    places = [place for place, _ in axis.ticks()]
    assert places == sorted(places)
    assert all(10.0 - 1e-6 <= place <= 110.0 + 1e-6 for place in places)
    assert 1 <= len(places) <= 12


def test_infinite_losses_are_not_drawn(results):
    first = replace(results[0], objective=(np.inf, *results[0].objective[1:]))
    before, after = (chart.convergence([r])[0].lines[0] for r in (results[0], first))
    assert len(points(after)) == len(points(before)) - 1


def test_excess_does_not_depend_on_the_zero_of_the_loss(results):
    moved = replace(results[0], objective=tuple(v + 1e3 for v in results[0].objective))
    np.testing.assert_allclose(moved.excess(), results[0].excess(), atol=1e-12)
    assert moved.excess().min() == 0.0


def test_words():
    assert number(-1234.5678, 2) == "−1,234.57"
    assert scientific(5, -3) == "5·10⁻³"
    assert scientific(1, -7) == "10⁻⁷"
    assert scientific(2, 1) == "20"
    assert [percent(s) for s in (0.0, 0.004, 0.005, 0.125, 1.0)] == ["0", "<1", "1", "13", "100"]
