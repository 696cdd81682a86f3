"""What a fit leaves: a directory of files, and its summary."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cofactor.cli.plan import Plan
from cofactor.cli.rows import RowResult
from cofactor.cli.source import Source
from cofactor.io import OutputDirectory, Table, save_model
from cofactor.lazy import lazy
from cofactor.report import Result
from cofactor.version import version

MODEL, SUMMARY = "model.safetensors", "summary.json"
PLAIN = (bool, int, float, str)  # parameters that JSON can show


@dataclass(frozen=True)
class Results:
    """A fitted model and what it was fitted to.

    Attributes
    ----------
    plan : Plan
    source : Source
    table : Table
    estimator : object
        Fitted.
    rows : RowResult
        What kind of thing ``values`` are.
    values : ndarray
        Labels of shape (n,), or codes of shape (n, k).
    """

    plan: Plan
    source: Source
    table: Table
    estimator: Any
    rows: RowResult
    values: NDArray[Any]

    @lazy
    def fitted(self) -> Result:
        """The fitted model, in the terms that all models share."""
        name = f"{self.plan.model}, {self.plan.n_components} components"
        return self.rows.read(self.estimator, name, self.values)

    def summary(self) -> dict[str, Any]:
        """Return what there is to say in numbers and words."""
        fitted = self.fitted
        n_rows, n_columns = self.table.X.shape
        return {
            "cofactor": version(),
            "name": fitted.name,
            "data": str(self.source.path),
            "rows": n_rows,
            "columns": n_columns,
            "components": len(fitted.components),
            "noise": fitted.noise,
            "codes": fitted.codes,
            "likelihood": {
                "nats": fitted.value,
                "nats_per_entry": fitted.per_entry,
                "what": fitted.tag,
            },
            "iterations": fitted.n_iter,
            "converged": fitted.converged,
            "seconds": fitted.total_seconds,
            "shares": fitted.share,
            "parameters": self._parameters(),
        }

    def _parameters(self) -> dict[str, Any]:
        params = self.estimator.get_params(deep=False)
        return {name: params[name] for name in params if isinstance(params[name], PLAIN)}


def write(results: Results, output: OutputDirectory) -> None:
    """Write everything that a fit leaves.

    Parameters
    ----------
    results : Results
    output : OutputDirectory
        Entered; its files appear when it is left without an error.
    """
    table, components = results.table, results.fitted.components
    save_model(results.estimator, output.file(MODEL))
    results.rows.write(output, results.values, table.row_names)
    numbers = [str(number) for number in range(len(components))]
    output.write_matrix("components", components, numbers, table.column_names)
    _write_trace(results.fitted, output)
    output.write_json(SUMMARY, results.summary())


def _write_trace(fitted: Result, output: OutputDirectory) -> None:
    steps = enumerate(zip(fitted.objective, fitted.seconds, strict=True))
    with output.file("trace.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["iteration", "loss_nats", "loss_nats_per_entry", "seconds"])
        lines.writerows(
            [number, loss, loss / fitted.n_entries, f"{seconds:.6f}"]
            for number, (loss, seconds) in steps
        )
