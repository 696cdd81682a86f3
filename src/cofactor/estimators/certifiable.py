"""Clusterings that can be held against the best possible one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cofactor.certificate import Certificate, certify
from cofactor.certificate.certificate import Watcher


class Certifiable:
    """A fitted clustering with ``labels_``, whose optimum can be bounded."""

    def certificate(
        self,
        X: Any,
        *,
        sample_weight: Any = None,
        time_limit: float = 10.0,
        method: str = "auto",
        tol: float = 1e-6,
        callbacks: Sequence[Watcher] = (),
    ) -> Certificate:
        """Return how far this clustering can be from the best one; see :func:`cofactor.certify`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The data that this was fitted on.
        sample_weight : array-like of shape (n,), optional
            The weights that it was fitted with.
        time_limit, method, tol, callbacks
            See :func:`cofactor.certify`.
        """
        return certify(
            self,
            X,
            sample_weight=sample_weight,
            time_limit=time_limit,
            method=method,
            tol=tol,
            callbacks=callbacks,
        )
