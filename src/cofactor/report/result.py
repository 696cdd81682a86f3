"""What a report knows of one fitted model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate import Certificate
from cofactor.data.base import Floats


@dataclass(frozen=True)
class Result:
    """One fitted model, in the terms that all cells share.

    Attributes
    ----------
    name : str
        As the reader knows the model.
    noise, codes : str
        The cell.
    n_parameters : int
        Free parameters of the value's likelihood.
    n_entries : float
        Observed entries of the data, weighted.
    value : float
        Log-likelihood or its bound in nats for all entries, all constants included.
    tag : str
        What ``value`` is: a key of ``TAGS``.
    kind : str
        ``"density"`` or ``"mass"``.
    n_iter : int
    converged : bool
    components : ndarray of shape (k, d)
    share : ndarray of shape (k,) or None
        Of the rows, or of the fitted total where codes are not one-hot; sums to 1.
    one_hot : bool
        Whether a component is the mean of its rows.
    in_data_units : bool
        Whether components have the data's scale; otherwise each has a scale of its own.
    numbers : ndarray of shape (k,)
        What the estimator calls the components.
    objective, seconds : tuple of float
        Loss in nats, and time since the fit began, after each sweep over the rows.
    certificate : Certificate or None
        How far the model can be from the best one, if that was asked.
    """

    name: str
    noise: str
    codes: str
    n_parameters: int
    n_entries: float
    value: float
    tag: str
    kind: str
    n_iter: int
    converged: bool
    components: Floats
    share: Floats | None
    one_hot: bool
    in_data_units: bool
    numbers: NDArray[np.intp]
    objective: tuple[float, ...]
    seconds: tuple[float, ...]
    certificate: Certificate | None = None

    @property
    def per_entry(self) -> float:
        """The value in nats per entry."""
        return self.value / self.n_entries

    @property
    def total_seconds(self) -> float:
        """Seconds that the fit took."""
        return self.seconds[-1]

    def excess(self) -> Floats:
        """Return each sweep's loss above the lowest, in nats per entry."""
        loss = np.asarray(self.objective)
        return (loss - loss.min()) / self.n_entries

    def ordered(self, order: NDArray[np.intp]) -> Result:
        """Return the result with its components in another order."""
        return replace(
            self,
            components=self.components[order],
            share=None if self.share is None else self.share[order],
            numbers=self.numbers[order],
        )
