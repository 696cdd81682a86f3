"""Gaussian noise with one variance for everything: k-means, NMF, SVD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cofactor.data import Rows
from cofactor.data.aligned import Columns
from cofactor.data.base import Floats, Labels, RowBlock
from cofactor.data.losses import Affine
from cofactor.data.projected import projected
from cofactor.errors import InputError
from cofactor.noise.base import AffineScorer, Assignment, Moments, NearestNoise, Params
from cofactor.noise.least_squares import (
    best_components,
    coordinate_descent,
    projected_gradient,
    row_losses,
)
from cofactor.noise.linear import Encoded, FixedFactor, NonnegativeNoise, SimplexNoise
from cofactor.noise.multiples import MultipleNoise
from cofactor.noise.observed_squares import (
    NormalEquations,
    normal_equations,
    unexplained_squares,
)
from cofactor.noise.online import Products
from cofactor.noise.penalty import TINY, Penalty

LOG_2PI = float(np.log(2.0 * np.pi))
FOLDING_SWEEPS = 8  # over codes whose products are known already
OBSERVED_SWEEPS = 4  # for each Gram matrix of a row of its own, which costs about as much
VARIANCE_FLOOR = 1e-10  # of the data's: a perfect fit stays finite, its rounding below 1e-6 nats


@dataclass(frozen=True)
class Gaussian(NearestNoise, NonnegativeNoise, SimplexNoise, MultipleNoise):
    """``p(x|μ) = N(x; μ, σ²I)`` with one ``σ²`` shared by all components and columns.

    Parameters
    ----------
    regularization : float, default 0
        Added to the variance, in squared units of the data.
    fixed_variance : float, optional
        Keep ``σ²`` at this value instead of estimating it: soft k-means at temperature ``2σ²``.
    first_variance : float, default 1
        Where ``σ²`` begins. Above the largest variance of the data along any direction a whole
        posterior draws all means into one point, which they do not leave.
    cooling : float, default 0
        The share of ``σ²`` that an iteration leaves at least: below 1, ``σ²`` falls from
        ``first_variance`` to the estimate step by step, as deterministic annealing does
        [Rose 1998]. The free energy, which has one peak in ``σ²``, still never falls. Of hard
        clusters ``σ²`` drops out, and cooling changes nothing but the free energy on the way.
    sweeps : int, optional
        Of nonnegative codes: how often their coordinates are visited for each product with the
        data. More than 1 reach the same error sooner where the products take most of the time
        [Gillis & Glineur 2012]. None is 1, scikit-learn's path, or 4 where entries are missing, or
        rows have exposures or offsets.

    Raises
    ------
    InputError
        If a variance is not positive, cooling not at least 0 and below 1, or sweeps below 1.
    """

    regularization: float = 0.0
    fixed_variance: float | None = None
    first_variance: float = 1.0
    cooling: float = 0.0
    sweeps: int | None = None

    name: ClassVar[str] = "gaussian"
    kind: ClassVar[str] = "density"
    online: ClassVar[type[Products]] = Products

    def __post_init__(self) -> None:
        if min(self.first_variance, self.fixed_variance or 1.0) <= 0:
            raise InputError(
                f"first_variance is {self.first_variance} and fixed_variance "
                f"{self.fixed_variance}; expected variances above 0."
            )
        if not 0 <= self.cooling < 1:
            raise InputError(
                f"cooling is {self.cooling}; expected the share of the variance that is left at "
                "least, at least 0 and below 1."
            )
        if self.sweeps is not None and self.sweeps < 1:
            raise InputError(f"sweeps is {self.sweeps}; expected at least 1.")

    def reference(self, mean: Floats, blocks: list[RowBlock]) -> Floats:
        """See :class:`Noise`: distances do not depend on the origin."""
        return blocks[0].reference(mean)

    def row_statistic(self, block: RowBlock, reference: Floats) -> Floats:
        """Return ``‖x_n − r‖²``."""
        return block.squared_norms(reference)

    def first_dispersion(self, n_components: int, n_columns: int) -> Floats:
        """See :class:`MixtureNoise`."""
        return np.array(self.fixed_variance or self.first_variance)

    def scorer(self, params: Params) -> AffineScorer:
        """Return ``½‖x−μ_c‖²`` as ``½‖x−r‖² + ½‖μ_c−r‖² − ⟨x−r, μ_c−r⟩``, in units of 1/σ²."""
        variance, prior = float(params.dispersion), float(params.log_weights.max())
        means = params.components - params.reference
        offsets = 0.5 * np.einsum("cd,cd->c", means, means)
        offsets -= variance * (params.log_weights - prior)
        return AffineScorer(
            Affine(means, offsets, params.reference),
            scale=1.0 / variance,
            row_factor=0.5 / variance,
            row_constant=float(normaliser(variance, means.shape[1])) - prior,
        )

    def spread(
        self, block: RowBlock, posterior: Assignment, params: Params, cached: Floats
    ) -> Floats:
        """Return ``Σ_n w_n ‖x_n − r‖²``."""
        return np.array(block.weights @ cached)

    def dispersion(self, moments: Moments, params: Params) -> Floats:
        """Return ``σ² = Σ_nc w_n q_nc ‖x_n − μ_c‖² / (N d)``, or what cooling leaves of it."""
        entries = moments.counts.sum() * params.components.shape[1]
        about_reference = params.components - params.reference
        between = moments.counts @ np.einsum("cd,cd->c", about_reference, about_reference)
        estimate = self.variance(moments.spread, between, float(entries))
        return np.maximum(estimate, self.cooling * params.dispersion)

    def variance(self, spread: Floats, between: Floats, entries: float) -> Floats:
        """Return ``σ²``, given squared distances from the reference point.

        Parameters
        ----------
        spread : float or ndarray
            ``Σ_n w_n ‖x_n − r‖²``.
        between : float or ndarray
            ``Σ_c N_c ‖μ_c − r‖²`` of the means that belong to it.
        entries : float
            ``N d``.
        """
        if self.fixed_variance is not None:
            return np.full_like(spread, self.fixed_variance)
        floor = np.maximum(VARIANCE_FLOOR * spread, TINY * entries)
        within: Floats = np.maximum(spread - between, floor)
        return within / entries + self.regularization

    def hard_dispersion(
        self, between: Floats, spread: Floats, weight: float, n_columns: int
    ) -> Floats:
        """See :class:`NearestNoise`."""
        return self.variance(spread, between, weight * n_columns)

    def hard_loss(
        self, affine: Floats, spread: Floats, dispersion: Floats, weight: float, n_columns: int
    ) -> Floats:
        """See :class:`NearestNoise`."""
        loss: Floats = (0.5 * spread + affine) / dispersion
        return loss + weight * normaliser(dispersion, n_columns)

    def distances(self, block: RowBlock, params: Params) -> Floats:
        """Return ``‖x_n − μ_c‖``, shape (n, k); the least of each row without cancellation."""
        means = params.components - params.reference
        half_norms = 0.5 * np.einsum("cd,cd->c", means, means)
        squares = 2.0 * block.losses(Affine(means, half_norms, params.reference))
        squares += block.squared_norms(params.reference)[:, None]
        nearest = squares.argmin(axis=1).astype(np.int32)
        squares[np.arange(len(squares)), nearest] = self.distortion(block, params, nearest)
        return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)

    def distortion(self, block: RowBlock, params: Params, labels: Labels) -> Floats:
        """Return ``‖x_n − μ_c‖²`` of each row's component, shape (n,)."""
        return block.squared_distances(params.components, labels)

    def n_dispersion_parameters(self, n_components: int, n_columns: int) -> int:
        """See :class:`MixtureNoise`."""
        return 0 if self.fixed_variance is not None else 1

    def saturated_loss(self, block: RowBlock, params: Params) -> Floats:
        """Return ``½ d log 2πσ²``."""
        variance = float(params.dispersion)
        return np.full(block.n_rows, normaliser(variance, block.n_columns))

    def sample(self, mean: Floats, component: Labels, params: Params, rng: Any) -> NDArray[Any]:
        """See :class:`MixtureNoise`."""
        return mean + np.sqrt(float(params.dispersion)) * rng.standard_normal(mean.shape)

    def divergence(self, x: Floats, mean: Floats) -> Floats:
        """Return ``½(x − a)²``."""
        return 0.5 * np.square(x - mean)

    def gradient_parts(self, x: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return ``x`` and ``a``."""
        return x, mean

    def surrogate_minimum(
        self, codes: Floats, down: Floats, up: Floats, penalty: Penalty
    ) -> Floats:
        """Minimise ``½(p + l1)/z·u² + ½ l2 u² − m·u`` [Lee & Seung 2001]."""
        return codes * down / np.maximum(up + penalty.l1 + penalty.l2 * codes, TINY)

    def row_constant(self, block: RowBlock) -> Floats:
        """Return ``½‖x − o‖²`` over observed entries."""
        return 0.5 * unexplained_squares(block)

    def constants(self, block: RowBlock) -> Floats:
        """Return the number of entries ``Σ_n w_n d``, and ``Σ_n w_n ‖x_n‖²``."""
        squares = block.squared_norms(np.zeros(block.n_columns))
        return np.array([block.weights @ block.row_entries(), block.weights @ squares])

    def nats(self, divergence: float, constants: Floats) -> float:
        """Return ``½N log(2πe·σ²)`` with ``σ² = 2·divergence/N`` the best variance."""
        variance = float(self.linear_dispersion(divergence, constants))
        return 0.5 * float(constants[0]) * (LOG_2PI + np.log(variance) + 1.0)

    def linear_dispersion(self, divergence: float, constants: Floats) -> Floats:
        """Return ``σ² = 2·divergence/N``."""
        entries, squares = constants
        floor = max(VARIANCE_FLOOR * squares, TINY * entries)
        return np.array(max(2.0 * divergence, floor) / entries)

    def multiplicative_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """See :class:`NonnegativeNoise`: ``z ← z·(xWᵀ)/(zWWᵀ)`` [Lee & Seung 2001]."""
        if not block.plain:
            return self._multiplied(normal_equations(block, factor), codes)
        gram, products = factor.gram, block.times(factor.prepared)
        new = self.surrogate_minimum(codes, products, codes @ gram, factor.penalty)
        return Encoded(new, row_losses(new, gram, products))

    def nonnegative_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """See :class:`NonnegativeNoise`: sweeps over the coordinates [Cichocki & Phan 2009]."""
        if not block.plain:
            sweeps = self.sweeps or OBSERVED_SWEEPS if memory is None else memory
            return normal_equations(block, factor).descend(codes, sweeps)
        gram, products = factor.gram, block.times(factor.prepared)
        sweeps = self.sweeps or 1 if memory is None else memory
        return coordinate_descent(codes, gram, products, factor.penalty, sweeps, factor.is_judged)

    def _multiplied(self, equations: NormalEquations, codes: Floats) -> Encoded:
        """Return codes times ``xWᵀ`` over ``aWᵀ``, and their losses."""
        up = equations.bent(codes) + equations.of_offset
        new = self.surrogate_minimum(codes, equations.of_data, up, equations.factor.penalty)
        return Encoded(new, equations.losses(new))

    def memory(self, block: RowBlock, k: int, warm: bool = False) -> int | None:
        """See :class:`NonnegativeNoise`: how many sweeps a step takes, where many are cheap."""
        return FOLDING_SWEEPS if warm else None

    def pulls(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> tuple[Floats, Floats]:
        """See :class:`NonnegativeNoise`: ``xWᵀ`` and ``aWᵀ``."""
        if not block.plain:
            equations = normal_equations(block, factor)
            return equations.of_data, equations.bent(codes) + equations.of_offset
        return block.times(factor.prepared), codes @ factor.gram

    def under(self, block: RowBlock, factor: FixedFactor) -> RowBlock:
        """See :class:`LinearNoise`: products with the factor, where the mean is ``ZW``."""
        if not block.plain:
            return block
        return projected(block, block.times(factor.prepared))

    def free_codes(self, block: RowBlock, factor: FixedFactor) -> Encoded:
        """Return the least-squares codes ``Z = XWᵀ(WWᵀ)⁺``."""
        gram, products = factor.gram, block.times(factor.prepared)
        codes = products @ np.linalg.pinv(gram, hermitian=True)
        return Encoded(codes, row_losses(codes, gram, products))

    def semi_nonnegative_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats
    ) -> Encoded:
        """Return better codes ``Z ≥ 0`` under components of any sign; see `Encoded`."""
        if not block.plain:
            return normal_equations(block, factor).descend(codes, FOLDING_SWEEPS)
        gram, products = factor.gram, block.times(factor.prepared)
        return coordinate_descent(
            codes, gram, products, Penalty(), FOLDING_SWEEPS, factor.is_judged
        )

    def signed_codes(
        self, block: RowBlock, factor: FixedFactor, codes: Floats, memory: Any = None
    ) -> Encoded:
        """Return better codes of any sign, for rows with missing entries, too; see `Encoded`."""
        return normal_equations(block, factor).descend(codes, FOLDING_SWEEPS, lowest=-np.inf)

    def simplex_codes(self, block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
        """See :class:`SimplexNoise`: projected gradient steps."""
        gram, products = factor.gram, block.times(factor.prepared)
        new = projected_gradient(codes, gram, products)
        return Encoded(new, row_losses(new, gram, products))

    def simplex_components(self, params: Params, rows: Rows[Any]) -> Floats:
        """Return ``W = (ZᵀZ)⁺ ZᵀX``."""
        return best_components(rows)

    def best_multiple(self, block: RowBlock, components: Floats) -> tuple[Labels, Floats, Floats]:
        """See :class:`MultipleNoise`: the longest projection onto a line through the origin."""
        products = block.times(Columns(components.T))
        labels = np.abs(products).argmax(axis=1)
        multiple = np.take_along_axis(products, labels[:, None], axis=1)[:, 0]
        residual = block.row_sums(np.square) - np.square(multiple)
        return labels.astype(np.int32), multiple, 0.5 * np.maximum(residual, 0.0)

    def multiple_weights(self, multiple: Floats) -> tuple[Floats, Floats]:
        """Return ``s`` and ``s²``: ``μ_c = Σ w s x / Σ w s²``."""
        return multiple, np.square(multiple)

    def legal_multiples(self, components: Floats) -> Floats:
        """Return the components as unit vectors."""
        norms = np.linalg.norm(components, axis=1, keepdims=True)
        return components / np.maximum(norms, TINY)


def normaliser(variance: Any, n_columns: int) -> Any:
    """Return ``½ d log 2πσ²``, of each variance if there are several."""
    return 0.5 * n_columns * (LOG_2PI + np.log(variance))
