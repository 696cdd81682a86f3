"""How much memory fits take: ``python -m benchmarks.memory``.

Each fit runs in a process of its own. What counts is the most memory that the process held, less
what it held before its data were there.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import typer

from benchmarks.workloads import WORKLOADS, load

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
FITS: dict[str, tuple[str, dict[str, Any]]] = {
    "a-hard": ("float32", {}),
    "a-hard in float64": ("float64", {}),
    "b-hard": ("float32", {}),
    "c-hard": ("float32", {}),
    "c-hard polished": ("float32", {"polish": True}),
    "d-hard": ("float32", {}),
    "e": ("float32", {}),
}
ITERATIONS = 3  # use as much memory as more would


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    return UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def size(X: Any) -> int:
    """Return the bytes of dense or sparse data."""
    arrays = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    return sum(array.nbytes for array in arrays)


def measure(name: str, file: Path) -> tuple[int, int, int]:
    """Return the bytes of the data, of the model, and what the process took for all."""
    from cofactor import KMeans

    warnings.simplefilter("ignore")
    KMeans(2, n_threads=2).fit(np.eye(300, 3))  # loads and starts what a first fit does
    before = peak_bytes()
    X = np.load(file) if file.exists() else load(_workload(name))
    k = WORKLOADS[_workload(name)].k
    model = KMeans(k, random_state=0, max_iter=ITERATIONS, n_threads=2, **FITS[name][1]).fit(X)
    return size(X), model.cluster_centers_.nbytes, peak_bytes() - before


def _workload(name: str) -> str:
    return name.split()[0]


def _prepare(name: str, file: Path) -> None:
    """Leave dense data in the precision that is asked for, so that none need be converted."""
    X = load(_workload(name))
    if isinstance(X, np.ndarray):
        np.save(file, X.astype(FITS[name][0]))


def main() -> None:
    """Measure how much memory fits take, each in a process of its own."""
    print(f"{'fit':20}{'data MB':>9}{'model MB':>9}{'peak MB':>9}   peak / (data and model)")
    context = multiprocessing.get_context("spawn")
    for name in FITS:
        with TemporaryDirectory() as directory, context.Pool(1) as pool:
            file = Path(directory, "data.npy")
            _prepare(name, file)
            data, model, peak = pool.apply(measure, (name, file))
        figures = "".join(f"{value / 1e6:9.1f}" for value in (data, model, peak))
        print(f"{name:20}{figures}   {peak / (data + model):.2f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
