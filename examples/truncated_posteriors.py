"""From k-means to mixtures by one number: figures and tables of docs/truncated-posteriors.md.

``python examples/truncated_posteriors.py`` prints the tables and draws the figures into
docs/images/. Takes about a minute.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics.cluster import contingency_matrix

from cofactor import KMeans
from cofactor.noise import Gaussian
from cofactor.report.palette import series

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

IMAGES = Path(__file__).parent.parent / "docs" / "images"
KEPT = (1, 2, 3, 5, 10, None)
SEEDS = range(20)
ITERATIONS = 60
SHOWN_SEED = 3
COOLINGS = ((8.0, 0.9), (16.0, 0.95), (30.0, 0.97))
FACTORS = (0.25, 1.0, 2.0)
TICKS = (1, 2, 5, 10, 20, 60)


@dataclass(frozen=True)
class Data:
    """Rows with known classes."""

    name: str
    X: Floats
    classes: Labels
    n_clusters: int

    def clustering(self, seed: int, n_closest: int | None, **choices: object) -> KMeans:
        """Return what clusters these rows, from the same centers for any ``n_closest``."""
        first = KMeans(self.n_clusters, init="random", n_init=1, max_iter=1, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = first.fit(self.X).cluster_centers_
        settings = {"tol": 1e-6, "max_iter": 1000, "n_threads": 1, **choices}
        return KMeans(self.n_clusters, init=start, n_init=1, n_closest=n_closest, **settings)


def grid(side: int, per_cluster: int) -> Data:
    """Return Gaussians of variance 2 on a square grid, 4√2 apart: like BIRCH's."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    classes = np.repeat(np.arange(side * side), per_cluster)
    X = 4 * np.sqrt(2) * places[classes] + np.sqrt(2) * rng.normal(size=(len(classes), 2))
    return Data(f"{side} × {side} grid", X, classes, side * side)


def digits() -> Data:
    """Return images of handwritten digits."""
    X, classes = load_digits(return_X_y=True)
    return Data("digits", X, classes, 50)


def purity(classes: Labels, labels: Labels) -> float:
    """Return the share of rows that belong to the commonest class of their cluster."""
    return float(contingency_matrix(classes, labels).max(axis=0).sum() / len(classes))


def name_of(n_closest: int | None) -> str:
    """Return how a row of a table or a line of a figure is called."""
    return "all" if n_closest is None else str(n_closest)


def print_row(row: str) -> None:
    """Print a row of a table with minus signs."""
    print(row.replace("-", "−"))


def row_of(data: Data, n_closest: int | None, **choices: object) -> list[float]:
    """Return F, log L, their gap, SSE, purity, iterations and milliseconds: means of all seeds."""
    rows = []
    for seed in SEEDS:
        model = data.clustering(seed, n_closest, **choices).fit(data.X)
        gap = model.log_likelihood_gap(data.X)
        n = len(data.X)
        rows.append(
            [
                model.free_energy_ / n,
                gap.log_likelihood / n,
                gap.value / n,
                model.inertia_ / n,
                purity(data.classes, model.labels_),
                model.n_iter_,
                1e3 * model.trace_.seconds[-1],
            ]
        )
    means: list[float] = np.mean(rows, axis=0).tolist()
    return means


def print_rows(title: str, rows: dict[str, list[float]]) -> None:
    """Print a table of what :func:`row_of` returns."""
    print(f"\n{title}\n")
    print("| C′ | F a row | log L a row | log L − F | SSE a row | purity | iterations | ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (F, L, gap, sse, share, iterations, ms) in rows.items():
        print_row(
            f"| {name} | {F:.4f} | {L:.4f} | {gap:.6f} | {sse:.3f} | {share:.4f} "
            f"| {iterations:.0f} | {ms:.1f} |"
        )


def print_table(data: Data) -> None:
    """Print what every number of kept clusters comes to."""
    title = f"{data.name}: {len(data.X):,} rows, {data.n_clusters} clusters"
    print_rows(title, {name_of(n_closest): row_of(data, n_closest) for n_closest in KEPT})


def print_annealed(data: Data, n_closest: int) -> None:
    """Print what slow cooling comes to."""
    rows = {f"{n_closest}": row_of(data, n_closest)}
    for first, cooling in COOLINGS:
        noise = Gaussian(first_variance=first, cooling=cooling)
        rows[f"{n_closest}, from {first:g}, {cooling}"] = row_of(data, n_closest, noise=noise)
    print_rows(f"{data.name}, annealed", rows)


def print_search(data: Data, n_closest: int) -> None:
    """Print what looking for clusters among neighbours saves."""
    print(f"\n{data.name}: {len(data.X):,} rows, {data.n_clusters} clusters, C′ = {n_closest}\n")
    print("| search | F a row | log L − F a row | SSE a row | losses a row | ms an iteration |")
    print("|---|---|---|---|---|---|")
    n = len(data.X)
    for search in ("full", "neighbors"):
        model = data.clustering(0, n_closest, search=search, tol=0, max_iter=ITERATIONS // 3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(data.X)
        counted = [iteration.evaluations or n * data.n_clusters for iteration in model.trace_]
        gap = model.log_likelihood_gap(data.X).log_likelihood - model.free_energy_
        print_row(
            f"| {search} | {model.free_energy_ / n:.4f} | {gap / n:.5f} | {model.inertia_ / n:.3f} "
            f"| {np.mean(counted) / n:.0f} | {1e3 * np.median(np.diff(model.trace_.seconds)):.1f} |"
        )


def draw_free_energies(several: list[Data]) -> None:
    """Draw the free energy against iterations."""
    figure = Figure((9.0, 3.4), dpi=150, layout="constrained")
    for axes, data in zip(figure.subplots(1, len(several)), several, strict=True):
        for i, n_closest in enumerate(KEPT):
            model = data.clustering(SHOWN_SEED, n_closest, tol=0, max_iter=ITERATIONS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                energies = -np.array(model.fit(data.X).trace_.objective)[1:] / len(data.X)
            style = {"color": series(i).light, "linewidth": 1.0 + 0.7 * i, "zorder": -i}
            axes.plot(1 + np.arange(len(energies)), energies, label=name_of(n_closest), **style)
        axes.set(title=data.name, xlabel="iteration", xscale="log")
        axes.set_xticks(TICKS, labels=[str(tick) for tick in TICKS], minor=False)
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("free energy, nats a row")
    figure.axes[0].legend(title="C′", frameon=False, ncols=2)
    figure.savefig(IMAGES / "truncated-free-energy.png", metadata={"Software": None})


def draw_variances(data: Data) -> None:
    """Draw what a variance that is held at a wrong value does to hard and to soft clusters."""
    figure = Figure((9.0, 3.2), dpi=150, layout="constrained")
    best = data.clustering(SHOWN_SEED, 3).fit(data.X).variance_
    for axes, n_closest in zip(figure.subplots(1, 2, sharey=True), (1, 3), strict=True):
        for i, factor in enumerate(FACTORS):
            noise = Gaussian(fixed_variance=factor * best)
            errors = [fitted_inertia(data, n_closest, noise, n) / len(data.X) for n in range(1, 31)]
            look = {"color": series(i).light, "linewidth": 6.0 - 2.2 * i, "alpha": 0.85}
            axes.plot(range(1, 31), errors, label=f"{factor:g} × the best", **look)
        axes.set(title=f"C′ = {n_closest}", xlabel="iteration")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("squared distance a row")
    figure.axes[0].legend(title="σ² held at", frameon=False)
    figure.savefig(IMAGES / "truncated-variance.png", metadata={"Software": None})


def fitted_inertia(data: Data, n_closest: int, noise: Gaussian, n_iterations: int) -> float:
    """Return the inertia after a number of iterations."""
    model = data.clustering(SHOWN_SEED, n_closest, noise=noise, tol=0, max_iter=n_iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(model.fit(data.X).inertia_)


def main() -> None:
    """Print every table and draw every figure."""
    several = [grid(5, 400), digits()]
    for data in several:
        print_table(data)
    print_annealed(several[0], 3)
    print_search(grid(100, 20), 5)
    draw_free_energies(several)
    draw_variances(several[0])


if __name__ == "__main__":
    main()
