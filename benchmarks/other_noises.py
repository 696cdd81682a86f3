"""How close bounds on other noises' clusters come: ``python -m benchmarks.other_noises [NAME]``.

What is open has two parts: what separates the divergence from the inertia that bounds it, which no
search closes, and what was left open of that inertia's own optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.datasets import load_digits, load_iris, load_wine

from benchmarks.workloads import Array
from cofactor import KMeans
from cofactor.certificate.certificate import percent

SECONDS = 5.0
STARTS = 50


def planted(low: float, high: float, k: int) -> Array:
    """Return 2,000 rows of 20 counts about k profiles, each high in its own columns."""
    rng = np.random.default_rng(0)
    own = np.arange(20) % k == np.arange(k)[:, None]
    return rng.poisson(np.where(own, high, low)[rng.integers(k, size=2000)]).astype(float)


def tight() -> Array:
    """Return 300 rows of four positive numbers about three profiles, one per cent wide."""
    rng = np.random.default_rng(0)
    centers = rng.lognormal(0.0, 2.0, size=(3, 4))
    return centers[rng.integers(3, size=300)] * rng.lognormal(0.0, 0.01, size=(300, 4))


def cases() -> Iterator[tuple[str, Array, int, str]]:
    """Yield data, how many clusters and the noise."""
    iris, wine, digits = (load().data for load in (load_iris, load_wine, load_digits))
    for noise in ("poisson", "multinomial", "negative_binomial", "gamma", "von_mises_fisher"):
        yield "iris", iris, 3, noise
    yield "iris, above medians", (np.median(iris, axis=0) < iris).astype(float), 3, "bernoulli"
    for noise in ("poisson", "gamma", "von_mises_fisher"):
        yield "wine", wine, 3, noise
    for noise in ("poisson", "multinomial", "von_mises_fisher"):
        yield "digits", digits, 10, noise
    yield "digits, above 7", (digits > 7).astype(float), 10, "bernoulli"
    for noise in ("poisson", "gamma"):
        yield "tight", tight(), 3, noise
    yield "counts of 1 and 10", planted(1.0, 10.0, 4), 4, "poisson"
    yield "counts of 20 and 60", planted(20.0, 60.0, 4), 4, "poisson"
    yield "counts of 20 and 60", planted(20.0, 60.0, 4), 4, "negative_binomial"


def line(name: str, X: Array, k: int, noise: str) -> str:
    """Return a line of the table."""
    model: Any = KMeans(k, noise=noise, n_init=STARTS, random_state=0).fit(X)
    found = model.certificate(X, time_limit=SECONDS)
    return (
        f"| {name} | {noise} | {k} | {found.upper:.7g} | {found.lower:.7g} | "
        f"{percent(found.gap)} | {found.seconds:.2f} | {found.method}, {found.ending} |"
    )


def main(
    parts: Annotated[list[str] | None, typer.Argument(help="Of the names of data to see.")] = None,
) -> None:
    """Certify clusterings under other noises than Gaussian."""
    for name, X, k, noise in cases():
        if all(part in name for part in parts or ()):
            print(line(name, X, k, noise), flush=True)


if __name__ == "__main__":
    typer.run(main)
