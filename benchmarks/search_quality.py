"""How surely a search reaches scikit-learn's inertia: ``python -m benchmarks.search_quality``.

From each of 20 random starts scikit-learn runs Lloyd's iterations to their end, once: what it
reaches is kept in ``benchmarks/.cache``. cofactor has to come within a thousandth of it from the
same start, with nothing set by hand, and goes on until it converges.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.cluster import KMeans as Peer

from benchmarks.problem import LONG, NEAR
from benchmarks.workloads import CACHE, WORKLOADS, Array, load
from cofactor import KMeans

SEEDS = 20
CASES = ("d-hard", "d-blobs", "b-hard", "b-blobs")
KNOWN = CACHE / "search_quality.json"  # inertia by workload and seed


def start(X: Array, k: int, seed: int) -> Array:
    """Return distinct rows to start from."""
    return X[np.random.default_rng(seed).choice(len(X), k, replace=False)]


def reference(workload: str, seed: int) -> float:
    """Return the inertia that scikit-learn converges to."""
    name, known = f"{workload}/{seed}", _known(KNOWN)
    if name not in known:
        X, k = load(workload), WORKLOADS[workload].k
        model = Peer(k, init=start(X, k, seed), n_init=1, max_iter=LONG, tol=0.0).fit(X)
        known = _known(KNOWN) | {name: float(model.inertia_)}
        KNOWN.write_text(json.dumps(known, indent=1))
    return known[name]


def _known(file: Path) -> dict[str, float]:
    return json.loads(file.read_text()) if file.exists() else {}


def compare(workload: str, seed: int, **choices: Any) -> tuple[float, int | None, int]:
    """Return the inertia at the end by the peer's, and the passes to the goal and to the end."""
    X, k = load(workload), WORKLOADS[workload].k
    theirs, (n, d) = reference(workload, seed), X.shape
    model = KMeans(k, init=start(X, k, seed), **{"search": "auto", "n_threads": 2} | choices).fit(X)
    variance = NEAR * theirs / (n * d)  # at the goal; the objective is minus the free energy
    goal = n * np.log(k) + 0.5 * n * d * np.log(2.0 * np.pi * np.e * variance)
    passes = np.flatnonzero(np.array(model.trace_.objective) <= goal)
    return model.inertia_ / theirs, int(passes[0]) if passes.size else None, len(model.trace_) - 1


def main(
    workloads: Annotated[
        list[str] | None, typer.Argument(help="Default: " + ", ".join(CASES))
    ] = None,
) -> None:
    """Tell how surely a search reaches scikit-learn's inertia, from 20 starts of each workload."""
    for workload in workloads or CASES:
        ratios, passes, ends = zip(*(compare(workload, s) for s in range(SEEDS)), strict=True)
        reached = [number for number in passes if number is not None]
        gap = 100 * (np.array(ratios) - 1)
        print(
            f"{workload}: goal reached in {len(reached)} of {SEEDS} runs, after "
            f"{min(reached, default=0)} to {max(reached, default=0)} passes; at the end, after "
            f"{min(ends)} to {max(ends)}, the inertia is {gap.mean():+.2f} % "
            f"({gap.min():+.2f} … {gap.max():+.2f}) of scikit-learn's",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
