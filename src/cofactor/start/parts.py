"""Parts of data, and factors that were found on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor.data import RowBlock, open_rows, open_transposed
from cofactor.data.base import Array, Floats, Labels
from cofactor.engine import Engine
from cofactor.noise.penalty import TINY
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
class Opened:
    """A part, opened for an engine.

    Attributes
    ----------
    part : Part
    blocks, columns : sequence of RowBlock
        Of its rows, and of its transpose.
    engine : Engine
    """

    part: Part
    blocks: Sequence[RowBlock]
    columns: Sequence[RowBlock]
    engine: Engine

    @property
    def uneven_weights(self) -> Floats | None:
        """Row weights, shape (n',); None if all are 1."""
        return None if all(block.even for block in self.blocks) else self.part.weights

    @classmethod
    def at(cls, part: Part, engine: Engine) -> Opened:
        """Return a part whose rows, and columns, are one block that workers share."""
        rows = open_rows(part.X, part.weights).shared(engine)
        return cls(part, [rows], [open_transposed(part.X).shared(engine)], engine)


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
        return self._codes_of(part), self._components_of(part, sums)

    def places(self, part: Part) -> tuple[Array, Array]:
        """Return where rows and columns of this part are in a larger one."""
        rows = np.searchsorted(part.rows, self.part.rows)
        return rows, np.searchsorted(part.columns, self.part.columns)

    def _codes_of(self, part: Part) -> Floats:
        totals = np.asarray(part.X.sum(axis=1), dtype=float).ravel()
        (known, _), weights = self.places(part), self.part.weights
        profile = weights @ self.codes / max(float(weights @ totals[known]), TINY)
        codes = np.outer(totals, profile)
        codes[known] = self.codes
        return codes

    def _components_of(self, part: Part, sums: Floats) -> Floats:
        known, weight = self.part.columns, self.part.weights @ self.codes
        average = weight @ self.components.sum(axis=1) / max(float(weight.sum()), TINY)
        share = sums[part.columns] / max(float(sums[known].sum()), TINY)
        components = np.tile(average * share, (len(self.components), 1))
        components[:, self.places(part)[1]] = self.components
        return components
