"""Topics that learn batch by batch."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from cofactor.data.base import Array, Floats
from cofactor.estimators.nmf import NMF
from cofactor.noise import Multinomial


class OnlineTopics:
    """Topics that move towards what each batch of documents says, less and less."""

    n_batches_: int = 0
    n_features_in_: int
    _components: Array
    _averages: Any = None
    _weight_seen: float = 0.0

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        mask: Any = None,
        rate: float | None = None,
    ) -> Self:
        """Learn from one batch of documents more, as :meth:`NMF.partial_fit` does from rows.

        Shares, sizes and the likelihood are then those of this batch; masses of topics those of an
        average document of all batches, times the documents there were.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m)
            Counts of m terms in n documents, at least 0; NaN where nobody counted.
        y : ignored
        sample_weight : array-like of shape (n,), optional
        mask : array-like or sparse matrix of shape (n, m), optional
            As for :meth:`fit`.
        rate : float, optional
            The weight of this batch in the average, above 0 and at most 1; default ``t^−0.7`` for
            the t-th batch [Cappé & Moulines 2009].

        Raises
        ------
        InputError
            If counts are negative, or the rate is out of range.
        """
        model: Any = self
        model._validate_params()
        model._forget()
        valid, seen = model._seen(X, mask, reset=not hasattr(self, "topics_"))
        with model._open(seen.X, Multinomial(), sample_weight, seen.mask) as data:
            learner = self._learner()
            learner.partial_fit(valid, sample_weight=data.weights, mask=mask, rate=rate)
            self._averages, self.n_batches_ = learner._averages, learner.n_batches_
            self._weight_seen += float(data.weights.sum())
            explained: Floats = np.sum(learner._averages.gained, axis=1)
            model._describe(learner, data, self._weight_seen * explained)
        return self

    def _learner(self) -> NMF:
        """Return the factorization that goes on from the topics, or begins with some."""
        model: Any = self
        learner = NMF(noise="poisson", **model.get_params())
        if hasattr(self, "_components"):
            learner.components_, learner.n_features_in_ = self._components, self.n_features_in_
            learner._averages, learner.n_batches_ = self._averages, self.n_batches_
        return learner

    def _forget_batches(self) -> None:
        self.n_batches_, self._averages, self._weight_seen = 0, None, 0.0
