"""How good greedy seeds are, beside scikit-learn's: ``python -m benchmarks.seeding_quality``.

Both choose from the same random numbers, so their rows differ only where rounding decides. What
counts is the potential: the sum of squared distances of all rows from the closest seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import typer
from sklearn.cluster import kmeans_plusplus as peer
from sklearn.metrics import pairwise_distances_argmin_min

from benchmarks.workloads import Array, blobs, hard
from cofactor import kmeans_plusplus

SEEDS = 30
CASES: dict[str, tuple[Callable[[], Array], int]] = {  # a fifth of the rows and seeds
    "b-hard": (partial(hard, 20_000, 128, seed=2), 200),
    "b-blobs": (partial(blobs, 20_000, 128, 200, seed=1), 200),
    "d-hard": (partial(hard, 10_000, 64, seed=2), 1000),
    "d-blobs": (partial(blobs, 10_000, 64, 1000, seed=1), 1000),
}


def potential(X: Array, rows: Array) -> float:
    """Return the sum of squared distances from the closest of some rows."""
    _, squares = pairwise_distances_argmin_min(X, X[rows], metric="sqeuclidean")
    return float(squares.sum(dtype=np.float64))


def compare(X: Array, k: int) -> str:
    """Return the means of both, and of their difference, with standard errors."""
    ours, theirs, same = [], [], 0
    for seed in range(SEEDS):
        rows = kmeans_plusplus(X, k, random_state=seed)[1]
        others = peer(X, k, random_state=seed)[1]
        same += int((rows == others).all())
        ours.append(potential(X, rows))
        theirs.append(potential(X, others))
    gap = np.subtract(ours, theirs)
    return (
        f"cofactor {_with_error(ours)}, scikit-learn {_with_error(theirs)}, "
        f"difference {_with_error(gap)}; all rows equal in {same} of {SEEDS} runs"
    )


def _with_error(values: list[float] | Array) -> str:
    return f"{np.mean(values):.6g} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2g}"


def main() -> None:
    """Compare greedy seeds with scikit-learn's, chosen by the same random numbers."""
    for name, (make, k) in CASES.items():
        print(f"{name}, k = {k}: {compare(make(), k)}", flush=True)


if __name__ == "__main__":
    typer.run(main)
