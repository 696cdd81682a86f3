"""Parts of data, and factors that were found on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.data.base import Floats, Labels
from cofactor.noise.linear import TINY
from cofactor.start.profiles import Factors


@dataclass(frozen=True)
class Part:
    """Some rows and columns of data.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n', d')
    weights : ndarray of shape (n',)
        Of the rows.
    rows, columns : ndarray of shape (n',) and (d',)
        Which they are, ascending.
    """

    X: Any
    weights: Floats
    rows: Labels
    columns: Labels

    @classmethod
    def whole(cls, X: Any, weights: Floats) -> Part:
        """Return all of the data."""
        n, d = X.shape
        return cls(X, weights, np.arange(n), np.arange(d))

    def every(self, stride: int) -> Part:
        """Return the first of every ``stride`` rows."""
        some = slice(None, None, stride)
        return Part(self.X[some], self.weights[some], self.rows[some], self.columns)

    def at(self, columns: Labels) -> Part:
        """Return these columns, ascending, counted within this part."""
        if len(columns) == len(self.columns):
            return self
        return Part(self.X[:, columns], self.weights, self.rows, self.columns[columns])


@dataclass(frozen=True)
class Found:
    """Factors of a part.

    Attributes
    ----------
    part : Part
    codes : ndarray of shape (n', k)
    components : ndarray of shape (k, d')
    """

    part: Part
    codes: Floats
    components: Floats

    def spread(self, part: Part, sums: Floats) -> Factors:
        """Return factors of a larger part, averages where none were found.

        Other rows get the average profile times their sum, other columns the share of an average
        component that they have of all counts.

        Parameters
        ----------
        part : Part
            With all rows and columns of this one.
        sums : ndarray of shape (d,)
            Of all columns of the data, in any unit.
        """
        return self._codes_of(part), self._components_of(part.columns, sums)

    def _codes_of(self, part: Part) -> Floats:
        totals = np.asarray(part.X.sum(axis=1), dtype=float).ravel()
        known, weights = np.searchsorted(part.rows, self.part.rows), self.part.weights
        profile = weights @ self.codes / max(float(weights @ totals[known]), TINY)
        codes = np.outer(totals, profile)
        codes[known] = self.codes
        return codes

    def _components_of(self, columns: Labels, sums: Floats) -> Floats:
        known, weight = self.part.columns, self.part.weights @ self.codes
        average = weight @ self.components.sum(axis=1) / max(float(weight.sum()), TINY)
        share = sums[columns] / max(float(sums[known].sum()), TINY)
        components = np.tile(average * share, (len(self.components), 1))
        components[:, np.searchsorted(columns, known)] = self.components
        return components
