"""How close certificates come, and how soon: ``python -m benchmarks.certificates [NAME]``.

Each line asks for a gap within a time; clusterings are the best of short searches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from benchmarks.workloads import Array
from cofactor import KMeans, certify
from cofactor.certificate import Certificate, pca_bound
from cofactor.certificate.certificate import percent


@dataclass(frozen=True)
class Line:
    """What is asked for.

    Attributes
    ----------
    name : str
    make : callable
        Returns the data.
    k : int
    gap, seconds : float
    starts : int
        Of the clustering.
    method : str
    search : str
        For the clustering.
    """

    name: str
    make: Any
    k: int
    gap: float
    seconds: float
    starts: int = 300
    method: str = "auto"
    search: str = "full"

    def clustering(self) -> KMeans:
        """Return a good clustering."""
        many = {"n_init": self.starts, "polish": True} if self.search == "full" else {}
        return KMeans(self.k, search=self.search, random_state=0, **many).fit(self.make())

    def certificate(self) -> Certificate:
        """Return what can be proved."""
        model = self.clustering()
        return certify(
            model, self.make(), tol=self.gap, time_limit=self.seconds, method=self.method
        )


def standardised(data: Any) -> Array:
    """Return columns of mean 0 and variance 1."""
    X = data().data
    return (X - X.mean(axis=0)) / X.std(axis=0)


def raw(data: Any) -> Array:
    """Return the data as they come."""
    X: Array = data().data
    return X


@cache
def numbers(n: int) -> Array:
    """Return a column of normal numbers."""
    return np.random.default_rng(0).normal(size=(n, 1))


@cache
def separated(n: int, d: int, k: int, distance: float) -> Array:
    """Return Gaussian clusters of variance 1 whose centers are at least this far apart."""
    rng = np.random.default_rng(0)
    side = distance * max(k ** (1.0 / d), 2.0)
    centers = np.empty((0, d))
    while len(centers) < k:
        center = rng.uniform(0.0, side, d)
        if len(centers) == 0 or np.linalg.norm(centers - center, axis=1).min() >= distance:
            centers = np.vstack([centers, center])
        side *= 1.01
    return centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))


def lines() -> Iterator[Line]:
    """Yield everything that is asked for."""
    few = range(2, 11)
    yield from (Line("iris", partial(raw, load_iris), k, 1e-6, 5.0, 500) for k in few)
    yield from (Line("wine", partial(raw, load_wine), k, 1e-4, 2.0) for k in few)
    yield from (Line("cancer", partial(raw, load_breast_cancer), k, 1e-3, 20.0, 100) for k in few)
    yield from (
        Line("wine standardised", partial(standardised, load_wine), k, 5e-3, 40.0)
        for k in (2, 3, 5)
    )
    yield from (
        Line("cancer standardised", partial(standardised, load_breast_cancer), k, 1.5e-2, 40.0, 50)
        for k in (2, 3)
    )
    for name, make, ks in (
        ("exact, 150 × 4", partial(raw, load_iris), (3, 7)),
        ("exact, 150 × 4 std", partial(standardised, load_iris), (2, 3, 4)),
        ("exact, 178 × 13 std", partial(standardised, load_wine), (3,)),
    ):
        yield from (Line(name, make, k, 1e-6, 60.0, 50, "exact") for k in ks)
    yield Line("digits", partial(raw, load_digits), 10, 2.5e-2, 20.0, 100)
    for d in (2, 3, 10):
        yield Line(f"10,000 × {d}", partial(separated, 10_000, d, 10, 10.0), 10, 1e-3, 30.0, 10)
    yield Line("10⁵ × 1", partial(numbers, 100_000), 10, 1e-6, 30.0, search="global")
    yield Line("10⁶ × 2", partial(separated, 1_000_000, 2, 25, 12.0), 25, 5e-4, 30.0, 1)
    yield Line("10⁶ × 32", partial(separated, 1_000_000, 32, 10, 12.0), 10, 5e-2, 60.0, 1)
    yield Line(
        "10⁶ × 32 sampled", partial(separated, 1_000_000, 32, 10, 12.0), 10, 5e-2, 60.0, 1, "sketch"
    )


def as_text(line: Line, found: Certificate) -> str:
    """Return a line of the table."""
    met = "" if found.gap <= line.gap else "  NOT MET"
    return (
        f"{line.name:20} {line.k:3} {found.upper:16.10g} {found.lower:16.10g} "
        f"{percent(found.gap):>10} {percent(line.gap):>9} "
        f"{found.seconds:7.2f} {line.seconds:5.0f}  "
        f"{found.method} ({found.kind}){met}"
    )


def as_markdown(line: Line, found: Certificate) -> str:
    """Return a line of the documentation's table."""
    weak = pca_bound(line.make(), line.k) / found.upper
    return (
        f"| {line.k} | {found.upper:.8f} | {found.lower:.8f} | {percent(found.gap)} | "
        f"{found.seconds:.2f} | {percent(1.0 - weak)} |"
    )


def main(
    parts: Annotated[list[str] | None, typer.Argument(help="Of the names of lines to see.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As in the documentation.")] = False,
) -> None:
    """Certify clusterings, each to a gap and within a time."""
    tell = as_markdown if markdown else as_text
    for line in lines():
        if all(part in line.name for part in parts or ()):
            print(tell(line, line.certificate()), flush=True)


if __name__ == "__main__":
    typer.run(main)
