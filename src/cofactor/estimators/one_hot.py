"""What clusterings and mixtures share: a fitted model that judges rows."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from cofactor.certificate.certificate import Certificate
from cofactor.codes import OneHot
from cofactor.data import Rows, open_rows
from cofactor.data.base import Labels
from cofactor.estimators.base import FamilyEstimator, OpenData
from cofactor.estimators.certifiable import Certifiable
from cofactor.estimators.free_energy import free_energy_gap
from cofactor.estimators.likelihood_gap import LikelihoodGap, Sampling, exact_gap, gaps
from cofactor.estimators.predict import Predictor
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.neighbors import NearbyOneHot, nearby_rows
from cofactor.noise import MixtureNoise, Params


class OneHotEstimator(Certifiable, FamilyEstimator):
    """Base of estimators whose rows each come from one of several components.

    Attributes
    ----------
    n_closest : int or None
        How many components of each row's posterior a fit keeps; None keeps all.
    search : str
        How a fit finds them.
    _params : Params
        Of the fitted model.
    """

    n_closest: int | None
    search: str
    _params: Params

    @property
    @abstractmethod
    def _mixture_noise(self) -> MixtureNoise:
        """The noise that the parameters ask for."""

    def _codes(self, learn_weights: bool = False) -> OneHot:
        """Return the codes that the parameters ask for."""
        kind = NearbyOneHot if self.search == "neighbors" else OneHot
        return kind(self.n_closest, learn_weights)

    def _first_rows(self, model: Model, data: OpenData, params: Params) -> Rows[Any]:
        """Return the rows with their first state."""
        if self.search == "neighbors":
            return nearby_rows(model, data.rows, params, data.engine)
        return first_rows(model, data.blocks, params, data.engine)

    @property
    def _predictor(self) -> Predictor:
        return Predictor(self._mixture_noise, self._params)

    def predict(self, X: Any) -> Labels:
        """Return the most probable component of each row, over all components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,), int32
        """
        check_is_fitted(self)
        valid = self._validated(X, reset=False, finite=False)
        rows = open_rows(valid, np.broadcast_to(1.0, valid.shape[0]))  # labels need no weights
        with self._opened(valid, rows, self._mixture_noise) as data:
            labels, placed = self._predictor.labels(data.rows, data.engine)
        if not placed:  # only now is it worth a pass over the data to say what is wrong with them
            self._validated(X, reset=False)
        return labels

    def log_likelihood_gap(
        self,
        X: Any,
        sample_weight: Any = None,
        *,
        n_samples: int | None = None,
        confidence: float = 0.95,
        random_state: Any = None,
    ) -> LikelihoodGap:
        """Return ``log L − F``: what keeping ``n_closest`` components leaves out, in nats.

        ``−Σ_n w_n log Σ_{c∈K_n} r_nc`` with ``r`` the whole posterior and ``K_n`` the
        ``n_closest`` most probable components of a row [Lücke & Forster 2019]. Every row is
        compared with all components, unless only some rows are drawn. Where a fit looked for
        components among few (``search='neighbors'``), its ``free_energy_`` may be lower than
        the ``free_energy`` that belongs to this gap.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.
        n_samples : int, optional
            Estimate the gap from so many rows, drawn with replacement by their weight; default:
            look at every row. At least 2.
        confidence : float, default 0.95
            Of the interval about the estimate.
        random_state : int, RandomState or None
            Draws the rows.

        Returns
        -------
        LikelihoodGap
            Its ``value``, where it lies (``low``, ``high``), and a ``bound``.

        Raises
        ------
        InputError
            If ``n_samples`` is below 2 or ``confidence`` not between 0 and 1.
        """
        with self._reopen(X, sample_weight) as data:
            k = self._params.n_components
            keep = k if self.n_closest is None else min(self.n_closest, k)
            of_rows = partial(self._predictor.in_chunks, partial(gaps, keep))
            if n_samples is None:
                return exact_gap(data, of_rows)
            sampling = Sampling(n_samples, confidence, random_state)
            return sampling.gap(data, of_rows, most=float(np.log(k / keep)))

    def _certified(self, X: Any, sample_weight: Any) -> Certificate | None:
        """See :class:`Certifiable`: what the posterior that is kept leaves out."""
        check_is_fitted(self)
        started = time.perf_counter()
        found = self.log_likelihood_gap(X, sample_weight)
        n_rows = np.shape(X)[0] if sample_weight is None else float(np.sum(sample_weight))
        return free_energy_gap(found, self._params.n_components, n_rows, started)

    def _reopen(self, X: Any, sample_weight: Any = None) -> Any:
        """Open rows to be judged by the fitted model."""
        check_is_fitted(self)
        return self._open(self._validated(X, reset=False), self._mixture_noise, sample_weight)
