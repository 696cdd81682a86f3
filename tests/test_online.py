"""The laws of statistics that are learned batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.engine import Additive
from cofactor.online import Running


@dataclass(frozen=True)
class Sums(Additive):
    count: float
    total: np.ndarray


weights = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=8)
decays = st.floats(0.51, 1.0)


def sums_of(weight, value):
    return Sums(weight, weight * np.array([value, value**2]))


def learned(batches, decay):
    first, *later = batches
    return reduce(
        lambda known, batch: known.joined(sums_of(*batch), batch[0], decay),
        later,
        Running.first(sums_of(*first), first[0]),
    )


@given(weights)
def test_without_decay_every_row_counts_the_same(weight):
    batches = list(zip(weight, range(len(weight)), strict=True))
    known = learned(batches, 1.0)
    np.testing.assert_allclose(known.statistics.total, sum(sums_of(*b).total for b in batches))
    assert known.remembered == pytest.approx(sum(weight))


@given(weights, decays)
def test_the_mean_moves_by_the_step(weight, decay):
    mean, seen = np.zeros(2), 0.0
    batches = list(zip(weight, np.cos(range(len(weight))), strict=True))
    for w, value in batches:
        seen += w
        step = (w / seen) ** decay
        mean = (1 - step) * mean + step * np.array([value, value**2])
    known = learned(batches, decay)
    np.testing.assert_allclose(known.statistics.total / known.remembered, mean, atol=1e-12)
    assert known.statistics.count == pytest.approx(known.remembered)
    assert known.weight == pytest.approx(seen)


@given(weights, decays)
def test_a_batch_of_no_weight_changes_nothing(weight, decay):
    known = learned([(w, 1.0) for w in weight], decay)
    assert known.joined(sums_of(0.0, 5.0), 0.0, decay) is known


def test_old_batches_fade():
    known = learned([(1.0, 0.0)] * 50 + [(1.0, 1.0)] * 50, 0.6)
    assert known.statistics.total[0] / known.remembered > 0.9
