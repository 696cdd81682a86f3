"""What ``cofactor certify`` does: bounds on how much better a model could be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cofactor.certificate import Bound, Certificate
from cofactor.cli.console import grid, is_watched
from cofactor.cli.prediction import check_columns
from cofactor.cli.results import MODEL
from cofactor.cli.source import Source, read_weights
from cofactor.io import load_model, save_model


@dataclass(frozen=True)
class Task:
    """What is to be proved, and how long it may take.

    Attributes
    ----------
    source : Source
        The rows that the model was fitted to.
    weights : Path or None
        A file with their weights.
    method : str
    time_limit : float
        In seconds.
    gap : float
        The relative gap that suffices.
    confidence : float
        The least probability of a probabilistic bound.
    save : bool
        Whether to keep what is proved in the model's file.
    """

    source: Source
    weights: Path | None
    method: str
    time_limit: float
    gap: float
    confidence: float = 0.99
    save: bool = False


def certified(model: Path, task: Task, *, quiet: bool) -> Certificate:
    """Label the rows by a model if it has clusters, and say how far it can be from the best one.

    Parameters
    ----------
    model : Path
        A file written by ``cofactor fit``, or the directory with it.
    task : Task
    quiet : bool
        Whether to show no progress.

    Raises
    ------
    InputError
        If a file cannot be used, the columns are not those of the model, or no bound is known for
        such a model.
    """
    path = model / MODEL if model.is_dir() else model
    estimator = load_model(path)
    found = _proved(estimator, task, quiet=quiet)
    if task.save:
        kept = load_model(path)
        kept.certificate_ = found
        save_model(kept, path)
    return found


def _proved(estimator: Any, task: Task, *, quiet: bool) -> Certificate:
    table = task.source.table()
    check_columns(task.source.path, table, estimator)
    weights = None if task.weights is None else read_weights(task.weights, table.X.shape[0])
    with warnings.catch_warnings(), _status(quiet=quiet) as tell:
        warnings.filterwarnings("ignore", "X does not have valid feature names")  # just checked
        if hasattr(estimator, "n_clusters"):
            estimator.labels_ = estimator.predict(table.X)
        found: Certificate = estimator.certificate(
            table.X,
            sample_weight=weights,
            method=task.method,
            time_limit=task.time_limit,
            tol=task.gap,
            confidence=task.confidence,
            callbacks=[tell],
        )
        return found


def facts(found: Certificate) -> dict[str, Any]:
    """Return what programs want to know."""
    labels = None if found.best_labels is None else found.best_labels.tolist()
    trace = [bound._asdict() for bound in found.trace]
    return {**asdict(found), "best_labels": labels, "trace": trace}


def as_table(found: Certificate) -> Table:
    """Lay a certificate out for people."""
    table = grid()
    for fact in found.facts:
        table.add_row(*fact)
    return table


@contextmanager
def _status(*, quiet: bool) -> Iterator[Callable[[Bound], None]]:
    """Show the best bound while the body runs; nothing at all unless stderr is a terminal."""
    if quiet or not is_watched():
        yield lambda bound: None
        return
    console = Console(stderr=True, highlight=False)
    with console.status("Proving; Ctrl-C ends with what is proved") as status:
        yield lambda bound: status.update(
            f"Proving: at least {bound.lower:.10g} ({bound.method}); Ctrl-C ends with that"
        )
