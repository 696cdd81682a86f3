"""Clusterings that come from outside: checked against the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from cofactor.data.base import Floats, Labels
from cofactor.errors import InputError


def canonical(X: Any) -> Any:
    """Return data whose sparse entries are sorted and added up."""
    if sp.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def checked_centers(centers: Any, n_columns: int) -> Floats:
    """Return centers as numbers, or say why they do not fit the data."""
    M = np.asarray(centers, dtype=float)
    if M.ndim != 2 or M.shape[1] != n_columns:
        raise InputError(
            f"The model's centers have shape {M.shape}, but X has {n_columns} columns: pass the "
            "data that the model was fitted on."
        )
    return M


def checked_labels(labels: Any, n_rows: int, n_clusters: int) -> Labels:
    """Return labels as numbers from 0, or say why they do not fit the data."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (n_rows,):
        raise InputError(
            f"Got labels of shape {labels.shape} and type {labels.dtype}; expected one integer for "
            f"each of the {n_rows} rows of X: pass a fitted clustering of X, or its labels."
        )
    if labels.min() < 0 or labels.max() >= n_clusters:
        raise InputError(
            f"Labels go from {labels.min()} to {labels.max()}; expected 0 to {n_clusters - 1}: "
            "number the clusters from 0, and give rows of none a weight of 0."
        )
    return labels.astype(np.int32)
