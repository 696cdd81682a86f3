"""Generators are those of scikit-learn, with the same stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils import check_random_state

from cofactor.start.rng import rng_for


@given(st.integers(0, 2**32 - 1))
def test_seeds_give_the_same_numbers(seed):
    ours, theirs = rng_for(seed), check_random_state(seed)
    np.testing.assert_array_equal(ours.standard_normal(3), theirs.standard_normal(3))
    np.testing.assert_array_equal(ours.randint(0, 100, 1000), theirs.randint(0, 100, 1000))


@pytest.mark.parametrize("seed", [np.int64(7), np.uint8(7), True])
def test_any_whole_number_is_a_seed(seed):
    assert rng_for(seed).random_sample() == check_random_state(int(seed)).random_sample()


def test_generators_are_returned_as_they_are():
    rng = np.random.RandomState(0)
    assert rng_for(rng) is rng
    assert rng_for(None) is check_random_state(None)


@pytest.mark.parametrize("seed", [-1, 2**32, "seed", 0.5])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match=r"[Ss]eed"):
        rng_for(seed)
