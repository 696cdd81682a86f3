"""How the time of a pass grows with the number of clusters: ``python -m benchmarks.many_clusters``.

Fifty thousand rows of d-hard, 1,000 to 48,000 clusters: passes over neighbour lists, each with its
share of making the lists anew.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer

from benchmarks.workloads import Array, distinct_rows, load
from cofactor.data import DenseRows
from cofactor.data.losses import Affine
from cofactor.engine.threads import engine_for
from cofactor.neighbors.course import LISTS
from cofactor.neighbors.search import NeighborSearch

SIZES = (1000, 2000, 4000, 8000, 16_000, 32_000, 48_000)
N_THREADS = 2
PASSES = 24  # after the first


def pass_seconds(X: Array, k: int) -> tuple[float, float, float]:
    """Return seconds of a pass over lists and of one over all centers, and distances by row."""
    rows, means = DenseRows(X, np.ones(len(X))), distinct_rows(X, k).astype(float)
    shift = rows.reference(X.mean(axis=0, dtype=float))
    with engine_for(N_THREADS, len(X)) as engine:
        search = NeighborSearch(rows, means, shift, engine)
        search.use(LISTS)
        start = perf_counter()
        evaluations = sum(search.use(LISTS).evaluations for _ in range(PASSES))
        listed = (perf_counter() - start) / PASSES
        centred = means - shift
        affine = Affine(centred, 0.5 * np.square(centred).sum(axis=1), shift)
        start = perf_counter()
        rows.nearest(affine, engine)
        full = perf_counter() - start
    return listed, full, evaluations / (PASSES * len(X))


def exponent(sizes: Array, seconds: Array) -> float:
    """Return the slope of a straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(file: Path, sizes: Array, listed: Array, full: Array) -> None:
    """Draw both against the number of clusters."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    for seconds, name, colour in (
        (full, "all centers", "#D55E00"),
        (listed, "neighbours", "#0072B2"),
    ):
        label = f"{name}: exponent {exponent(sizes, seconds):.2f}"
        axes.loglog(sizes, 1e3 * seconds, "o-", color=colour, label=label)
    axes.set(xlabel="clusters", ylabel="milliseconds a pass", xticks=sizes)
    axes.set_xticks(sizes, [f"{k:,}" for k in sizes])
    axes.set_title("50,000 rows of 64 columns, two threads")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)


def main(
    plot: Annotated[Path | None, typer.Option(help="Draw passes over lists and over all.")] = None,
) -> None:
    """Time passes over neighbour lists for ever more clusters of 50,000 rows.

    Prints a line for every number of clusters, and the exponents that the times grow with.
    """
    X = load("d-hard")
    pass_seconds(X[:5000], 500)  # warms up
    found = []
    for k in SIZES:
        listed, full, evaluations = pass_seconds(X, k)
        found.append((listed, full))
        figures = f"{1e3 * listed:8.1f} ms a pass, {evaluations:6.0f} distances a row"
        print(f"{k:7,}: {figures}; all centers {1e3 * full:8.1f} ms", flush=True)
    sizes, (listed_all, full_all) = np.array(SIZES), np.array(found).T
    print(f"exponents: {exponent(sizes, listed_all):.3f}, {exponent(sizes, full_all):.3f}")
    if plot:
        draw(plot, sizes, listed_all, full_all)


if __name__ == "__main__":
    typer.run(main)
