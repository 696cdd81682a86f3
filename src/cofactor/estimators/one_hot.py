"""What clusterings and mixtures share: a fitted model that judges rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from cofactor.data import open_rows
from cofactor.data.base import Labels
from cofactor.estimators.base import FamilyEstimator
from cofactor.estimators.predict import Predictor
from cofactor.noise import MixtureNoise, Params


class OneHotEstimator(FamilyEstimator):
    """Base of estimators whose rows each come from one of several components.

    Attributes
    ----------
    _params : Params
        Of the fitted model.
    """

    _params: Params

    @property
    @abstractmethod
    def _mixture_noise(self) -> MixtureNoise:
        """The noise that the parameters ask for."""

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

    def _reopen(self, X: Any, sample_weight: Any = None) -> Any:
        """Open rows to be judged by the fitted model."""
        check_is_fitted(self)
        return self._open(self._validated(X, reset=False), self._mixture_noise, sample_weight)
