"""Ten models of handwritten digits, on one scale: ``python -m cofactor.demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

from cofactor.data.base import Floats
from cofactor.errors import InputError
from cofactor.estimators import NMF, GaussianMixture, KMeans, Mixture
from cofactor.report import Result, explained_share, result_of, write_report
from cofactor.report.figure import write_figure
from cofactor.report.table import groups

SIZE = 10
SEED = 0
IMAGE_SHAPE = (8, 8)
TITLE = "Ten models of handwritten digits"
DATA = (
    "1,797 images of 8 × 8 pixels, each a whole number from 0 (blank) to 16 (full ink): "
    "a matrix of 1,797 rows and 64 columns, fitted with ten components."
)
ROUNDING = 1 / 12  # variance of rounding to whole numbers: columns cannot be known better


@dataclass(frozen=True)
class Entry:
    """One model of the demo.

    Attributes
    ----------
    name : str
    estimator : object
        Not fitted.
    read : callable
        Fits it and returns its result.
    """

    name: str
    estimator: Any
    read: Callable[[str, Any, Floats], Result]


def _clustered(name: str, estimator: Any, X: Floats) -> Result:
    return result_of(estimator.fit(X), name)


def _factorized(name: str, estimator: Any, X: Floats) -> Result:
    codes = estimator.fit_transform(X)
    return result_of(estimator, name, share=explained_share(codes, estimator.components_))


def entries() -> list[Entry]:
    """Return the models that the demo fits."""
    mixture: dict[str, Any] = {"tol": 1e-6, "max_iter": 500, "random_state": SEED}
    factors: dict[str, Any] = {"init": "nndsvda", "max_iter": 500, "random_state": SEED}
    diagonal = GaussianMixture(SIZE, covariance_type="diag", reg_covar=ROUNDING, **mixture)
    return [
        Entry("k-means", KMeans(SIZE, random_state=SEED), _clustered),
        *(Entry(f"k-means-C′, C′ = {keep}", _truncated(keep), _clustered) for keep in (2, 3, 5)),
        Entry("isotropic Gaussian mixture", Mixture(SIZE, **mixture), _clustered),
        Entry("diagonal Gaussian mixture", diagonal, _clustered),
        Entry("NMF, Frobenius", NMF(SIZE, **factors), _factorized),
        Entry("KL k-means", KMeans(SIZE, noise="poisson", random_state=SEED), _clustered),
        Entry("Poisson mixture", Mixture(SIZE, noise="poisson", **mixture), _clustered),
        Entry("KL-NMF", NMF(SIZE, noise="poisson", **factors), _factorized),
    ]


def _truncated(keep: int) -> KMeans:
    return KMeans(SIZE, n_closest=keep, random_state=SEED)


def run() -> list[Result]:
    """Fit every model to the digits."""
    X = load_digits().data
    return [entry.read(entry.name, entry.estimator, X) for entry in entries()]


def as_table(results: Sequence[Result]) -> Table:
    """Return the results as a table for the terminal: what the report's table says."""
    table = Table(
        title=TITLE, title_justify="left", box=None, pad_edge=False, collapse_padding=True
    )
    table.add_column("model", no_wrap=True)
    for column in ("size", "nats/entry"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what it is")
    for column in ("iterations", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    for group in groups(results):
        table.add_row(f"\n[dim]{group.title}[/dim]")
        for row in group.rows:
            ended = row.iterations if row.converged else f"{row.iterations}*"
            table.add_row(row.name, row.parameters, row.value, row.tag, ended, row.seconds)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, print the table, write the report and, if asked for, its picture."""
    options = _options(arguments)
    console = Console()
    results = run()
    console.print(as_table(results))
    page = options.output / "index.html"
    write_report(page, results, title=TITLE, data_description=DATA, image_shape=IMAGE_SHAPE)
    console.print("\nHigher is better; values compare within a group.")
    console.print(f"Report: {page}")
    if options.figure is not None:
        console.print(f"Picture: {write_figure(options.figure, results, IMAGE_SHAPE)}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cofactor.demo", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("demo-report"), help="directory of the report"
    )
    parser.add_argument("--figure", type=Path, help="write a picture of the report to this PNG")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"Error: {error}")
