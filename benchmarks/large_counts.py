"""Poisson factorizations of ever larger counts: ``python -m benchmarks.large_counts``.

What an iteration takes, and the most memory that the process held, for each number of nonzeros.
Each fit runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import time
import warnings
from typing import Annotated, Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import typer

from benchmarks.memory import peak_bytes, size

N_COLUMNS = 20_000
N_TOPICS = 30
LENGTH = 300.0  # words of a row, of which some 190 are different
CHUNK_ROWS = 20_000


class Figures(NamedTuple):
    """What one fit took; bytes and seconds."""

    nonzeros: int
    rows: int
    data: int
    peak: int
    iteration: float
    cpu: float
    whole: float


def counts(nonzeros: float, seed: int = 0) -> Any:
    """Draw documents of words from topics with Zipf-like terms until there are enough nonzeros."""
    rng = np.random.default_rng(seed)
    terms = np.stack([rng.permutation(N_COLUMNS) for _ in range(N_TOPICS)]).astype(np.int32)
    parts: list[Any] = []
    left = nonzeros
    while left > 0:
        part = _documents(rng, terms, CHUNK_ROWS)
        if part.nnz > left:
            part = part[: int(np.searchsorted(part.indptr, left))]
        left -= max(part.nnz, 1)
        parts.append(part)
    return sp.csr_array(sp.vstack(parts, format="csr"))


def _documents(rng: np.random.Generator, terms: Any, n_rows: int) -> Any:
    shares = rng.dirichlet(np.full(N_TOPICS, 0.1), n_rows)
    lengths = rng.gamma(4.0, LENGTH / 4.0, (n_rows, 1))
    words = rng.poisson(lengths * shares)
    owner, topic = np.divmod(np.repeat(np.arange(words.size), words.ravel()), N_TOPICS)
    column = terms[topic, (N_COLUMNS * rng.random(len(topic)) ** 3).astype(np.int64)]
    ones = np.ones(len(column), dtype=np.float32)
    return sp.coo_array((ones, (owner, column)), shape=(n_rows, N_COLUMNS)).tocsr()


def measure(nonzeros: float, k: int, iterations: int, n_threads: int) -> Figures:
    """Fit once."""
    from cofactor import NMF

    warnings.simplefilter("ignore")
    X = counts(nonzeros)
    ticks: list[tuple[float, float]] = []

    def tick(_: Any) -> None:
        ticks.append((time.perf_counter(), time.process_time()))

    model = NMF(
        k,
        noise="poisson",
        init="random",
        random_state=0,
        max_iter=iterations,
        tol=0,
        n_threads=n_threads,
        callbacks=[tick],
    )
    started = time.perf_counter()
    model.fit(X)
    whole = time.perf_counter() - started
    wall, cpu = np.median(np.diff(ticks, axis=0), axis=0)
    return Figures(X.nnz, X.shape[0], size(X), peak_bytes(), float(wall), float(cpu), whole)


def straight_line(sizes: Any, times: Any) -> str:
    """Return how far times are from a constant plus a multiple of the size, in words."""
    line = np.stack([np.ones(len(sizes)), sizes], axis=1) / times[:, None]
    (constant, slope), *_ = np.linalg.lstsq(line, np.ones(len(times)))
    off = np.abs(line @ [constant, slope] - 1).max()
    return (
        f"CPU seconds of an iteration: {constant:.3f} + {1e9 * slope:.1f}e-9 times the nonzeros, "
        f"within {off:.1%}."
    )


def main(
    nonzeros: Annotated[str, typer.Option(help="Sizes, with commas between.")] = "1e6,3e6,1e7",
    components: Annotated[int, typer.Option(help="Of each factorization.")] = 50,
    iterations: Annotated[int, typer.Option(help="The most of each fit.")] = 8,
    threads: Annotated[int, typer.Option(help="That a fit runs on.")] = 2,
) -> None:
    """Time Poisson factorizations of ever larger counts, and measure their memory.

    Prints a line for every size, and the straight line that their times are near.
    """
    print("nonzeros      rows    data GB  peak GB  s/iteration  CPU s  ns CPU/nonzero  s in all")
    context, found = multiprocessing.get_context("spawn"), []
    for wanted in map(float, nonzeros.split(",")):
        with context.Pool(1) as pool:
            figures = pool.apply(measure, (wanted, components, iterations, threads))
        found.append(figures)
        print(
            f"{figures.nonzeros:<11,}{figures.rows:>9,}{figures.data / 1e9:9.3f}"
            f"{figures.peak / 1e9:9.2f}{figures.iteration:13.3f}{figures.cpu:7.2f}"
            f"{1e9 * figures.cpu / figures.nonzeros:16.1f}{figures.whole:10.1f}",
            flush=True,
        )
    if len(found) > 2:
        print(straight_line(*np.array([[f.nonzeros, f.cpu] for f in found]).T))


if __name__ == "__main__":
    typer.run(main)
