"""Nonnegative matrix factorization under any noise, with scikit-learn's face."""

from __future__ import annotations

import time
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from cofactor.codes import Nonnegative
from cofactor.data.base import Array
from cofactor.estimators.base import RANDOM_STATE, FamilyEstimator, OpenData, best, narrator, runs
from cofactor.estimators.codes_out import CodesOut
from cofactor.estimators.factor_starts import Start, Starts, warn_of_locked_zeros
from cofactor.estimators.folding import codes_under, nats_per_entry
from cofactor.estimators.losses import loss_named
from cofactor.estimators.nonnegative_fits import (
    judgement,
    modelled,
    opened,
    settled,
    settled_objective,
    stationary_stop,
    warn_of_the_last_iteration,
)
from cofactor.estimators.observation import Observation, check_offset, nonnegative, observation
from cofactor.estimators.online_factors import OnlineFactors
from cofactor.estimators.penalties import Penalised
from cofactor.estimators.recommender import Recommender
from cofactor.estimators.stationary import NonnegativeFactors
from cofactor.fit import Fit, fit
from cofactor.model import Model
from cofactor.noise import Noise, noise_named
from cofactor.noise.linear import NonnegativeNoise
from cofactor.start.factors import STARTS
from cofactor.stop import Rule, SmallChange, Stop, TimeLimit
from cofactor.trace import Callback, Trace

PATIENCE = 10  # iterations in which the objective must fall by tol


class NMF(Penalised, NonnegativeFactors, OnlineFactors, Recommender, CodesOut, FamilyEstimator):
    """Nonnegative matrix factorization: ``X ≈ WH`` with ``W ≥ 0`` and ``H ≥ 0``.

    Minimises ``Σ_n w_n d(x_n, (WH)_n)`` plus the penalties

    ``α_W d (r Σ|W| + ½(1−r) ΣW²) + α_H n (r Σ|H| + ½(1−r) ΣH²)`` with ``r = l1_ratio``,

    where ``d`` is a beta-divergence, or what a noise makes of it: the maximum of the (penalised)
    likelihood of Gaussian, Poisson, Gamma or negative binomial data [Lee & Seung 2001; Févotte &
    Idier 2011]. Parameters, results and random numbers are those of
    :class:`sklearn.decomposition.NMF`; components after any number of iterations are the same.

    Parameters
    ----------
    n_components : int, 'auto' or None, default 'auto'
        'auto' takes it from a given ``H``, else from the number of columns, as None does.
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar', 'kmeans', 'anchors', 'custom'}, \
            array-like of shape (k, d) or None
        Where to start; None is 'nndsvda' where there are so many components, else 'random'.
        Components of another fit may be fewer: the rows that they explain worst give the others.
    solver : {'cd', 'mu'}, default 'cd'
        'cd' takes the best step that the noise has: coordinate descent for Gaussian [Cichocki &
        Phan 2009], Newton steps for Poisson noise, with all codes of a row at once up to 64
        components and one after the other beyond [Hsieh & Dhillon 2011]; 'mu' takes
        multiplicative steps.
    beta_loss : float or {'frobenius', 'kullback-leibler', 'itakura-saito'}, default 'frobenius'
        Other losses than 'frobenius' need ``solver='mu'``, or rather ``noise``.
    tol : float, default 1e-4
        Converged when ten iterations at the present pace would lower the objective by less than
        this part of its whole fall; 0 takes all iterations.
    max_iter : int, default 200
    n_init : int, default 1
        Number of starts, of which the fit of the lowest objective is kept; one if 'custom'.
    random_state : int, RandomState or None
    alpha_W : float, default 0
        Penalty of the codes.
    alpha_H : float or 'same', default 'same'
        Penalty of the components; 'same' is ``alpha_W``.
    l1_ratio : float, default 0
        The share of absolute values in the penalties, between 0 and 1.
    verbose : int, default 0
        Above 0, print each iteration.
    shuffle : bool, default False
        Visit the coordinates in random order; of 'cd' only.
    noise : str, Noise or None, default None
        Takes the place of ``beta_loss``: 'gaussian', 'poisson', 'gamma', 'negative_binomial', or
        a Noise object, such as ``Gaussian(sweeps=8)``, which reaches the same error sooner.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds, for all starts together.
    warm_start : bool, default False
        Start from the components of the last fit, which may have been fewer, in place of ``init``.
    prior_W, prior_H : (float, float) or None, default None
        Shape, at least 1, and rate, above 0 if the shape is above 1, of a Gamma prior of every code
        and component, of Poisson noise only: the most probable factors are found [Cemgil 2009].
    kkt_tol : float or None, default None
        Converged, too, when the residual ``kkt_residual_`` is at most this; measured, and kept
        in the trace, only if given.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, d)
        ``H``, in the data's precision.
    n_components_ : int
    reconstruction_err_ : float
        ``√(2 Σ_n w_n d(x_n, (WH)_n))``: the Frobenius norm for Gaussian noise.
    n_iter_ : int
        Number of updates of the components, after which the codes get the last word: they are the
        best for these components.
    converged_ : bool
    log_likelihood_ : float
        ``log p(X | WH)`` in nats for all rows, constants included, without penalties; of a free
        ``beta_loss``, which is no likelihood, minus the divergence.
    explained_deviance_ : float
        ``1 − Σ d(x, WH) / Σ d(x, x̄)`` with ``x̄`` the mean of all entries.
    kkt_residual_ : float
        How far both factors are from stationary, free of scale: ``max |min(σ, γ)|`` with ``σ``
        the share of a code in its row (or column), ``γ = (p − m) / (p + m)`` its derivative
        ``p − m`` over the sum of its two parts.
    kkt_steepest_ : float
        ``max(0, −min γ)``: the steepest way down that is left.
    dispersion_ : float or None
        The noise's: ``σ²`` of Gaussian, the shape of Gamma noise; None where there is none.
    trace_ : Trace
        ``objective`` (minus the penalised log-likelihood) and ``seconds`` of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only if the data have names of columns.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "init": [StrOptions({*STARTS, "custom"}), "array-like", None],
        "solver": [StrOptions({"mu", "cd"})],
        "beta_loss": [StrOptions({"frobenius", "kullback-leibler", "itakura-saito"}), Real],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "random_state": RANDOM_STATE,
        "alpha_W": [Interval(Real, 0, None, closed="left")],
        "alpha_H": [Interval(Real, 0, None, closed="left"), StrOptions({"same"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "verbose": ["verbose"],
        "shuffle": ["boolean"],
        "noise": [str, Noise, None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "warm_start": ["boolean"],
        "prior_W": [tuple, list, None],
        "prior_H": [tuple, list, None],
        "kkt_tol": [Interval(Real, 0, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components: int | str | None = "auto",
        *,
        init: Any = None,
        solver: str = "cd",
        beta_loss: float | str = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        n_init: int = 1,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: float | str = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        shuffle: bool = False,
        noise: str | Noise | None = None,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
        warm_start: bool = False,
        prior_W: tuple[float, float] | None = None,
        prior_H: tuple[float, float] | None = None,
        kkt_tol: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.shuffle = shuffle
        self.noise = noise
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit
        self.warm_start = warm_start
        self.prior_W = prior_W
        self.prior_H = prior_H
        self.kkt_tol = kkt_tol

    _needs_offset: bool = False  # of new rows, as the fit had one

    def fit(self, X: Any, y: Any = None, **params: Any) -> NMF:
        """Find the factors.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        **params
            ``W``, ``H``, ``sample_weight``, ``mask``, ``exposure`` and ``offset``; see
            :meth:`fit_transform`.
        """
        self.fit_transform(X, **params)
        return self

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        W: Any = None,
        H: Any = None,
        *,
        sample_weight: Any = None,
        mask: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> Array:
        """Find the factors and return the codes ``W``.

        The mean of the data is ``e_n (WH)_nl + o_nl`` with exposures ``e`` and offsets ``o``, if
        they are given.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            At least 0; NaN where an entry is missing.
        y : ignored
        W, H : array-like of shape (n, k) and (k, d), optional
            Where to start, with ``init='custom'``.
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.
        mask : array-like or sparse matrix of shape (n, d), optional
            True where an entry was observed, whatever X holds elsewhere; default: all but NaN. A
            sparse mask lists what was observed, zeros of X among it.
        exposure : array-like of shape (n,), optional
            What each row was exposed to, above 0: hours, area, or counts in all; default 1.
        offset : optional
            Known parts of the means, at least 0: an array of shape (d,), an array or sparse matrix
            of shape (n, d), a pair of arrays (n, r) and (r, d) whose product it is, or a number.

        Returns
        -------
        ndarray of shape (n, k)

        Raises
        ------
        InputError
            If the noise cannot produce such data, or start and data do not fit together.
        """
        self._validate_params()
        warn_of_locked_zeros(self.solver, self.init)
        noise, seen = self.noise_, self._seen(X, mask, exposure, offset, reset=True)
        with self._open(seen.X, noise, sample_weight, seen.mask, seen.baseline) as data:
            codes = self._penalised(float(data.weights.sum()), seen.X.shape[1])
            starts = self._starts.of(noise, data, seen, W, H)
            limits = runs(self.n_init, self.time_limit)
            fits = (
                settled(self._run(modelled(noise, codes, seen), data, seen, start, limit))
                for start, limit in zip(starts, limits, strict=False)
            )
            found = best(fits, settled_objective)
            judged = judgement(found)
        self.kkt_residual_, self.kkt_steepest_, self.explained_deviance_ = judged
        self._remember(found, seen.X.dtype)
        self._needs_offset = offset is not None
        self._forget_batches()
        warn_of_the_last_iteration(self)
        best_codes = np.vstack([state.codes for state in found.rows.states])
        return best_codes.astype(seen.X.dtype, copy=False)

    def transform(
        self, X: Any, *, mask: Any = None, exposure: Any = None, offset: Any = None
    ) -> Array:
        """Return the best codes of rows under the fitted components, shape (n, n_components).

        Each row is treated as if it were alone; those of the fit get their codes of the fit, unless
        weights or several equally good codes part them.

        Parameters
        ----------
        X, mask, exposure, offset
            As for :meth:`fit_transform`, of these rows.

        Raises
        ------
        InputError
            If the fit had an offset and these rows have none; ``offset=0`` says so.
        """
        seen = self._new_rows(X, mask, exposure, offset)
        penalty = self._penalty(seen.X.shape[1])
        with self._open(seen.X, self.noise_, None, seen.mask, seen.baseline) as data:
            codes = codes_under(self.noise_, self.components_.astype(float), penalty, data)
        return codes.astype(seen.X.dtype, copy=False)

    def score(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        mask: Any = None,
        exposure: Any = None,
        offset: Any = None,
    ) -> float:
        """Return the log-likelihood of an observed entry in nats, given codes of :meth:`transform`.

        Constants are included; a dispersion is the best for these rows.
        """
        seen = self._new_rows(X, mask, exposure, offset)
        penalty = self._penalty(seen.X.shape[1])
        with self._open(seen.X, self.noise_, sample_weight, seen.mask, seen.baseline) as data:
            return nats_per_entry(self.noise_, self.components_.astype(float), penalty, data)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def noise_(self) -> NonnegativeNoise:
        """The noise that ``noise``, or else ``beta_loss``, means."""
        if self.noise is None:
            return loss_named(self.beta_loss, self.solver)
        return cast(NonnegativeNoise, Model(noise_named(self.noise), Nonnegative()).noise)

    def _seen(self, X: Any, mask: Any, exposure: Any, offset: Any, *, reset: bool) -> Observation:
        """Return valid data, and how they were observed."""
        X = self._validated(X, reset=reset, finite="allow-nan" if mask is None else False)
        whom = f"NMF{'' if reset else '.transform'} (input X)"
        return nonnegative(observation(X, mask, exposure, offset), whom)

    def _new_rows(self, X: Any, mask: Any, exposure: Any, offset: Any) -> Observation:
        check_is_fitted(self)
        check_offset(self, offset)
        return self._seen(X, mask, exposure, offset, reset=False)

    @property
    def _starts(self) -> Starts:
        goes_on = self.warm_start and hasattr(self, "components_")
        init = self.components_ if goes_on else self.init
        as_drawn = self.solver == "mu" or self.noise_.name != "poisson"
        return Starts(init, self.n_components, self.n_init, self.random_state, as_drawn)

    def _run(
        self, model: Model, data: OpenData, seen: Observation, start: Start, limit: TimeLimit
    ) -> Fit:
        started = time.perf_counter()
        rows, params = opened(model, data, seen, start)
        slow = SmallChange(self.tol / PATIENCE, relative=True)
        rules: tuple[Rule, ...] = (slow,) if self.tol > 0 else ()
        residual, still = stationary_stop(model, self.kkt_tol)
        callbacks = [*self.callbacks, *([narrator(1)] if self.verbose else [])]
        stop = Stop(self.max_iter, (*rules, *still, limit))
        return fit(model, rows, params, stop, callbacks, started, residual)

    def _remember(self, found: Fit, dtype: Any) -> None:
        noise, statistics = cast(NonnegativeNoise, found.model.noise), found.statistics
        dispersion = noise.linear_dispersion(statistics.divergence, statistics.constants)
        self.components_: Array = np.ascontiguousarray(found.params.components, dtype)
        self.n_components_: int = found.params.n_components
        self.reconstruction_err_: float = float(np.sqrt(2.0 * max(statistics.divergence, 0.0)))
        self.n_iter_: int = len(found.trace) - 1
        self.converged_: bool = found.converged
        nats = noise.nats(statistics.divergence, statistics.constants)
        self.log_likelihood_: float = -float(nats)
        self.dispersion_: float | None = float(dispersion) if dispersion.size else None
        self.trace_: Trace = found.trace
