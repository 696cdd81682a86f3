"""Which entries of rows were observed, by the shorter of two lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Array, Floats
from cofactor.kernels import sampled_products


@dataclass(frozen=True)
class Listed:
    """Columns of each row: those that were observed, or those that were not.

    Attributes
    ----------
    pattern : scipy.sparse.csr_array of shape (n, d)
        Canonical, of ones.
    sign : float
        1 if ``pattern`` lists what was observed, −1 if it lists what was not.
    """

    pattern: Any
    sign: float

    @classmethod
    def nothing_missing(cls, n: int, d: int) -> Listed:
        """Return what complete rows (n, d) list."""
        return cls(sp.csr_array((n, d)), -1.0)

    @classmethod
    def of_dense(cls, observed: Array) -> Listed:
        """Return the shorter list of an array (n, d) that is above 0 where it was observed."""
        seen = observed > 0
        few = 2 * np.count_nonzero(seen) <= seen.size
        return cls(sp.csr_array(seen if few else ~seen, dtype=np.float64), 1.0 if few else -1.0)

    @property
    def arrays(self) -> tuple[Array, Array]:
        """The CSR arrays ``indptr, indices``."""
        return self.pattern.indptr, self.pattern.indices

    def sums(self, values: Floats, matrix: Floats, of_all: Floats | None) -> Floats:
        """Return ``Σ_l v_nl B_l`` over observed columns, shape (n, p).

        Parameters
        ----------
        values : ndarray of shape (nnz,)
            ``v`` where the pattern has entries.
        matrix : ndarray of shape (d, p)
            ``B``.
        of_all : ndarray of shape (n, p) or (1, p), or None
            The same sums over all columns; only asked for where the missing are listed.
        """
        listed = sp.csr_array((values, *self.arrays[::-1]), shape=self.pattern.shape) @ matrix
        return np.asarray(listed if of_all is None or self.sign > 0 else of_all - listed)

    def fitted(self, codes: Floats, columns: Floats) -> Floats:
        """Return ``(ZW)_nl`` at the listed places, for Z (n, k) and Wᵀ (d, k), shape (nnz,)."""
        found = np.empty(self.pattern.nnz)
        rows = np.ascontiguousarray(codes), np.ascontiguousarray(columns)
        sampled_products(*self.arrays, *rows, found)
        return found
