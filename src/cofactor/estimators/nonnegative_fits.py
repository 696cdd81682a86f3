"""Around the loop of nonnegative factorizations: how they begin, end and are judged."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cofactor.codes import Nonnegative
from cofactor.codes.fixed import fold_in
from cofactor.codes.linear import LinearState
from cofactor.codes.stationarity import stationarity
from cofactor.data import RowBlock, Rows, cut_evenly, in_parts, open_transposed
from cofactor.estimators.base import OpenData
from cofactor.estimators.factor_starts import Start
from cofactor.estimators.observation import Observation
from cofactor.fit import Fit, blocks_for, first_rows
from cofactor.model import Model
from cofactor.noise import Params, Penalty, Poisson
from cofactor.noise.linear import NonnegativeNoise
from cofactor.noise.penalty import TINY
from cofactor.start.coarse import coarse_factors, worth_coarsening
from cofactor.start.parts import Opened, Part
from cofactor.start.profiles import Factors
from cofactor.stop import Rule, SmallResidual


def _may_begin_coarsely(model: Model) -> bool:
    """Return whether a fit may begin with some of the data: where no other promises its steps."""
    plain = model.codes == Nonnegative(Penalty(), Penalty())
    return plain and isinstance(model.noise, Poisson)


def modelled(noise: NonnegativeNoise, codes: Nonnegative, seen: Observation) -> Model:
    """Return the model of some data; strides are for those that no other library has a path for.

    With missing entries, exposures or offsets there is none.
    """
    return Model(noise, codes if seen.plain else codes.striding(noise))


def opened(
    model: Model, data: OpenData, seen: Observation, start: Start
) -> tuple[Rows[LinearState], Params]:
    """Return the rows of a fit with their first codes and columns, and its first parameters."""
    blocks = blocks_for(model, data.rows, data.engine)
    columns = columns_for(model, data, seen)
    (codes, components), settled = _first_factors(model, data, blocks, columns, seen.plain, start)
    k, d = components.shape
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    rows = first_rows(model, blocks, params, data.engine, codes, columns)
    if settled:
        cast(Nonnegative, model.codes).renew(rows)
    return rows, params


def columns_for(model: Model, data: OpenData, seen: Observation) -> list[RowBlock]:
    """Return the transposed data as :func:`blocks_for` returns rows, in even blocks."""
    whole = open_transposed(data.X, seen.mask, seen.baseline)
    return blocks_for(model, whole, data.engine, cut_evenly)


def _first_factors(
    model: Model,
    data: OpenData,
    blocks: Sequence[RowBlock],
    columns: Sequence[RowBlock],
    plain: bool,
    start: Start,
) -> tuple[Factors, bool]:
    """Return first factors, and whether they are about right already."""
    k, coarsely = start.n_components, plain and _may_begin_coarsely(model)
    if start.of_part is None or not coarsely or not worth_coarsening(data.X, k):
        return start.factors(), start.settled
    whole = Opened(Part.whole(data.X, data.weights), blocks, columns, data.engine)
    return coarse_factors(model, whole, k, start.of_part), True


def settled(found: Fit) -> Fit:
    """Return a fit with the best codes under its last components, and their statistics."""
    noise = cast(NonnegativeNoise, found.model.noise)
    codes = Nonnegative(cast(Nonnegative, found.model.codes).penalty)
    factor = codes.factor(found.params.components)

    def settle(block: RowBlock, state: LinearState) -> LinearState:
        best = in_parts(
            block, lambda part, own: fold_in(codes, noise, part, factor, own).codes, state.latest
        )
        return replace(state, codes=best, ahead=None)

    rows = replace(found.rows, states=found.rows.gather(settle))
    statistics, rows = rows.sweep(codes.e_step(noise, found.params))
    return replace(found, rows=rows, statistics=statistics)


def settled_objective(found: Fit) -> float:
    """Return what the loss of a settled fit is, in nats: less than its trace ends with."""
    return found.model.objective(found.statistics, found.params)


def stationary_stop(
    model: Model, tolerance: float | None
) -> tuple[Callable[[Rows[Any], Params], float] | None, tuple[Rule, ...]]:
    """Return what measures how far each iteration is from stationary, and the rule it makes.

    Neither, if there is no tolerance.
    """
    if tolerance is None:
        return None, ()
    codes, noise = cast(Nonnegative, model.codes), cast(NonnegativeNoise, model.noise)

    def residual(rows: Rows[Any], params: Params) -> float:
        return stationarity(codes, noise, rows, params).residual

    return residual, (SmallResidual(tolerance),)


def warn_of_the_last_iteration(nmf: Any) -> None:
    """Warn, as scikit-learn does, if a fit used up its iterations."""
    max_iter = nmf.max_iter
    if nmf.tol == 0 or nmf.n_iter_ < max_iter or nmf.converged_:
        return
    warnings.warn(
        f"Maximum number of iterations {max_iter} reached. Increase it to improve convergence.",
        ConvergenceWarning,
        stacklevel=3,
    )


def judgement(found: Fit) -> tuple[float, float, float]:
    """Return the residual of stationarity, the steepest way down, and the deviance explained."""
    noise, codes = cast(NonnegativeNoise, found.model.noise), cast(Nonnegative, found.model.codes)
    left = stationarity(codes, noise, found.rows, found.params)
    share = explained_deviance(noise, found.statistics.divergence, found.rows)
    return left.residual, left.steepest, share


def explained_deviance(
    noise: NonnegativeNoise, divergence: float, rows: Rows[LinearState]
) -> float:
    """Return ``1 − Σ d(x, a) / Σ d(x, x̄)`` with ``x̄`` the mean of all entries observed.

    Where they are all alike, 1 if they are explained without rest, else 0.
    """
    entries = sum(float(block.weights @ block.row_entries()) for block in rows.blocks)
    total = sum(float(block.weights @ block.row_sums(lambda x: x)) for block in rows.blocks)
    mean = np.array(total / max(entries, TINY))
    with np.errstate(divide="ignore"):
        of_zero = float(noise.divergence(np.zeros(()), mean))
    of_zero = of_zero if np.isfinite(of_zero) else 0.0  # no entry is zero, then
    null = entries * of_zero + sum(
        float(block.weights @ block.row_sums(lambda x: noise.divergence(x, mean) - of_zero))
        for block in rows.blocks
    )
    return 1.0 - divergence / null if null > 0 else float(divergence <= 0)
