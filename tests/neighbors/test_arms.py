"""When lists of neighbours are made anew."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from cofactor.engine import SerialEngine
from cofactor.neighbors.arms import Field, Neighbors, slices_of
from cofactor.neighbors.ground import in_cells

K = 300


def lists(shared=None):
    """Return lists of the neighbours of scattered centers, and the count of distances."""
    means = np.random.default_rng(0).normal(size=(K, 5))
    counter = np.zeros(1, dtype=np.int64)
    sketch = in_cells(means, np.zeros(5), 1.0, SerialEngine(), counter)
    shared = np.ones(K, dtype=bool) if shared is None else shared
    centroids = SimpleNamespace(counts=np.ones(K), means=means, shared=shared)
    return Neighbors(Field(centroids, sketch, SerialEngine(), counter)), counter


def makes(arm, counter):
    """Return whether a look at the lists takes making them."""
    before = int(counter[0])
    arm.look()
    return counter[0] > before


def test_they_are_when_a_pass_gains_much_less_than_passes_did():
    arm, counter = lists()
    long = 1e9
    for gain in (10.0, 6.0, 4.0):
        assert not makes(arm, counter)
        arm.learn(gain, long)
    arm.learn(1.0, long)
    assert makes(arm, counter)
    assert not makes(arm, counter)


def test_they_are_not_before_passes_took_as_long_as_making_them():
    arm, counter = lists()
    arm.learn(10.0, 1.0)
    arm.learn(0.0, 1.0)
    assert not makes(arm, counter)


def test_they_are_when_that_is_asked_for():
    arm, counter = lists()
    assert not makes(arm, counter)
    assert arm.fresh
    arm.expire()
    assert makes(arm, counter)


def test_they_are_made_where_rows_might_leave_and_no_sooner():
    shared = np.arange(K) < 100
    arm, counter = lists(shared)
    everywhere, _ = lists()
    places = arm._field.sketch.cells.places
    found, expected = arm.look().lists, everywhere.look().lists
    np.testing.assert_array_equal(found[places[:100]], expected[places[:100]])
    assert (found[places[100:]] < 0).all()
    shared[150:] = True
    assert makes(arm, counter)
    listed = np.delete(places, slice(100, 150))
    np.testing.assert_array_equal(arm.now.lists[listed], expected[listed])
    assert not makes(arm, counter)


def test_slices_are_few_but_not_large():
    assert [slices_of(k) for k in (5, 16, 64, 1000, 8192, 8193, 100_000)] == [1, 1, 4, 8, 8, 9, 98]
