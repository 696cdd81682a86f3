"""The best clusters that can be found, or proven to be the best."""

from __future__ import annotations

from dataclasses import replace

from numpy.random import RandomState

from cofactor.fit import Fit
from cofactor.lloyd import Whole
from cofactor.noise import Params
from cofactor.search.descent import MOST, descent_of
from cofactor.search.found import Scale
from cofactor.search.line import solve_line
from cofactor.search.loop import Budget, Draw, search
from cofactor.search.polish import polished


def best_fit(data: Whole, params: Params, draw: Draw, rng: RandomState, budget: Budget) -> Fit:
    """Fit hard clusters under Gaussian noise, wherever they are.

    Rows with one column get the best clusters there are; others those of a :func:`search`, of
    which sweeps over all rows then confirm that no move of a single row makes them better.

    Parameters
    ----------
    data : Whole
    params : Params
        With equal mixing weights; of its means only the number matters.
    draw : callable
        ``draw(rng)`` returns the means of a start.
    rng : RandomState
    budget : Budget

    Returns
    -------
    Fit
        Converged if nothing better was found for long.
    """
    scale, k = Scale(data, params), len(params.components)
    if data.rows.n_columns == 1:
        return scale.fit(solve_line(data, k, scale))
    found = search(descent_of(data, params), draw, rng, scale.objective, budget)
    confirmed = polished(scale.fit(found), data, MOST, budget.limit, budget.callbacks)
    return replace(confirmed, converged=found.converged)
