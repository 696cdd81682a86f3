"""The best items of each row, and those most alike, without the scores of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from cofactor.data import DenseRows
from cofactor.data.base import Affine, Array, Floats
from cofactor.data.mask import among
from cofactor.engine import Engine, engine_for
from cofactor.errors import InputError

CHUNK_SCORES = 1 << 20  # that are found at a time
NOTHING = -1  # in place of an item where none is left


class TopItems(NamedTuple):
    """Items of each row, best first; ties go to the lower number.

    Attributes
    ----------
    items : ndarray of shape (n_rows, n), int32
        Numbers of columns; −1 where no more are left.
    scores : ndarray of shape (n_rows, n)
        −inf where no more are left.
    """

    items: Array
    scores: Floats


def top_items(codes: Floats, items: Floats, n: int, left_out: Any, engine: Engine) -> TopItems:
    """Return the items with the highest products with each row's codes.

    Products are met block by block, in a kernel that keeps the best; the whole (n_rows, m) matrix
    is never there.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, k)
    items : ndarray of shape (m, k)
    n : int
    left_out : scipy.sparse.csr_array of shape (n_rows, m)
        Canonical: its stored entries are no candidates.
    engine : Engine
    """
    n_rows, m = len(codes), len(items)
    affine = Affine(np.ascontiguousarray(items), np.zeros(m), np.zeros(items.shape[1]))
    found = TopItems(np.full((n_rows, n), NOTHING, np.int32), np.full((n_rows, n), -np.inf))

    def of_chunk(rows: Array) -> None:
        seen = left_out[rows]
        keep = min(n + int(np.diff(seen.indptr).max()), m)
        block = DenseRows(np.ascontiguousarray(codes[rows]), np.ones(len(rows)))
        index, loss = block.top_losses(affine, keep)
        known = _known(index, seen)
        first = np.argsort(known, axis=1, kind="stable")[:, :n]
        left = ~np.take_along_axis(known, first, axis=1)
        item = np.where(left, np.take_along_axis(index, first, axis=1), NOTHING)
        score = np.where(left, -np.take_along_axis(loss, first, axis=1), -np.inf)
        found.items[rows, : first.shape[1]], found.scores[rows, : first.shape[1]] = item, score

    engine.map(of_chunk, list(_chunks(np.minimum(np.diff(left_out.indptr) + n, m))))
    return found


def _chunks(wanted: Array) -> Iterator[Array]:
    """Cut rows into chunks of which about as many items are wanted each, not too many at once."""
    order, start = np.argsort(wanted, kind="stable"), 0
    while start < len(order):
        scores = np.arange(1, len(order) - start + 1) * wanted[order[start:]]
        stop = start + max(1, int(np.searchsorted(scores, CHUNK_SCORES, side="right")))
        yield order[start:stop]
        start = stop


def _known(index: Array, seen: Any) -> Array:
    """Return which of the items offered to each row (n_rows, p) it has seen."""
    edges = np.arange(0, index.size + 1, index.shape[1])
    offered = sp.csr_array((np.ones(index.size), index.ravel(), edges), shape=seen.shape)
    return among(offered, seen).reshape(index.shape)


class Recommender:
    """What factorizations of rows by items can tell beside their factors."""

    components_: Array
    transform: Callable[..., Any]

    def recommend(
        self, rows: Any, n: int = 10, *, exclude_seen: bool = True, **observed: Any
    ) -> TopItems:
        """Return the ``n`` columns of highest mean ``(ZW)_nl`` for each row.

        Parameters
        ----------
        rows : array-like or sparse matrix of shape (n_rows, d)
            Data as for :meth:`transform`; their codes are found first.
        n : int, default 10
        exclude_seen : bool, default True
            Whether to leave out the columns in which a row has nonzero entries.
        **observed
            Whatever else :meth:`transform` takes, such as ``mask``.

        Raises
        ------
        InputError
            If ``n`` is below 1.
        """
        codes = np.asarray(self.transform(rows, **observed), dtype=float)
        shape = (len(codes), self.components_.shape[1])
        seen = _nonzeros(rows) if exclude_seen else sp.csr_array(shape)
        return self._top(codes, self.components_.T.astype(float), n, seen)

    def similar_items(self, items: Any = None, n: int = 10) -> TopItems:
        """Return the ``n`` columns whose components are most like those of each of some columns.

        Scores are cosines; components count with length 1 each, so that scale does not matter.

        Parameters
        ----------
        items : array-like of int, optional
            Numbers of columns; default all.
        n : int, default 10
        """
        check_is_fitted(self)
        components = self.components_.astype(float)
        vectors = _unit(_unit(components).T)
        asked = np.arange(len(vectors)) if items is None else np.atleast_1d(items)
        ones = (np.ones(len(asked)), asked, np.arange(len(asked) + 1))
        themselves = sp.csr_array(ones, shape=(len(asked), len(vectors)))
        return self._top(vectors[asked], vectors, n, themselves)

    def _top(self, codes: Floats, items: Floats, n: int, left_out: Any) -> TopItems:
        if n < 1:
            raise InputError(f"n is {n}; expected at least 1.")
        n_threads = getattr(self, "n_threads", None)
        pieces = -(-len(codes) * min(n, len(items)) // CHUNK_SCORES)
        with engine_for(n_threads, pieces) as engine:
            return top_items(codes, items, n, left_out, engine)


def _nonzeros(rows: Any) -> Any:
    matrix = sp.csr_array(rows) if sp.issparse(rows) else sp.csr_array(np.asarray(rows))
    matrix = sp.csr_array(matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def _unit(vectors: Floats) -> Floats:
    """Return rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)
