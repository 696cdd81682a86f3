"""What scaled one-hot codes (mean = a multiple of one component) ask of a noise."""

from __future__ import annotations

from abc import abstractmethod

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.noise.linear import LinearNoise


class MultipleNoise(LinearNoise):
    """A noise whose best multiple of a component is known in closed form."""

    @abstractmethod
    def best_multiple(self, block: RowBlock, components: Floats) -> tuple[Labels, Floats, Floats]:
        """Choose the component and multiple that fit each row best.

        Parameters
        ----------
        block : RowBlock
        components : ndarray of shape (k, d)
            As :meth:`legal_multiples` returns them.

        Returns
        -------
        labels : ndarray of shape (n,), int32
        multiple : ndarray of shape (n,)
            ``s_n``.
        divergence : ndarray of shape (n,)
            ``d(x_n, s_n μ_c)``.
        """

    @abstractmethod
    def multiple_weights(self, multiple: Floats) -> tuple[Floats, Floats]:
        """Return per-row factors ``a, b`` with ``μ_c = Σ w a x / Σ w b`` the best components."""

    @abstractmethod
    def legal_multiples(self, components: Floats) -> Floats:
        """Return the components in the normal form that :meth:`best_multiple` expects."""
