"""From coarse to fine: factorizations that begin with some of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofactor.data import open_blocks, open_columns
from cofactor.data.base import Floats
from cofactor.engine import Engine
from cofactor.fit import first_rows, fit
from cofactor.model import Model
from cofactor.noise.base import Params
from cofactor.noise.linear import TINY
from cofactor.start.factors import Factors
from cofactor.stop import Stop

STRIDES = 4, 8  # at first one row of so many at least, and at most
ENTRIES_EACH = 3  # stored, of the first rows for each number of the components
ITERATIONS_EACH = 2  # for each row left out and the one taken
LEAST_ROWS = 4  # for each component that the first rows must have
LEAST_ENTRIES = 1 << 15  # stored: fewer take no time anyway
UNSEEN = 1e-3  # of an average column: what components begin with where no row had an entry


def worth_coarsening(X: Any, k: int) -> bool:
    """Return whether data are large enough to begin ``k`` components with some of their rows."""
    return X.shape[0] >= LEAST_ROWS * STRIDES[0] * k and _stored(X) >= LEAST_ENTRIES


def coarse_stride(X: Any, k: int) -> int:
    """Return of how many rows one is enough to begin ``k`` components with, 4 to 8.

    As many as leave three stored entries for each of the ``k d`` numbers of the components, and
    four rows for each component.
    """
    n, d = X.shape
    enough = min(_stored(X) // (ENTRIES_EACH * k * d), n // (LEAST_ROWS * k))
    return int(np.clip(enough, *STRIDES))


def _stored(X: Any) -> int:
    return int(X.nnz if hasattr(X, "nnz") else X.size)


def coarse_factors(
    model: Model, X: Any, start: Factors, weights: Floats, engine: Engine, stop: Stop | None = None
) -> Factors:
    """Improve a start on every fourth to eighth row, at that part of the cost.

    All rows together say little more about the components than a part of them, while these are
    still far from any optimum. On word counts fits that begin so end in better optima, too. How
    many rows are left out is up to :func:`coarse_stride`; the fewer take part, the more iterations
    they get.

    Parameters
    ----------
    model : Model
        With nonnegative codes.
    X : ndarray or scipy.sparse CSR of shape (n, d)
    start : tuple of ndarray
        Codes (n, k) and components (k, d).
    weights : ndarray of shape (n,)
        Weights of the rows.
    engine : Engine
    stop : Stop, optional
        Default: after twice as many iterations as there are rows for one that takes part.

    Returns
    -------
    codes : ndarray of shape (n, k)
        Those found, and for other rows their average profile times the row's sum.
    components : ndarray of shape (k, d)
    """
    codes, components = start
    k, d = components.shape
    stride = coarse_stride(X, k)
    part, some = X[::stride], slice(None, None, stride)
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    blocks = open_blocks(part, weights[some])
    rows = first_rows(model, blocks, params, engine, codes[some], open_columns(part))
    found = fit(model, rows, params, stop or Stop(ITERATIONS_EACH * stride))
    settled = np.vstack([state.latest for state in found.rows.states])
    sums = np.asarray(X.sum(axis=1), dtype=float).ravel()
    profile = settled.sum(axis=0) / max(float(sums[some].sum()), TINY)
    everywhere = np.outer(sums, profile)
    everywhere[some] = settled
    return everywhere, without_gaps(found.params.components)


def without_gaps(components: Floats) -> Floats:
    """Return components that are not zero in any column, as more rows may have entries there."""
    unseen = ~components.any(axis=0)
    filled = components.copy()
    filled[:, unseen] = UNSEEN * components.mean(axis=1, keepdims=True)
    return filled
