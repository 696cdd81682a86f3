"""Fitted models that say how far they can be from the best possible one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cofactor.certificate import Certificate, certify
from cofactor.certificate.certificate import Watcher
from cofactor.certificate.picture import beside


class Certifiable:
    """A fitted model of which something can be proved.

    Attributes
    ----------
    certificate_ : Certificate
        What :meth:`certificate` returned last; shown by notebooks and reports, and forgotten by
        the next fit.
    """

    certificate_: Certificate

    def certificate(
        self,
        X: Any,
        *,
        sample_weight: Any = None,
        time_limit: float | None = 10.0,
        method: str = "auto",
        tol: float = 1e-6,
        confidence: float = 0.99,
        random_state: int = 0,
        callbacks: Sequence[Watcher] = (),
    ) -> Certificate:
        """Return how far this model can be from the best one; see :func:`cofactor.certify`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            The data that this was fitted on.
        sample_weight : array-like of shape (n,), optional
            The weights that it was fitted with.
        time_limit, method, tol, confidence, random_state, callbacks
            See :func:`cofactor.certify`.
        """
        self.certificate_ = certify(
            self,
            X,
            sample_weight=sample_weight,
            time_limit=time_limit,
            method=method,
            tol=tol,
            confidence=confidence,
            random_state=random_state,
            callbacks=callbacks,
        )
        return self.certificate_

    def _certified(self, X: Any, sample_weight: Any) -> Certificate | None:
        """Return what this kind of model can say of itself; None if its labels say it all."""
        return None

    def _html_repr(self) -> str:
        """Show the certificate, if there is one, below what scikit-learn shows in notebooks."""
        shown: str = super()._html_repr()  # type: ignore[misc]
        found = getattr(self, "certificate_", None)
        return shown if found is None else beside(shown, found._repr_html_())
