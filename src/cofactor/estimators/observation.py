"""Data as they were observed: which entries are missing, and what means have beside the factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils.validation import check_non_negative

from cofactor.data import (
    Baseline,
    DenseOffset,
    FactoredOffset,
    Mask,
    MissingEntries,
    SparseOffset,
    as_mask,
)
from cofactor.data.base import Array, Floats
from cofactor.data.baseline import Offset
from cofactor.data.csr import canonical_csr
from cofactor.errors import InputError


@dataclass(frozen=True)
class Observation:
    """Valid data, their mask and their baseline.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        0 where nothing was observed.
    mask : Mask or None
        None: everything was observed.
    baseline : Baseline
    """

    X: Any
    mask: Mask | None
    baseline: Baseline

    @property
    def plain(self) -> bool:
        """Whether every entry was observed, and there is no baseline."""
        return self.mask is None and self.baseline.absent


def observation(X: Any, mask: Any, exposure: Any = None, offset: Any = None) -> Observation:
    """Return data with their mask, exposures and offsets, all checked; X may have any sign.

    Parameters
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
        Entries of NaN are missing.
    mask : array-like or sparse matrix of shape (n, d), or None
        True where an entry was observed.
    exposure : array-like of shape (n,), or None
    offset : array-like or sparse matrix of shape (n, d), array-like of shape (d,), a number, a
        pair of arrays of shape (n, r) and (r, d), or None

    Raises
    ------
    InputError
        If a shape is wrong, a number is out of range, or an observed entry is no finite number.
    """
    found = _missing(X) if mask is None else _given_mask(X, mask)
    clean = X if found is None else _without_missing(X, found)
    if found is not None and not found.row_entries().any():
        raise InputError("No entry was observed; expected some that are neither NaN nor masked.")
    n, d = X.shape
    beside = Baseline(
        None if exposure is None else checked_exposures(exposure, n),
        None if offset is None else checked_offset(offset, n, d),
    )
    return Observation(clean, found, beside)


def check_offset(fitted: Any, offset: Any) -> None:
    """Refuse rows without an offset where the fit had one."""
    if offset is None and fitted._needs_offset:
        raise InputError(
            f"This {type(fitted).__name__} was fitted with an offset, and these rows have none: "
            "pass theirs, or offset=0."
        )


def nonnegative(seen: Observation, whom: str) -> Observation:
    """Return the same data; refuse, as scikit-learn does, observed numbers below 0."""
    check_non_negative(seen.X, whom)
    return seen


def checked_exposures(exposure: Any, n: int) -> Floats:
    """Return exposures as floats of shape (n,), all above 0."""
    values = _numbers(exposure, "exposure", "one number for each row")
    if values.shape != (n,):
        raise InputError(f"exposure has shape {values.shape}; expected ({n},), one for each row.")
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        raise InputError(
            f"exposure holds {values[bad][0]:g}; expected finite numbers above 0: leave out rows "
            "that were exposed to nothing."
        )
    return values


def checked_offset(offset: Any, n: int, d: int) -> Offset:
    """Return an offset in the form that it was given in; see :func:`observation`."""
    if isinstance(offset, tuple):
        return _factored(offset, n, d)
    if sp.issparse(offset):
        matrix = canonical_csr(offset, "offset", np.float64)
        _check_offset(matrix.data, matrix.shape, (n, d))
        return SparseOffset(matrix)
    values = _numbers(offset, "offset", "numbers, or a tuple of two arrays whose product it is")
    if values.ndim < 2:
        row = np.broadcast_to(values, (d,)) if values.ndim == 0 else values
        _check_offset(row, row.shape, (d,))
        return FactoredOffset(np.ones((n, 1)), np.ascontiguousarray(row[None, :]))
    _check_offset(values, values.shape, (n, d))
    return DenseOffset(np.ascontiguousarray(values))


def _numbers(given: Any, whom: str, expected: str) -> Floats:
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{whom} is no array of numbers; expected {expected}.") from error


def _factored(offset: tuple[Any, ...], n: int, d: int) -> FactoredOffset:
    if len(offset) != 2:
        raise InputError(
            f"offset is a tuple of {len(offset)}; expected two arrays, of shape (n, r) and (r, d)."
        )
    left, right = (np.ascontiguousarray(check_array(part, dtype=float)) for part in offset)
    _check_offset(left, left.shape, (n, right.shape[0]))
    _check_offset(right, right.shape, (left.shape[1], d))
    return FactoredOffset(left, right)


def _check_offset(values: Array, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        raise InputError(
            f"offset has shape {shape}; expected {expected}: one number for each column, one for "
            "each entry, or a pair of factors whose product is that."
        )
    if values.size and not (np.isfinite(values).all() and values.min() >= 0):
        raise InputError("offset holds numbers below 0 or not finite; expected at least 0.")


def _missing(X: Any) -> Mask | None:
    """Return the mask of entries that are not NaN; None if none are."""
    stored = X.data if sp.issparse(X) else X
    if not np.isnan(stored.min(initial=0.0)):
        return None
    gone = np.isnan(stored)
    if not sp.issparse(X):
        return as_mask(~gone)
    pattern = sp.csr_array((gone.astype(float), X.indices, X.indptr), shape=X.shape, copy=True)
    pattern.eliminate_zeros()
    return MissingEntries(pattern)


def _given_mask(X: Any, mask: Any) -> Mask:
    listed = sp.issparse(mask)
    observed = canonical_csr(mask, "mask") if listed else np.asarray(mask)
    if observed.shape != X.shape:
        raise InputError(
            f"mask has shape {observed.shape}; expected {X.shape}, that of the data, with True "
            "where an entry was observed."
        )
    found = as_mask(observed if listed else _truths(observed))
    clean = found.kept(X).data if sp.issparse(X) else X[found.dense() > 0]
    if not np.isfinite(clean).all():
        raise InputError(
            "X contains NaN or infinity where the mask is True; expected finite numbers: fill "
            "them, or set the mask to False there."
        )
    return found


def _truths(values: Array) -> Array:
    """Return an array of bool; refuse what is neither, such as NaN, which NumPy takes for true."""
    if values.dtype != bool and not np.isin(values, (0, 1)).all():
        raise InputError("mask holds other numbers than 0 and 1; expected True or False.")
    return values.astype(bool)


def parted(X: Any, mask: Any) -> tuple[Observation, Observation]:
    """Return data as a mask shows them, and what it hides of them.

    Raises
    ------
    InputError
        If the mask is not one of these data, or hides nothing.
    """
    shown = observation(X, mask)
    hidden = cast(Mask, shown.mask).complement
    if not hidden.row_entries().any():
        raise InputError("mask is True everywhere; expected False where entries are held out.")
    return shown, Observation(_without_missing(X, hidden), hidden, Baseline())


def _without_missing(X: Any, mask: Mask) -> Any:
    """Return data with 0 where nothing was observed."""
    return mask.kept(X) if sp.issparse(X) else np.where(mask.dense() > 0, X, X.dtype.type(0))


def without_gaps(seen: Observation) -> Any:
    """Return data to begin with: of dense ones, gaps hold the observed mean of their column."""
    if seen.mask is None or sp.issparse(seen.X):
        return seen.X
    observed = seen.mask.dense() > 0
    counts = np.maximum(np.count_nonzero(observed, axis=0), 1)
    return np.where(observed, seen.X, seen.X.sum(axis=0) / counts)
