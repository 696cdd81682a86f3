"""Factorizations that learn batch by batch."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from cofactor.codes import Nonnegative
from cofactor.data import open_columns
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import OpenData
from cofactor.estimators.folding import codes_under
from cofactor.estimators.observation import Observation
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import Params
from cofactor.noise.penalty import TINY
from cofactor.start.coarse import without_gaps

DECAY = 0.7  # of the weight of a batch
FLOOR = 1e-8  # of the mean component
FIRST_ITERATIONS = 10  # on the first batch, to have components at all


class OnlineFactors:
    """Components that move towards what each batch says, less and less."""

    components_: Array
    n_batches_: int = 0
    _averages: Any = None
    _weight_seen: float = 0.0

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        mask: Any = None,
        exposure: Any = None,
        offset: Any = None,
        rate: float | None = None,
    ) -> Self:
        """Learn from one batch of rows more.

        The best codes of the batch under the components are found; what they say of the components
        is averaged with what earlier batches said, and the components are the best for that. A
        ``prior_H`` counts once for all rows seen so far. For Poisson, negative binomial and
        Gaussian noise.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
        mask, exposure, offset
            As for :meth:`fit_transform`, of these rows.
        rate : float, optional
            The weight of this batch in the average, above 0 and at most 1; default ``t^−0.7`` for
            the t-th batch [Cappé & Moulines 2009].

        Raises
        ------
        InputError
            If the noise cannot learn so, or produce such data, the rate is out of range, or least
            squares would keep too much for columns with missing entries.
        """
        nmf: Any = self
        nmf._validate_params()
        noise = nmf.noise_
        if not hasattr(noise, "online"):
            raise InputError(
                f"{noise.name.capitalize()} noise cannot learn from batches: use poisson, "
                "negative_binomial or gaussian noise, or fit."
            )
        if rate is not None and not (isinstance(rate, Real) and 0 < rate <= 1):
            raise InputError(f"rate is {rate!r}; expected a number above 0 and at most 1.")
        begins = not hasattr(self, "components_")
        if not begins and nmf.n_components not in (None, "auto", len(self.components_)):
            raise InputError(
                f"n_components is {nmf.n_components}, but {len(self.components_)} components have "
                "been learnt: fit anew, with init=components_ to keep them."
            )
        nmf._forget()
        seen = nmf._seen(X, mask, exposure, offset, reset=begins)
        if begins:
            beside = {"mask": mask, "exposure": exposure, "offset": offset}
            self.components_ = _first_components(nmf, X, sample_weight, beside)
        with nmf._open(seen.X, noise, sample_weight, seen.mask, seen.baseline) as data:
            said = _said(nmf, data, seen, self.components_.astype(float))
            self._weight_seen += float(data.weights.sum())
        self._learn(said, rate, seen.X.dtype)
        nmf._needs_offset = offset is not None
        return self

    def _forget_batches(self) -> None:
        self.n_batches_, self._averages, self._weight_seen = 0, None, 0.0

    def _learn(self, said: Any, rate: float | None, dtype: Any) -> None:
        """Move the averages and the components."""
        nmf: Any = self
        share = (self.n_batches_ + 1.0) ** -DECAY if rate is None else rate
        old = self._averages
        self._averages = said if old is None else old.scaled(1.0 - share) + said.scaled(share)
        of_average_row = nmf._penalised(1.0, 1, charged=1.0 / max(self._weight_seen, TINY))
        penalty = of_average_row.components_penalties
        current = self.components_.astype(float)
        found = self._averages.components(nmf.noise_, current, penalty)
        floor = FLOOR * float(found.mean())  # multiplicative steps cannot leave zero
        self.components_ = without_gaps(np.maximum(found, floor)).astype(dtype)
        self.n_components_: int = len(found)
        self.n_batches_ += 1


def _first_components(nmf: Any, X: Any, sample_weight: Any, beside: dict[str, Any]) -> Array:
    """Return the components of a short fit."""
    short = clone(nmf).set_params(max_iter=FIRST_ITERATIONS, tol=0.0)
    components: Array = short.fit(X, sample_weight=sample_weight, **beside).components_
    if not components.any():
        raise InputError("The first batch holds nothing but zeros; expected some to learn from.")
    return components


def _said(nmf: Any, data: OpenData, seen: Observation, components: Floats) -> Any:
    """Return what an average row of a batch says of components."""
    noise, (k, d) = nmf.noise_, components.shape
    codes = codes_under(noise, components, nmf._penalty(d), data)
    params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
    columns = open_columns(data.X, seen.mask, seen.baseline)
    model = Model(noise, Nonnegative())
    rows = first_rows(model, data.blocks, params, data.engine, codes, columns)
    return noise.online.of(noise, rows, components).scaled(
        1.0 / max(float(data.weights.sum()), TINY)
    )
