"""What ``cofactor fit`` does: read, fit, write everything or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cofactor.cli.console import spoken_warnings, warn
from cofactor.cli.plan import Plan
from cofactor.cli.progress import Watch, watch
from cofactor.cli.results import Results, write
from cofactor.cli.rows import rows_of
from cofactor.cli.source import Source, read_weights
from cofactor.io import OutputDirectory, Table
from cofactor.report import Result


def train(
    plan: Plan,
    source: Source,
    weights: Path | None,
    output: OutputDirectory,
    proof_time: float | None = None,
    *,
    quiet: bool,
) -> Results:
    """Fit a model to a file and write the results.

    Parameters
    ----------
    plan : Plan
        What to fit.
    source : Source
        To which data.
    weights : Path or None
        File with one weight per row.
    output : OutputDirectory
        Entered before anything is read, so that a place that cannot be written costs no fit.
    proof_time : float or None
        How long to prove, then, how far the model can be from the best one; None: not at all.
    quiet : bool
        Whether to show no progress.

    Raises
    ------
    InputError
        If data, settings or output cannot be used; nothing is written then.
    """
    with output, watch(quiet=quiet) as bar, spoken_warnings():
        results = _fit(plan, source, weights, proof_time, bar)
        write(results, output)
    _warn_unless_converged(results.fitted)
    return results


def _fit(
    plan: Plan, source: Source, weights: Path | None, proof_time: float | None, bar: Watch
) -> Results:
    estimator = plan.estimator(callbacks=[bar])
    rows = rows_of(estimator)
    table = source.table()
    n_rows, n_columns = table.X.shape
    rows.check_size(plan.n_components, n_rows)
    row_weights = None if weights is None else read_weights(weights, n_rows)
    n_entries = n_columns * float(n_rows if row_weights is None else row_weights.sum())
    bar.expect(estimator.max_iter, n_entries)
    with plan.refusals():
        values = rows.fit(estimator, table.X, row_weights)
    if proof_time is not None:
        estimator.certificate(table.X, sample_weight=row_weights, time_limit=proof_time)
    _make_lasting(estimator, table)
    return Results(plan, source, table, estimator, rows, values)


def _warn_unless_converged(fitted: Result) -> None:
    if not fitted.converged:
        warn(
            f"Not converged after {fitted.n_iter:,} iterations: allow more with --max-iter or "
            "--time-limit, or a larger change with --tol."
        )


def _make_lasting(estimator: Any, table: Table) -> None:
    """Keep the columns' names, and nothing of this one run or machine."""
    estimator.set_params(callbacks=(), n_threads=None)
    if table.column_names is not None:
        estimator.feature_names_in_ = np.array(table.column_names, dtype=object)
