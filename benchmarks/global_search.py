"""What ``search="global"`` finds, and when: ``python -m benchmarks.global_search``.

``known``: how many of 20 seeds reach the least inertia that is known, and after how many seconds.
``race``: on 20 data sets, scikit-learn makes as many starts as fit into the time, at least one; the
search gets as long as these took, and ends at or below them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.cluster import KMeans as Peer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from threadpoolctl import threadpool_limits

from benchmarks.machine import limit_threads
from benchmarks.workloads import WORKLOADS, Array, load
from cofactor import KMeans
from cofactor.trace import Iteration

N_THREADS = 2
AS_GOOD = 1 + 1e-9  # two values this close are the same


def known_values() -> Iterator[tuple[str, Array, int, float]]:
    """Yield data, numbers of clusters, and the least inertia that is known."""
    iris = (152.347951760358, 78.8514414261460, 57.2284732142857, 46.4461820512821)
    iris += (39.0399872460872, 34.2982296650718, 29.9889439507861, 27.7860924173081)
    iris += (25.834054819972511,)
    wine = (4543749.614532, 2370689.686783, 1331903.062264, 916379.187154, 647326.002026)
    wine += (412137.509100, 323211.552635, 270144.001953, 217887.378560)
    cancer = (77943099.8783, 47264841.9168, 29226541.6520, 20535170.3663, 16558057.1828)
    cancer += (13246985.6937, 11178131.6371, 9432896.6968, 8378858.7366)
    for name, source, values in (
        ("iris", load_iris, iris),
        ("wine", load_wine, wine),
        ("breast cancer", load_breast_cancer, cancer),
    ):
        X = source().data
        yield from ((name, X, k, value) for k, value in enumerate(values, start=2))
    X = load_digits().data
    yield "digits", X, 10, 1165109.46020
    yield "digits", X, 20, 936513.94854


def objective_of(X: Array, k: int, inertia: float) -> float:
    """Return minus the free energy of clusters of rows with equal weights."""
    n, d = X.shape
    return float(n * np.log(k) + 0.5 * n * d * np.log(2 * np.pi * np.e * inertia / (n * d)))


def seconds_until(model: KMeans, X: Array, inertia: float) -> float:
    """Return when a search first reached an inertia; inf if it did not."""
    goal = objective_of(X, model.n_clusters, inertia * AS_GOOD)
    steps = zip(model.trace_.seconds, model.trace_.objective, strict=True)
    return min((seconds for seconds, value in steps if value <= goal), default=np.inf)


def compare_known(only: str, seeds: int) -> None:
    """Print how surely and how soon known values are reached."""
    print("data           k  least inertia known   reached  median s   most s   ends after s")
    for name, X, k, value in known_values():
        if only not in f"{name}-{k}":
            continue
        reached, ends = [], []
        for seed in range(seeds):
            start = perf_counter()
            model = KMeans(k, search="global", random_state=seed, n_threads=N_THREADS).fit(X)
            ends.append(perf_counter() - start)
            reached.append(seconds_until(model, X, value))
        times = np.array(reached)
        print(
            f"{name:13s} {k:2d} {value:20.6f}  {np.isfinite(times).sum():3d}/{seeds}"
            f"  {np.median(times):8.4f} {times.max():8.4f}  {np.median(ends):8.3f}",
            flush=True,
        )


@dataclass(frozen=True)
class Track:
    """Data to race on, and how many clusters to look for."""

    make: Callable[[], Array]
    k: int


def birch(centers: Array, per: int, spread: float, seed: int) -> Array:
    """Return rows about given places of the plane [as in Zhang, Ramakrishnan & Livny 1996]."""
    rng = np.random.default_rng(seed)
    return np.repeat(centers, per, axis=0) + spread * rng.standard_normal((len(centers) * per, 2))


def grid(side: int, per: int, spread: float = 0.25) -> Array:
    """Return clusters on a square grid."""
    return birch(np.stack(np.divmod(np.arange(side * side), side), 1) + 0.0, per, spread, seed=0)


def sine(k: int, per: int) -> Array:
    """Return clusters along a wave."""
    places = np.arange(k) / k
    return birch(np.stack([20 * places, 3 * np.sin(8 * np.pi * places)], 1), per, 0.2, seed=1)


def scattered(k: int, per: int) -> Array:
    """Return clusters anywhere in a square."""
    return birch(10 * np.random.default_rng(2).random((k, 2)), per, 0.25, seed=2)


TRACKS = {
    "iris": Track(lambda: load_iris().data, 10),
    "wine": Track(lambda: load_wine().data, 10),
    "breast-cancer": Track(lambda: load_breast_cancer().data, 10),
    "digits": Track(lambda: load_digits().data, 20),
    **{
        name: Track(partial(load, name), WORKLOADS[name].k)
        for name in (f"{size}-{kind}" for size in "abcd" for kind in ("hard", "blobs"))
    },
    "grid-25": Track(partial(grid, 5, 400), 25),
    "grid-64": Track(partial(grid, 8, 150), 64),
    "grid-100": Track(partial(grid, 10, 100), 100),
    "grid-100-by-60": Track(partial(grid, 10, 100), 60),
    "grid-100-by-150": Track(partial(grid, 10, 100), 150),
    "grid-400": Track(partial(grid, 20, 100), 400),
    "sine-100": Track(partial(sine, 100, 100), 100),
    "scattered-100": Track(partial(scattered, 100, 100), 100),
}


def starts_that_fit(X: Array, k: int, seconds: float) -> tuple[float, int, float]:
    """Return scikit-learn's best inertia, of how many starts, and the time that they took."""
    begin, least, starts, longest = perf_counter(), np.inf, 0, 0.0
    while True:
        before = perf_counter()
        least = min(least, Peer(k, n_init=1, random_state=starts).fit(X).inertia_)
        starts, longest = starts + 1, max(longest, perf_counter() - before)
        if perf_counter() - begin + longest > seconds:
            return float(least), starts, perf_counter() - begin


def compare_race(only: str, seconds: float, *, briefly: bool) -> None:
    """Print where both end in the same time."""
    print("data              n        d    k   seconds  starts  scikit-learn's   ours / theirs")
    at_or_below = []
    for name, track in TRACKS.items():
        if only not in name:
            continue
        X = track.make()
        theirs, starts, spent = starts_that_fit(X, track.k, seconds)
        goal = objective_of(X, track.k, theirs)
        callbacks = [partial(_below, goal)] if briefly else []
        begin = perf_counter()
        model = KMeans(
            track.k,
            search="global",
            random_state=0,
            time_limit=spent,
            callbacks=callbacks,
            n_threads=N_THREADS,
        ).fit(X)
        taken, ratio = perf_counter() - begin, model.inertia_ / theirs
        at_or_below.append(ratio <= AS_GOOD)
        print(
            f"{name:16s} {len(X):8d} {X.shape[1]:4d} {track.k:5d} {spent:7.2f} {starts:7d}"
            f"  {theirs:15.8g}  {ratio:.6f} after {taken:.2f} s, {_searches(model)} searches; "
            f"below from {seconds_until(model, X, theirs):.3g} s on",
            flush=True,
        )
    print(f"at or below scikit-learn on {sum(at_or_below)} of {len(at_or_below)}")


def _below(goal: float, iteration: Iteration) -> bool:
    return iteration.objective <= goal


def _searches(model: Any) -> int:
    return sum(step.evaluations or 0 for step in model.trace_ if step.moved is None)


def main(
    table: Annotated[str, typer.Argument(help="known, race or all.")] = "all",
    only: Annotated[str, typer.Option(help="Data whose names hold this.")] = "",
    seconds: Annotated[float, typer.Option(help="Of each race; a start may take longer.")] = 2.0,
    seeds: Annotated[int, typer.Option(help="Of each known value.")] = 20,
    briefly: Annotated[bool, typer.Option(help="End a race once it is won.")] = False,
) -> None:
    """Print what the global search finds, and when."""
    with threadpool_limits(N_THREADS):
        if table in ("known", "all"):
            compare_known(only, seeds)
        if table in ("race", "all"):
            compare_race(only, seconds, briefly=briefly)


if __name__ == "__main__":
    limit_threads(N_THREADS)
    typer.run(main)
