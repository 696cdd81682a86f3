"""How much memory fits take: ``python -m benchmarks.memory``.

Each fit runs in a process of its own. What counts is the most memory that the process held, less
what it held before its data were there.
"""

from __future__ import annotations

import multiprocessing
import pickle
import resource
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
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
CSR = ("data", "indices", "indptr")
ITERATIONS = 3  # use as much memory as more would


class Measured(NamedTuple):
    """Bytes of the data, of centers in the data's precision, of the model and of all.

    The model is what the fitted estimator holds, but for the labels of the rows: centers, the same
    in float64, and sums that further rows can be added to.
    """

    data: int
    centers: int
    model: int
    peak: int


def peak_bytes() -> int:
    """Return the most memory that this process has held.

    Where a process began as a copy of another, `getrusage` counts what that one held, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    return UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def size(X: Any) -> int:
    """Return the bytes of dense or sparse data."""
    arrays = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    return sum(array.nbytes for array in arrays)


def measure(name: str, files: Path) -> Measured:
    """Fit, and return what that took."""
    from cofactor import KMeans

    warnings.simplefilter("ignore")
    small = np.random.default_rng(0).standard_normal((8_000, 32), dtype=np.float32)
    for few in (small, sp.csr_array(small)):  # loads and starts what a first fit does
        KMeans(100, n_threads=2, max_iter=2).fit(few)
    del small, few
    before = peak_bytes()
    X = _read(files)
    k = WORKLOADS[_workload(name)].k
    model = KMeans(k, random_state=0, max_iter=ITERATIONS, n_threads=2, **FITS[name][1]).fit(X)
    peak, held = peak_bytes() - before, len(pickle.dumps(model)) - model.labels_.nbytes
    return Measured(size(X), model.cluster_centers_.nbytes, held, peak)


def _workload(name: str) -> str:
    return name.split()[0]


def _prepare(name: str, files: Path) -> None:
    """Leave data in the precision that is asked for, so that none need be converted."""
    X = load(_workload(name)).astype(FITS[name][0])
    arrays = {"X": X} if isinstance(X, np.ndarray) else {p: getattr(X, p) for p in CSR}
    for part, array in arrays.items():
        np.save(files / part, array)
    np.save(files / "shape", X.shape)


def _read(files: Path) -> Any:
    if (files / "X.npy").exists():
        return np.load(files / "X.npy")
    parts = tuple(np.load(files / f"{part}.npy") for part in CSR)
    return sp.csr_array(parts, shape=np.load(files / "shape.npy"))


def main() -> None:
    """Measure how much memory fits take, each in a process of its own."""
    print(f"{'fit':20}{'data':>9}{'centers':>9}{'model':>9}{'peak MB':>9}", end="")
    print("   peak / (data and centers), / (data and model)")
    context = multiprocessing.get_context("spawn")
    for name in FITS:
        with TemporaryDirectory() as directory, context.Pool(1) as pool:
            files = Path(directory)
            _prepare(name, files)
            found = pool.apply(measure, (name, files))
        figures = "".join(f"{value / 1e6:9.1f}" for value in found)
        strict, ratio = (found.peak / (found.data + part) for part in (found.centers, found.model))
        print(f"{name:20}{figures}   {strict:.2f} {ratio:.2f}", flush=True)


if __name__ == "__main__":
    typer.run(main)
