"""Heads: a few coordinates of every row, whose distances never exceed those of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofactor.data.base import Array, Floats

SAMPLE_ROWS = 8192
SAMPLE_ENTRIES = 1 << 22
LENGTHS = (8, 12, 16, 24, 32, 48, 64)
POWER_STEPS = 2
MEASURING = 2560  # what measuring a pair costs, and what each column adds, in products of its head
MEASURING_COLUMN = 8
JUDGES, JUDGED_SEEDS, JUDGED_CANDIDATES = 512, 4096, 64
SMALL = 1 << 22  # products of rows and seeds, below which nothing is worth preparing


@dataclass(frozen=True)
class HeadMap:
    """Maps rows to heads: ``[V'(x − m), ‖(1 − VV')(x − m)‖]``, or ``x − m`` without directions.

    For orthonormal directions V the distance of two heads is at most that of the rows, by the
    triangle inequality in the complement of V.

    Attributes
    ----------
    reference : ndarray of shape (d,)
        A point m amid the rows, in their precision.
    directions : ndarray of shape (d, h) or None
        V; None keeps all coordinates.
    """

    reference: Array
    directions: Floats | None

    def __call__(self, rows: Array, norms: Floats) -> Floats:
        """Return the heads of rows whose squared distances from m are ``norms``."""
        centred = rows.astype(np.float64) - self.reference
        if self.directions is None:
            return centred
        head = centred @ self.directions
        rest = norms - np.einsum("nl,nl->n", head, head)
        return np.column_stack([head, np.sqrt(np.maximum(rest, 0.0))])

    @property
    def length(self) -> int:
        """Number of coordinates of a head."""
        return len(self.reference) if self.directions is None else self.directions.shape[1] + 1


def head_map(X: Array, k: int) -> HeadMap:
    """Return the heads that are expected to make seeding cheapest: a function of the data alone.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Finite rows.
    k : int
        Number of seeds.
    """
    n, d = X.shape
    count = min(n, SAMPLE_ROWS, max(2 * JUDGES, SAMPLE_ENTRIES // d))
    sample = X[np.arange(count) * n // count].astype(np.float64)
    reference = sample.mean(axis=0).astype(X.dtype)
    if d <= LENGTHS[0]:
        return HeadMap(reference, None)
    if n * k * d <= SMALL:
        return HeadMap(reference, np.empty((d, 0)))  # the distance from m alone
    centred = sample - reference
    return HeadMap(reference, _cheapest(centred, k, _principal(centred)))


def _principal(sample: Floats) -> Floats:
    """Return orthonormal directions of most variance, the first one the largest.

    By subspace iteration from some of the rows [Halko, Martinsson & Tropp 2011].
    """
    size = min(LENGTHS[-1], *sample.shape)
    basis = np.linalg.qr(sample[:: len(sample) // size][:size].T)[0]
    for _ in range(POWER_STEPS):
        basis = np.linalg.qr(sample.T @ (sample @ basis))[0]
    turn = np.linalg.eigh((sample @ basis).T @ (sample @ basis))[1]
    directions: Floats = basis @ turn[:, ::-1]
    return directions


def _cheapest(sample: Floats, k: int, directions: Floats) -> Floats | None:
    """Return the directions for which screening and measuring cost least together."""
    d = sample.shape[1]
    order = np.random.RandomState(0).permutation(len(sample))
    n_judges = min(JUDGES, len(sample) // 2)
    judges, others = sample[order[:n_judges]], sample[order[n_judges:]]
    closest = _squares(judges, others[: max(1, min(k // 2, JUDGED_SEEDS))]).min(axis=1)
    shares = np.linspace(0.0, 0.999, JUDGED_CANDIDATES)
    candidates = judges[np.searchsorted(closest.cumsum(), closest.sum() * shares)]
    lengths = [length for length in LENGTHS if length <= directions.shape[1]]
    measuring = MEASURING + MEASURING_COLUMN * d

    def cost(head: HeadMap) -> float:
        heads = (head(rows, np.square(rows).sum(axis=1)) for rows in (judges, candidates))
        bounds = _squares(*heads)
        return head.length + measuring * float((bounds < closest[:, None]).mean())

    choices = [None, *(directions[:, :length] for length in lengths)]
    return min((HeadMap(np.zeros(d), choice) for choice in choices), key=cost).directions


def _squares(a: Floats, b: Floats) -> Floats:
    sizes = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    squares: Floats = sizes - 2.0 * (a @ b.T)
    return squares
