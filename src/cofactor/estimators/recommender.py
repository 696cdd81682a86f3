"""The best items of each row, and those most alike, without the scores of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from cofactor.data import as_mask
from cofactor.data.base import Array, Floats
from cofactor.engine import Engine, engine_for
from cofactor.errors import InputError
from cofactor.kernels import sampled_products

CHUNK_SCORES = 1 << 20  # that are found at a time
ROUNDING = 2.0 * float(np.finfo(np.float32).eps)  # of a product of numbers rounded before
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

    Products of a few rows at a time are found in single precision; those that rounding could have
    kept from the first ``n`` are found again in double precision, each for itself, so that equal
    items tie exactly. The whole (n_rows, m) matrix is never there.

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
    found = TopItems(np.full((n_rows, n), NOTHING, np.int32), np.full((n_rows, n), -np.inf))
    columns, longest = items.T.astype(np.float32), np.linalg.norm(items, axis=1).max(initial=0.0)
    blur = ROUNDING * (items.shape[1] + 4) * longest * np.linalg.norm(codes, axis=1)

    def of_chunk(rows: slice) -> None:
        scores = codes[rows].astype(np.float32) @ columns
        scores[_entries(left_out[rows])] = -np.inf
        bar = np.partition(scores, m - min(n, m), axis=1)[:, m - min(n, m)] - blur[rows]
        owner, item = np.nonzero((scores >= bar[:, None]) & (scores > -np.inf))
        score = _products(codes[rows], items, owner, item)
        order = np.lexsort((item, -score, owner))
        place = np.arange(len(order)) - np.searchsorted(owner, owner)
        order, place = order[place < n], place[place < n]
        at = owner[order], place
        found.items[rows][at], found.scores[rows][at] = item[order], score[order]

    step = max(1, CHUNK_SCORES // max(m, 1))
    engine.map(of_chunk, [slice(start, start + step) for start in range(0, n_rows, step)])
    return found


def _entries(matrix: Any) -> tuple[Array, Array]:
    """Return the rows and columns of the stored entries of a CSR matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices


def _products(codes: Floats, items: Floats, owner: Array, item: Array) -> Floats:
    """Return the products of rows with items, rows ascending, shape (p,)."""
    edges, products = np.searchsorted(owner, np.arange(len(codes) + 1)), np.empty(len(owner))
    rows, columns = np.ascontiguousarray(codes), np.ascontiguousarray(item)
    sampled_products(edges, columns, rows, items, products)
    return products


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
            Whether to leave out the columns in which a row has nonzero entries that were observed:
            not those that are NaN or masked.
        **observed
            Whatever else :meth:`transform` takes, such as ``mask``.

        Raises
        ------
        InputError
            If ``n`` is below 1.
        """
        codes = np.asarray(self.transform(rows, **observed), dtype=float)
        shape = (len(codes), self.components_.shape[1])
        seen = _seen(rows, observed.get("mask")) if exclude_seen else sp.csr_array(shape)
        items = np.ascontiguousarray(self.components_.T, dtype=float)
        return self._top(codes, items, n, seen)

    def similar_items(self, items: Any = None, n: int = 10) -> TopItems:
        """Return the ``n`` columns whose components are most like those of each of some columns.

        Scores are cosines; components count with length 1 each, so that scale does not matter.

        Parameters
        ----------
        items : array-like of int, optional
            Numbers of columns; default all.
        n : int, default 10

        Raises
        ------
        InputError
            If there is no such column, or ``n`` is below 1.
        """
        check_is_fitted(self)
        components = self.components_.astype(float)
        vectors = np.ascontiguousarray(_unit(_unit(components).T))
        asked = np.arange(len(vectors)) if items is None else np.atleast_1d(items)
        _check_items(asked, len(vectors))
        ones = (np.ones(len(asked)), asked, np.arange(len(asked) + 1))
        themselves = sp.csr_array(ones, shape=(len(asked), len(vectors)))
        return self._top(vectors[asked], vectors, n, themselves)

    def _top(self, codes: Floats, items: Floats, n: int, left_out: Any) -> TopItems:
        if n < 1:
            raise InputError(f"n is {n}; expected at least 1.")
        n_threads = getattr(self, "n_threads", None)
        pieces = -(-len(codes) * len(items) // CHUNK_SCORES)
        with engine_for(n_threads, pieces) as engine:
            return top_items(codes, items, n, left_out, engine)


def _check_items(asked: Array, m: int) -> None:
    if asked.dtype.kind not in "iu" or ((asked < 0) | (asked >= m)).any():
        raise InputError(f"items are {asked}; expected numbers of columns, from 0 to {m - 1}.")


def _seen(rows: Any, mask: Any) -> Any:
    """Return the nonzero entries of rows that were observed, as a canonical CSR matrix."""
    matrix = sp.csr_array(rows if sp.issparse(rows) else np.asarray(rows), copy=True)
    matrix.sum_duplicates()
    matrix.data = np.nan_to_num(matrix.data, nan=0.0)
    matrix.eliminate_zeros()
    if mask is None:
        return matrix
    return as_mask(mask if sp.issparse(mask) else np.asarray(mask)).kept(matrix)


def _unit(vectors: Floats) -> Floats:
    """Return rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)
