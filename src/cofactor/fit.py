"""The one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np

from cofactor import kernels
from cofactor.data import RowBlock, Rows, cut, split
from cofactor.data.base import Floats
from cofactor.engine import Engine
from cofactor.errors import InputError
from cofactor.model import Model
from cofactor.noise.base import Params
from cofactor.stop import Stop
from cofactor.trace import Callback, Trace

C = TypeVar("C")

ROUNDING = 1e-12  # of the objective: two fits closer than this are equally good


@dataclass(frozen=True)
class Fit:
    """A fitted model.

    Attributes
    ----------
    model : Model
    params : Params
    rows : Rows
        With the row state that belongs to ``params``.
    statistics : object
        Statistics of the last sweep.
    trace : Trace
        ``objective`` and ``seconds`` of every sweep.
    converged : bool
        Whether a rule of convergence stopped the fit.
    """

    model: Model
    params: Params
    rows: Rows[Any]
    statistics: Any
    trace: Trace
    converged: bool

    @property
    def objective(self) -> float:
        """Loss in nats, all constants included."""
        return self.trace[-1].objective


def blocks_for(
    model: Model,
    rows: RowBlock,
    engine: Engine,
    cutting: Callable[[RowBlock], list[RowBlock]] = cut,
) -> list[RowBlock]:
    """Return rows as a fit takes them: in blocks, or as one whose kernels the workers share.

    Parameters
    ----------
    model : Model
        Its :attr:`~Model.shares_rows` decides, where workers share memory.
    rows : RowBlock
        All rows of the data, or of the transposed data.
    engine : Engine
        Whose workers will share them.
    cutting : callable, default :func:`cut`
        How they are cut into blocks where they are not shared.
    """
    if model.shares_rows and engine.shares_memory:
        return [rows.shared(engine)]
    return cutting(rows)


def first_rows(
    model: Model,
    blocks: Sequence[RowBlock],
    params: Params,
    engine: Engine,
    codes: Floats | None = None,
    columns: Sequence[RowBlock] = (),
) -> Rows[Any]:
    """Give every block its first row state.

    Parameters
    ----------
    model : Model
    blocks : sequence of RowBlock
    params : Params
        The parameters of the first E-step.
    engine : Engine
    codes : ndarray of shape (n, k), optional
        Where linear codes start; one-hot codes need none.
    columns : sequence of RowBlock, optional
        The blocks of the transposed data, for codes that read them (`Codes.reads_columns`).

    Raises
    ------
    InputError
        If entries are missing, or rows have exposures or offsets, and the codes know none of that.
    """
    check_plain(model, blocks)
    parts = [None] * len(blocks) if codes is None else split(codes, blocks)
    pairs = list(zip(blocks, parts, strict=True))
    states = engine.map(lambda pair: model.first_state(pair[0], params, pair[1]), pairs)
    column_states = [model.column_state(block, params) for block in columns]
    return Rows(blocks, states, engine, columns, column_states)


def fit(
    model: Model,
    rows: Rows[Any],
    params: Params,
    stop: Stop,
    callbacks: Sequence[Callback] = (),
    started: float | None = None,
    residual: Callable[[Rows[Any], Params], float] | None = None,
) -> Fit:
    """Fit a model by alternating M-steps on statistics with E-steps on blocks of rows.

    Rows stay, parameters go out, one sum of statistics comes back. The objective never rises:
    steps are such that it cannot, or the codes know a way back from those that raised it.

    Parameters
    ----------
    model : Model
    rows : Rows
        Blocks with their first row state.
    params : Params
        Where to start.
    stop : Stop
        Up to ``stop.max_iter`` steps; every one ends with an E-step, so that states and parameters
        agree.
    callbacks : sequence of callable
        Each is called with every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    started : float, optional
        When the fit began, by ``time.perf_counter``, if part of it was done before; default now.
    residual : callable, optional
        Measures how far the factors of every iteration are from stationary, for the trace.
    """
    trace = Trace(n_entries=n_entries(rows.blocks))
    shift: float | None = np.inf
    trace.started = trace.started if started is None else started
    steps = model.steps()
    here = steps.begin(params, rows)
    for iteration in range(stop.max_iter + 1):
        record = trace.record(
            here.objective,
            getattr(here.statistics, "moved", None),
            shift,
            getattr(here.statistics, "evaluations", None),
            residual=None if residual is None else residual(here.rows, _widened(here.params)),
        )
        reason = stop.reason(trace)
        asked = [callback(record) is True for callback in callbacks]
        if reason is not None or any(asked) or iteration == stop.max_iter:
            break
        before, (here, steps) = here.params.components, steps(here)
        shift = _shift(model, here.params.components, before)
    converged = reason is not None and reason.converged
    return Fit(model, _widened(here.params), here.rows, here.statistics, trace, converged)


def check_plain(model: Model, blocks: Sequence[RowBlock]) -> None:
    """Refuse data with gaps or a baseline if the codes need plain ones; see :func:`first_rows`."""
    if model.codes.takes_missing or all(block.plain for block in blocks):
        return
    if all(block.baseline.absent for block in blocks):
        raise InputError(
            f"Some entries are NaN or masked as missing, and {model.codes.name} codes need them "
            "all: fill them, drop their rows, or use nonnegative or semi-nonnegative codes."
        )
    raise InputError(
        f"Rows have exposures or offsets, which {model.codes.name} codes do not know: leave them "
        "out, or use nonnegative codes."
    )


def _widened(params: Params) -> Params:
    """Return parameters in float64: steps leave them in the precision that they are found in."""
    return replace(params, components=params.components.astype(np.float64, copy=False))


def _shift(model: Model, components: Floats, before: Floats) -> float | None:
    """Return ``‖W − W_before‖²`` without an array for the difference."""
    if not model.codes.fixes_scale:
        return None
    distance = np.empty(1)
    kernels.squared_norms(components.reshape(1, -1), before.ravel(), distance)
    return float(distance[0])


def n_entries(blocks: Sequence[RowBlock]) -> float:
    """Return the number of observed entries, rows counted with their weights."""
    return float(sum(block.weights @ block.row_entries() for block in blocks))


def lowest(candidates: Iterable[C], judged: Callable[[C], float]) -> C:
    """Return the candidate that is judged lowest; the first of those equal up to rounding."""

    def better(first: C, second: C) -> C:
        bar = judged(first) - ROUNDING * abs(judged(first))
        return second if judged(second) < bar else first

    return reduce(better, candidates)
