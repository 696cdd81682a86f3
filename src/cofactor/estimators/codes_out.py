"""What all factorizations do with their codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from cofactor.data.base import Array
from cofactor.estimators.certifiable import Certifiable


class CodesOut(Certifiable, ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """A factorization gives codes out, named after its class, and takes them back."""

    components_: Array

    def inverse_transform(self, X: Any) -> Array:
        """Return the data that codes stand for: ``ZW``, shape (n, d).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_components)
            Codes.
        """
        check_is_fitted(self)
        codes = check_array(X, accept_sparse=True, dtype=[np.float64, np.float32])
        return np.asarray(codes @ self.components_)

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]
