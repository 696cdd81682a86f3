"""What a noise is: how the data scatter about their mean, and how means are re-estimated.

Letters in formulas: ``X`` (n, d) the data with rows ``x_n`` and weights ``w_n``; ``Z`` (n, k) the
codes; ``W`` or ``M`` (k, d) the components with rows ``μ_c``; ``q_nc`` the posterior probability of
component ``c`` for row ``n``; ``π_c`` mixing weights; ``φ`` the dispersion. All losses are in nats.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.cut import cut
from cofactor.data.gaussians import by_component
from cofactor.data.losses import Affine, Distances, Gathered, Posterior
from cofactor.engine import Additive, Engine
from cofactor.lazy import lazy

EMPTY = 1e-12  # of all rows: a component with less of the posterior counts as empty


@dataclass(frozen=True)
class Params:
    """The parameters of a model: what goes out to the rows.

    Attributes
    ----------
    components : ndarray of shape (k, d)
        Means of one-hot codes; the factor ``W`` of linear codes.
    log_weights : ndarray of shape (k,)
        Logarithms of the mixing weights; zeros for linear codes.
    dispersion : ndarray
        What the noise needs beside the mean; its shape is the noise's.
    reference : ndarray of shape (d,)
        Point near the data about which moments are taken; zeros where it means nothing.
    """

    components: Floats
    log_weights: Floats
    dispersion: Floats
    reference: Floats

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.components.shape[0]


@dataclass(frozen=True)
class Moments(Additive):
    """Weighted sums of rows over each component's posterior.

    Attributes
    ----------
    counts : ndarray of shape (k,)
        ``N_c = Σ_n w_n q_nc``.
    sums : ndarray of shape (k, d)
        ``Σ_n w_n q_nc (x_n − r)`` with ``r`` the reference of the parameters.
    spread : ndarray
        What the dispersion needs; its shape is the noise's.
    """

    counts: Floats
    sums: Floats
    spread: Floats

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which components have rows enough to be re-estimated, shape (k,)."""
        return self.counts > EMPTY * self.counts.sum()


class Assignment(Protocol):
    """The posterior of some rows over components, already multiplied by the row weights."""

    def sums(self, block: RowBlock, shift: Floats) -> tuple[Floats, Floats]:
        """Return ``Σ_n w_n q_nc`` (k,) and ``Σ_n w_n q_nc (x_n − r)`` (k, d)."""
        ...

    def squares(self, block: RowBlock, shift: Floats) -> Floats:
        """Return ``Σ_n w_n q_nc (x_n − r)²``, shape (k, d)."""
        ...

    def squared_norms(self, block: RowBlock, shift: Floats) -> Floats:
        """Return ``Σ_n w_n q_nc ‖x_n − r‖²``, shape (k,)."""
        ...

    def grams(self, block: RowBlock, shift: Floats) -> Floats:
        """Return ``Σ_n w_n q_nc (x_n − r)(x_n − r)ᵀ``, shape (k, d, d)."""
        ...


class Scorer(Protocol):
    """The losses of rows under fixed parameters, less a term that depends on the row alone."""

    def top(self, block: RowBlock, keep: int) -> tuple[Labels, Floats]:
        """Return the ``keep`` lowest of ``−log π_c − log p(x_n|c)``; see ``top_losses``."""
        ...

    def all(self, block: RowBlock) -> Floats:
        """Return every ``−log π_c − log p(x_n|c)``, shape (n, k)."""
        ...

    def row_loss(self, block: RowBlock, cached: Floats) -> Floats:
        """Return the term that :meth:`top` and :meth:`all` leave out, shape (n,)."""
        ...

    def nearest(self, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
        """Return the most probable component of all rows; see :meth:`RowBlock.nearest`."""
        ...

    def posterior(self, block: RowBlock, weights: Floats, cached: Floats) -> Posterior:
        """Return the whole posterior times ``weights``, and ``−log p(x_n)``.

        Parameters
        ----------
        block : RowBlock
        weights : ndarray of shape (n,)
        cached : ndarray of shape (n,)
            The noise's row statistic.
        """
        ...

    def moments(self, block: RowBlock, weights: Floats, cached: Floats) -> Gathered:
        """Return the moments of :meth:`posterior` that the noise needs, without storing it."""
        ...


class Noise(ABC):
    """How data scatter about their mean.

    A noise offers capabilities by having the methods that codes ask for; see
    :attr:`cofactor.codes.base.Codes.requires`.

    Attributes
    ----------
    name : str
        What users call it.
    kind : str
        ``"density"`` or ``"mass"``: the two are not comparable.
    """

    name: ClassVar[str]
    kind: ClassVar[str]

    def check(self, block: RowBlock) -> None:  # noqa: B027  (most can produce any number)
        """Raise InputError if the block holds finite numbers that this noise cannot produce."""

    def rows(self, rows: RowBlock) -> RowBlock:
        """Return what this noise sees of rows: the rows themselves."""
        return rows

    def reference(self, mean: Floats, blocks: list[RowBlock]) -> Floats:
        """Return the point about which moments are taken; zeros unless translation is free."""
        return np.zeros_like(mean)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return what the loss needs of each row besides ``x``; computed once a fit, shape (n,)."""
        return np.zeros(block.n_rows)


class MixtureNoise(Noise):
    """A noise that one-hot codes can use: it scores rows and re-estimates means."""

    @abstractmethod
    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """Return a dispersion of the right shape, replaced by the first M-step."""

    @abstractmethod
    def scorer(self, params: Params) -> Scorer:
        """Return the losses under ``params``, prepared for many blocks."""

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return what the dispersion needs of these rows; nothing by default."""
        return np.zeros(0)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return the dispersion that maximises the likelihood, given ``params``' new means."""
        return params.dispersion

    def legal_means(self, means: Floats) -> Floats:
        """Return the means, moved off the border of the domain where losses are infinite."""
        return means

    def first_means(self, rows: Floats, mean: Floats) -> Floats:
        """Return means to start from near some rows of the data: the rows themselves.

        Parameters
        ----------
        rows : ndarray of shape (k, d)
        mean : ndarray of shape (d,)
            The mean of all rows.
        """
        return rows

    def unit(self, mean: Floats) -> float:
        """Return what components are multiplied by to be in the data's unit, given their mean."""
        return 1.0

    def start_noise(self) -> MixtureNoise:
        """Return the noise whose hard clustering starts a mixture of this one: itself."""
        return self

    def distances(self, block: RowBlock, params: Params) -> Floats:
        """Return how far rows are from components: nats above a perfect fit, shape (n, k)."""
        scorer = self.scorer(params)
        own = scorer.row_loss(block, self.row_statistic(block, params.reference))
        own -= self.saturated_loss(block, params)
        return scorer.all(block) + params.log_weights + own[:, None]

    def distortion(self, block: RowBlock, params: Params, labels: Labels) -> Floats:
        """Return what hard clustering adds up: nats above a perfect fit, shape (n,).

        Parameters
        ----------
        block : RowBlock
        params : Params
        labels : ndarray of shape (n,), int32
            The best component of each row.
        """
        scorer = self.scorer(params)
        _, loss = scorer.top(block, 1)
        own = scorer.row_loss(block, self.row_statistic(block, params.reference))
        own -= self.saturated_loss(block, params)
        return loss[:, 0] + params.log_weights[labels] + own

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """Return the number of free parameters besides means and mixing weights."""
        return 0

    @abstractmethod
    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``−log p(x_n)`` of each row with itself as its mean, shape (n,)."""

    @abstractmethod
    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """Draw one row about each row of ``mean`` (n, d), its component given (n,)."""


class NearestNoise(MixtureNoise):
    """A noise whose most probable component is the nearest: hard clusters are Lloyd's.

    Attributes
    ----------
    on_sphere : bool
        Whether means are scaled to length 1, as rows are.
    """

    on_sphere: ClassVar[bool] = False

    @abstractmethod
    def hard_dispersion(
        self, between: Floats, spread: Floats, weight: float, n_columns: int
    ) -> Floats:
        """Return the dispersion of the best hard clusters, of each iteration.

        Parameters
        ----------
        between : ndarray of shape (m,)
            ``Σ_c ⟨S_c, μ_c⟩``, with the sums of the labels that the means come from.
        spread : ndarray of shape (m,)
            ``Σ_n w_n ‖x_n − r‖²``.
        weight : float
            ``Σ_n w_n``.
        n_columns : int
        """

    @abstractmethod
    def hard_loss(
        self, affine: Floats, spread: Floats, dispersion: Floats, weight: float, n_columns: int
    ) -> Floats:
        """Return ``−Σ_n w_n log p(x_n|c_n)`` in nats, of each iteration.

        Parameters
        ----------
        affine : ndarray of shape (m,)
            ``Σ_n w_n (½‖μ_c‖² − ⟨x_n − r, μ_c⟩)``.
        spread, dispersion : ndarray of shape (m,)
        weight : float
        n_columns : int
        """


@dataclass(frozen=True)
class AffineScorer:
    """Losses that are affine in the row, up to a common factor.

    Attributes
    ----------
    affine : Affine
        ``b_c − ⟨x_n, e_c⟩``, in units of ``scale`` nats.
    scale : float
        Nats per unit of the affine loss: ``1/φ``.
    row_factor, row_constant : float
        The term of the row alone is ``row_factor · cached + row_constant``.
    """

    affine: Affine
    scale: float = 1.0
    row_factor: float = 1.0
    row_constant: float = 0.0

    @property
    def losses(self) -> Affine:
        """The affine losses, in units of ``scale`` nats."""
        return self.affine

    @lazy
    def in_nats(self) -> Affine:
        """The affine losses in nats."""
        a = self.affine
        return Affine(self.scale * a.components, self.scale * a.offsets, a.shift)

    def top(self, block: RowBlock, keep: int) -> tuple[Labels, Floats]:
        """See :class:`Scorer`."""
        index, loss = block.top_losses(self.affine, keep)
        loss *= self.scale
        return index, loss

    def all(self, block: RowBlock) -> Floats:
        """See :class:`Scorer`."""
        loss = block.losses(self.affine)
        loss *= self.scale
        return loss

    def row_loss(self, block: RowBlock, cached: Floats) -> Floats:
        """See :class:`Scorer`."""
        return self.row_factor * cached + self.row_constant

    def nearest(self, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
        """See :class:`Scorer`."""
        return rows.nearest(self.affine, engine)

    def posterior(self, block: RowBlock, weights: Floats, cached: Floats) -> Posterior:
        """See :class:`Scorer`."""
        return block.posterior(self.in_nats, weights).plus(self.row_loss(block, cached))

    def moments(self, block: RowBlock, weights: Floats, cached: Floats) -> Gathered:
        """See :class:`Scorer`."""
        return block.moments(self.in_nats, weights, 0).plus(self.row_loss(block, cached))


@dataclass(frozen=True)
class DistanceScorer:
    """Losses that are squared distances, about means of their own.

    Attributes
    ----------
    losses : Distances
    second : int
        How many second moments of each component the noise needs; see
        :meth:`cofactor.data.base.RowBlock.component_moments`.
    """

    losses: Distances
    second: int

    scale: ClassVar[float] = 1.0

    def all(self, block: RowBlock) -> Floats:
        """See :class:`Scorer`."""
        return by_component(*self.top(block, len(self.losses.offsets)))

    def top(self, block: RowBlock, keep: int) -> tuple[Labels, Floats]:
        """See :class:`Scorer`."""
        return block.lowest(self.losses, keep)

    def row_loss(self, block: RowBlock, cached: Floats) -> Floats:
        """See :class:`Scorer`."""
        return cached

    def nearest(self, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
        """See :class:`Scorer`."""
        return nearest_by_blocks(self, rows, engine)

    def posterior(self, block: RowBlock, weights: Floats, cached: Floats) -> Posterior:
        """See :class:`Scorer`."""
        return block.posterior(self.losses, weights).plus(cached)

    def moments(self, block: RowBlock, weights: Floats, cached: Floats) -> Gathered:
        """See :class:`Scorer`."""
        return block.moments(self.losses, weights, self.second).plus(cached)


def nearest_by_blocks(scorer: Scorer, rows: RowBlock, engine: Engine) -> tuple[Labels, bool]:
    """Return the most probable component of all rows; see :meth:`Scorer.nearest`."""
    best = engine.map(lambda block: scorer.top(block, 1), cut(rows))
    index, loss = (np.concatenate(parts)[:, 0] for parts in zip(*best, strict=True))
    return np.ascontiguousarray(index), bool(np.isfinite(loss).all())
