"""Factorizations of any kind of linear codes, where no classic estimator exists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from cofactor.certificate.certificate import Certificate
from cofactor.codes import Codes, Free, Nonnegative, ScaledOneHot, SemiNonnegative, Simplex
from cofactor.codes.fixed import fold_in
from cofactor.data import RowBlock, mean_row
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import (
    RANDOM_STATE,
    FamilyEstimator,
    OpenData,
    runs,
    warn_unless_converged,
)
from cofactor.estimators.codes_out import CodesOut
from cofactor.estimators.folding import nonnegative_encoder
from cofactor.estimators.nonnegative_fits import columns_for
from cofactor.estimators.observation import (
    Observation,
    check_offset,
    nonnegative,
    observation,
    without_gaps,
)
from cofactor.estimators.recommender import Recommender
from cofactor.estimators.stationary import stationary_point
from cofactor.fit import Fit, blocks_for, check_plain, first_rows, fit
from cofactor.model import Model
from cofactor.noise import Noise, Params, Penalty, noise_named
from cofactor.start import first_factors, plus_plus, singular_vectors
from cofactor.start.rng import rng_for
from cofactor.stop import Rule, SmallChange, Stop
from cofactor.trace import Callback, Trace

Start = tuple[Floats | None, Floats]
Encoder = Callable[[RowBlock], Floats]
SUMS = "Factorization (nonnegative codes; semi-nonnegative ones take data of any sign)"


class Factorization(Recommender, CodesOut, FamilyEstimator):
    """``X ≈ ZW`` with any noise and any linear codes that go together.

    ``codes="free"`` with Gaussian noise is the truncated singular value decomposition;
    ``"simplex"`` a convex mixture, or with multinomial noise PLSA [Hofmann 1999];
    ``"scaled one-hot"`` one line through the origin per cluster, or with Poisson noise
    information-theoretic clustering [Dhillon, Mallela & Modha 2003]; ``"nonnegative"`` what
    :class:`NMF` does; ``"semi-nonnegative"`` sums of components of any sign [Ding, Li & Jordan
    2010].

    Parameters
    ----------
    n_components : int, default 2
    codes : str, default 'free'
        'free', 'simplex', 'scaled one-hot', 'nonnegative' or 'semi-nonnegative'.
        What the code of a row may be.
    noise : str or Noise, default 'gaussian'
        A name in ``cofactor.noise.NOISES``.
    max_iter : int, default 300
    tol : float, default 1e-5
        Converged when an iteration lowers the objective by less than this part of its whole fall.
    random_state : int, RandomState or None
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, d)
    log_likelihood_ : float
        In nats for all rows, given their codes, constants included.
    dispersion_ : float or None
        What the noise has beside its mean, such as ``σ²``.
    n_iter_ : int
    converged_ : bool
    trace_ : Trace
        ``objective`` (minus the log-likelihood) and ``seconds`` of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only if the data have names of columns.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "codes": [
            StrOptions({"free", "simplex", "scaled one-hot", "nonnegative", "semi-nonnegative"})
        ],
        "noise": [str, Noise],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": RANDOM_STATE,
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    }

    _needs_offset: bool = False  # of new rows, as the fit had one

    def __init__(
        self,
        n_components: int = 2,
        *,
        codes: str = "free",
        noise: str | Noise = "gaussian",
        max_iter: int = 300,
        tol: float = 1e-5,
        random_state: Any = None,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.codes = codes
        self.noise = noise
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        mask: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> Factorization:
        """Find the components.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            NaN where an entry is missing, which nonnegative and semi-nonnegative codes allow.
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.
        mask : array-like or sparse matrix of shape (n, d), optional
            True where an entry was observed, as for :meth:`NMF.fit_transform`; default: all but
            NaN.
        exposure, offset
            As for :meth:`NMF.fit_transform`; of nonnegative and semi-nonnegative codes only.

        Raises
        ------
        ImpossibleCellError
            If the noise lacks what the codes need.
        InputError
            If the noise cannot produce such data, they are too few for the components, or entries
            are missing that the codes need.
        ValueError
            If data are below 0, and codes nonnegative.
        """
        self._validate_params()
        model, kind = self._model, KINDS[self.codes]
        seen = self._seen(X, mask, exposure, offset, reset=True)
        with self._open(seen.X, model.noise, sample_weight, seen.mask, seen.baseline) as data:
            check_plain(model, data.blocks)
            rng, begun = rng_for(self.random_state), replace(data, X=without_gaps(seen))
            codes, components = kind.start(model.noise, begun, self.n_components, rng)
            found = self._run(model, data, seen, codes, components)
        self._remember(found, seen.X.dtype)
        self._needs_offset = offset is not None
        warn_unless_converged(found, "Factorization", "Increase max_iter or tol.")
        return self

    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: Any = None, **observed: Any
    ) -> Array:
        """Fit, and return the codes; see :meth:`fit` and :meth:`transform`."""
        return self.fit(X, sample_weight=sample_weight, **observed).transform(X, **observed)

    def transform(
        self, X: Any, *, mask: Any = None, exposure: Any = None, offset: Any = None
    ) -> Array:
        """Return the best codes of rows under the fitted components, shape (n, n_components).

        Parameters
        ----------
        X, mask, exposure, offset
            As for :meth:`fit`, of these rows.

        Raises
        ------
        InputError
            If the fit had an offset and these rows have none; ``offset=0`` says so.
        """
        check_is_fitted(self)
        check_offset(self, offset)
        seen, model = self._seen(X, mask, exposure, offset, reset=False), self._model
        encode = KINDS[self.codes].encoder(model.noise, self._components)
        with self._open(seen.X, model.noise, None, seen.mask, seen.baseline) as data:
            check_plain(model, data.blocks)
            codes = data.rowwise(encode)
        return codes.astype(seen.X.dtype, copy=False)

    def _certified(self, X: Any, sample_weight: Any) -> Certificate:
        """See :class:`Certifiable`."""
        check_is_fitted(self)
        check_offset(self, None)
        seen, model = self._seen(X, reset=False), self._model
        encode = KINDS[self.codes].encoder(model.noise, self._components)
        with self._open(seen.X, model.noise, sample_weight, seen.mask) as data:
            check_plain(model, data.blocks)
            codes = data.rowwise(encode)
            columns = _columns(model, data, seen)
            return stationary_point(model, data, codes, self._components, columns)

    @property
    def noise_(self) -> Noise:
        """The noise that ``noise`` means."""
        return self._model.noise

    @property
    def _model(self) -> Model:
        return Model(noise_named(self.noise), KINDS[self.codes].codes)

    def _seen(
        self, X: Any, mask: Any = None, exposure: Any = None, offset: Any = None, *, reset: bool
    ) -> Observation:
        """Return valid data, and how they were observed."""
        X = self._validated(X, reset=reset, finite="allow-nan" if mask is None else False)
        seen = observation(X, mask, exposure, offset)
        return seen if KINDS[self.codes].any_sign else nonnegative(seen, SUMS)

    def _run(
        self,
        model: Model,
        data: OpenData,
        seen: Observation,
        codes: Floats | None,
        components: Floats,
    ) -> Fit:
        k, d = components.shape
        params = Params(components, np.zeros(k), np.zeros(0), np.zeros(d))
        blocks = blocks_for(model, data.rows, data.engine)
        columns = _columns(model, data, seen)
        rows = first_rows(model, blocks, params, data.engine, codes, columns)
        (limit,) = runs(1, self.time_limit)
        rules: tuple[Rule, ...] = (SmallChange(self.tol, relative=True), limit)
        return fit(model, rows, params, Stop(self.max_iter, rules), self.callbacks)

    def _remember(self, found: Fit, dtype: Any) -> None:
        noise: Any = found.model.noise
        statistics = found.statistics
        dispersion = noise.linear_dispersion(statistics.divergence, statistics.constants)
        self._components: Floats = np.ascontiguousarray(found.params.components)
        self.components_: Array = self._components.astype(dtype)
        self.n_iter_: int = max(1, len(found.trace) - 1)
        self.converged_: bool = found.converged
        self.log_likelihood_: float = -float(found.objective)
        self.dispersion_: float | None = float(dispersion) if dispersion.size else None
        self.trace_: Trace = found.trace


def _columns(model: Model, data: OpenData, seen: Observation) -> Sequence[RowBlock]:
    """Return the transposed data, if the codes need them."""
    return columns_for(model, data, seen) if model.codes.reads_columns(seen.plain) else ()


def _singular(noise: Any, data: OpenData, k: int, rng: np.random.RandomState) -> Start:
    n, d = data.X.shape
    if k > min(n, d):
        raise InputError(
            f"n_components={k} is too many for n_samples={n} and n_features={d}; free codes "
            "expect at most the smaller of the two: use fewer components."
        )
    codes, components = singular_vectors(data.X, k, rng, data.weights)
    return np.asarray(codes, dtype=float), np.asarray(components, dtype=float)


def _corners(noise: Any, data: OpenData, k: int, rng: np.random.RandomState) -> Start:
    return np.full((data.X.shape[0], k), 1.0 / k), noise.legal_means(_drawn(noise, data, k, rng))


def _directions(noise: Any, data: OpenData, k: int, rng: np.random.RandomState) -> Start:
    return None, noise.legal_multiples(_drawn(noise, data, k, rng))


def _positive(noise: Any, data: OpenData, k: int, rng: np.random.RandomState) -> Start:
    init = "nndsvda" if k <= min(data.X.shape) else "random"
    return first_factors(data.X, k, init, rng, data.weights)


def _drawn(noise: Any, data: OpenData, k: int, rng: np.random.RandomState) -> Floats:
    """Return rows far from each other, moved inside the noise's domain, shape (k, d)."""
    n = data.X.shape[0]
    if k > n:
        raise InputError(f"n_components={k} is too many for n_samples={n}: use fewer components.")
    rows = plus_plus(data.X, k, data.weights)(rng).astype(float)
    return np.asarray(noise.first_means(rows, mean_row(data.blocks)))


def _free(noise: Any, components: Floats) -> Encoder:
    factor = Free().factor(components)
    return lambda block: np.asarray(noise.free_codes(block, factor).codes)


def _averages(noise: Any, components: Floats) -> Encoder:
    codes, k = Simplex(), len(components)
    factor = codes.factor(components)

    def encode(block: RowBlock) -> Floats:
        return fold_in(codes, noise, block, factor, np.full((block.n_rows, k), 1.0 / k)).codes

    return encode


def _multiples(noise: Any, components: Floats) -> Encoder:
    def encode(block: RowBlock) -> Floats:
        labels, multiple, _ = noise.best_multiple(block, components)
        codes = np.zeros((block.n_rows, len(components)))
        codes[np.arange(block.n_rows), labels] = multiple
        return codes

    return encode


def _sums(noise: Any, components: Floats) -> Encoder:
    encode = nonnegative_encoder(noise, components, Penalty())
    return lambda block: encode(block).codes


def _signed_sums(noise: Any, components: Floats) -> Encoder:
    codes, k = SemiNonnegative(), len(components)
    factor = codes.factor(components)
    return lambda block: fold_in(codes, noise, block, factor, np.zeros((block.n_rows, k))).codes


@dataclass(frozen=True)
class Kind:
    """One kind of codes.

    Attributes
    ----------
    codes : Codes
    start : callable
        ``start(noise, data, k, rng)`` returns first codes, where they are needed, and components.
    encoder : callable
        ``encoder(noise, components)`` returns what finds the best codes of a block, shape (n, k).
    any_sign : bool, default True
        Whether data may be below 0, as far as the noise allows it.
    """

    codes: Codes[Any]
    start: Callable[[Any, OpenData, int, np.random.RandomState], Start]
    encoder: Callable[[Any, Floats], Encoder]
    any_sign: bool = True


KINDS = {
    "free": Kind(Free(), _singular, _free),
    "simplex": Kind(Simplex(), _corners, _averages),
    "scaled one-hot": Kind(ScaledOneHot(), _directions, _multiples),
    "nonnegative": Kind(Nonnegative(), _positive, _sums, any_sign=False),
    "semi-nonnegative": Kind(SemiNonnegative(), _corners, _signed_sums),
}
