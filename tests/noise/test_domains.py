"""What each noise says of data that it cannot produce."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from cofactor import noise
from cofactor.data import open_blocks
from cofactor.errors import InputError

COUNTING = [noise.Poisson(), noise.NegativeBinomial(), noise.Multinomial()]
EVERY_NOISE = [
    noise.Gaussian(),
    noise.FullGaussian(),
    noise.Bernoulli(),
    noise.Gamma(),
    *COUNTING,
]
names = {"ids": lambda kind: kind.name}
stored = pytest.mark.parametrize("store", [np.asarray, sp.csr_array])


def check(kind, X, **options):
    for block in open_blocks(X, **options):
        kind.check(block)


@stored
@pytest.mark.parametrize("kind", [*COUNTING, noise.Gamma()], **names)
def test_negative(kind, store):
    with pytest.raises(InputError, match=f"lowest -2.*{kind.name} noise expects.*at least 0"):
        check(kind, store(np.array([[1.0, -2.0]])))


@stored
def test_zeros_of_gamma(store):
    with pytest.raises(InputError, match="hold 3 zeros; gamma noise expects entries above 0"):
        check(noise.Gamma(), store(np.array([[1.0, 0.0], [0.0, 0.0]])))


@stored
def test_not_binary(store):
    with pytest.raises(InputError, match=r"1 entries other than 0 and 1 \(first: 0.5\); bernoulli"):
        check(noise.Bernoulli(), store(np.array([[1.0, 0.5], [0.0, 1.0]])))


@pytest.mark.parametrize("kind", EVERY_NOISE, **names)
def test_entries_not_observed_may_hold_anything(kind):
    X, observed = np.array([[1.0, np.nan], [-3.0, 1.0]]), np.eye(2, dtype=bool)
    check(kind, X, observed=observed)


@pytest.mark.parametrize("size", [0.0, -1.0, np.nan])
def test_size_of_negative_binomial(size):
    with pytest.raises(InputError, match=r"size is .*; expected a number above 0"):
        noise.NegativeBinomial(size)
