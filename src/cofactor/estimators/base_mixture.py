"""What every mixture does: fit by EM, judge rows, draw new ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from cofactor.codes import OneHot
from cofactor.codes.onehot import maximize
from cofactor.data.base import Array, Floats, Labels, RowBlock
from cofactor.errors import InputError
from cofactor.estimators.base import RANDOM_STATE, OpenData, best, final_objective, narrator, runs
from cofactor.estimators.given import given_array, given_weights
from cofactor.estimators.mixture_starts import MIXTURE_STARTS, MixtureStart
from cofactor.estimators.one_hot import OneHotEstimator
from cofactor.estimators.predict import Predictor
from cofactor.fit import Fit, first_rows, fit
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Params
from cofactor.noise.base import Moments
from cofactor.online import Running
from cofactor.search import MOST, Budget, best_mixture
from cofactor.start import from_means
from cofactor.start.rng import rng_for
from cofactor.stop import SmallGain, Stop, TimeLimit
from cofactor.trace import Callback, Trace

PARAMS = {"components", "log_weights", "dispersion"}
FINER = 0.1  # of the tolerance, where a search judges moves


class BaseMixture(DensityMixin, OneHotEstimator):
    """Base of mixtures: EM over one-hot codes, whose posterior may be truncated.

    Subclasses say which noise they mean, and have the parameters named below.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_closest": [Interval(Integral, 1, None, closed="left"), None],
        "search": [StrOptions({"full", "neighbors", "global"})],
        "learn_weights": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions(set(MIXTURE_STARTS))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "learning_decay": [Interval(Real, 0.5, 1.0, closed="right")],
        "random_state": RANDOM_STATE,
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    }

    n_components: int
    n_closest: int | None
    search: str
    learn_weights: bool
    tol: float
    max_iter: int
    n_init: int
    init_params: str
    weights_init: Any
    means_init: Any
    learning_decay: float
    random_state: Any
    warm_start: bool
    verbose: int
    verbose_interval: int
    n_threads: int | None
    callbacks: Sequence[Callback]
    time_limit: float | None

    lower_bound_: float
    _running: Running[Moments]  # statistics of the rows seen so far

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Estimate the parameters by EM.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.

        Raises
        ------
        InputError
            If the noise cannot produce such data, there are fewer rows than components, or a
            covariance becomes singular.
        """
        self._validate_params()
        X = self._enough_rows(self._validated(X, reset=True, min_rows=2))
        rng = rng_for(self.random_state)
        goes_on = self.warm_start and hasattr(self, "_params")
        start = self._continued if goes_on else self._first_params
        with self._open(X, self._mixture_noise, sample_weight) as data:
            before = -self.lower_bound_ * data.weights.sum() if goes_on else np.inf
            limits = runs(1 if goes_on else self.n_init, self.time_limit)
            run = self._search if self._is_global else self._run
            fits = (run(data, start(data, rng), before, limit, rng) for limit in limits)
            self._remember(best(fits, self._judged), float(data.weights.sum()))
        self._warn_unless_converged()
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one more batch of rows: one step of stepwise EM [Cappé & Moulines 2009].

        The posterior of the batch gives statistics; what is remembered of earlier batches fades
        as ``s ← (1 − γ) s + γ s_batch`` with ``γ = (w/W)^κ``, where ``w`` is the weight of the
        batch, ``W`` that of all rows so far, and ``κ`` the ``learning_decay``. The parameters are
        those that fit the statistics best. The first batch also gives the start, as in
        :meth:`fit`; after :meth:`fit`, learning goes on from the fitted model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
            At least one row; the first batch needs ``n_components``.
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.

        Raises
        ------
        InputError
            As :meth:`fit`.
        """
        first = not hasattr(self, "_params")
        if first:
            self._validate_params()
        X = self._validated(X, reset=first)
        with self._open(X, self._mixture_noise, sample_weight) as data:
            if first:
                self._enough_rows(X)
                self._adopt(self._first_params(data, rng_for(self.random_state)))
            self._learn(data)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Labels:
        """Fit, and return the most probable component of each row, shape (n,)."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def predict_proba(self, X: Any) -> Floats:
        """Return the posterior probability of every component, shape (n, n_components)."""
        with self._reopen(X) as data:
            return data.rowwise(self._predictor.probabilities)

    def score_samples(self, X: Any) -> Floats:
        """Return ``log p(x_n)`` of each row in nats, exact, constants included, shape (n,)."""
        with self._reopen(X) as data:
            return data.rowwise(self._predictor.log_likelihood)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the weighted mean of ``log p(x_n)``, in nats per row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
        """
        total, weight = self._total(Predictor.log_likelihood, X, sample_weight)
        return total / weight

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Return ``−2 log L + p log N``; lower is better [Schwarz 1978].

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        sample_weight : array-like of shape (n,), optional
            ``N`` is their sum.
        """
        total, weight = self._total(Predictor.log_likelihood, X, sample_weight)
        return -2.0 * total + self.n_parameters_ * float(np.log(weight))

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Return ``−2 log L + 2 p``; lower is better [Akaike 1974]. Arguments as :meth:`bic`."""
        total, _ = self._total(Predictor.log_likelihood, X, sample_weight)
        return -2.0 * total + 2.0 * self.n_parameters_

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """Return :meth:`bic` plus twice the entropy of the labels [Biernacki et al. 2000].

        Lower is better: components that overlap are held against the model. Arguments as
        :meth:`bic`.
        """
        total, weight = self._total(Predictor.evidence, X, sample_weight)
        return -2.0 * total + self.n_parameters_ * float(np.log(weight))

    def sample(self, n_samples: int = 1) -> tuple[Array, Array]:
        """Draw new rows from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : ndarray of shape (n_samples, d)
            Sorted by component.
        y : ndarray of shape (n_samples,)
            The component of each row.

        Raises
        ------
        InputError
            If ``n_samples`` is below 1.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise InputError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least "
                "one sample."
            )
        rng = rng_for(self.random_state)
        counts = rng.multinomial(n_samples, self.weights_)
        labels = np.repeat(np.arange(len(counts)), counts)
        means = self._params.components[labels]
        return self._mixture_noise.sample(means, labels.astype(np.int32), self._params, rng), labels

    @property
    def n_parameters_(self) -> int:
        """Number of free parameters: means, dispersions and mixing weights."""
        k, d = self._params.components.shape
        weights = k - 1 if self.learn_weights else 0
        return k * d + weights + self._mixture_noise.n_dispersion_parameters(k, d)

    def _total(
        self, of_rows: Callable[[Predictor, RowBlock], Floats], X: Any, sample_weight: Any
    ) -> tuple[float, float]:
        """Return the weighted sum of what is said of rows, and the sum of the weights."""
        with self._reopen(X, sample_weight) as data:
            own = data.rowwise(partial(of_rows, self._predictor))
            return float(data.weights @ own), float(data.weights.sum())

    def _enough_rows(self, X: Any) -> Any:
        """Return X, checked to have a row for each component."""
        if X.shape[0] < self.n_components:
            raise InputError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {X.shape[0]}"
            )
        return X

    def _given(self, n_columns: int) -> dict[str, Floats]:
        """Return the parameters that the caller gives, by their names in Params."""
        given: dict[str, Floats] = {}
        if self.weights_init is not None:
            with np.errstate(divide="ignore"):
                given["log_weights"] = np.log(given_weights(self.weights_init, self.n_components))
        if self.means_init is not None:
            means = given_array(self.means_init, (self.n_components, n_columns), "means")
            given["components"] = self._mixture_noise.legal_means(means)
        return given

    def _first_params(self, data: OpenData[MixtureNoise], rng: np.random.RandomState) -> Params:
        noise, given = data.noise, self._given(data.X.shape[1])
        if given.keys() == PARAMS:
            return replace(from_means(noise, data.blocks, given["components"]), **given)
        search = "neighbors" if self.search == "neighbors" else "full"
        start = MixtureStart(noise, self.n_components, self.learn_weights, data, rng, search)
        return replace(MIXTURE_STARTS[self.init_params](start), **given)

    def _continued(self, data: OpenData[MixtureNoise], rng: np.random.RandomState) -> Params:
        """Return the fitted parameters, about the reference of the new data."""
        reference = data.noise.reference(data.mean, data.blocks)
        return replace(self._params, reference=reference)

    def _run(
        self,
        data: OpenData[MixtureNoise],
        params: Params,
        before: float,
        limit: TimeLimit,
        rng: np.random.RandomState,
    ) -> Fit:
        """Fit from one start."""
        if self.verbose:
            print("Initialization complete")
        return self._fit_by_em(data, params, before, Stop(self.max_iter, (limit,)), self._told)

    def _search(
        self,
        data: OpenData[MixtureNoise],
        params: Params,
        before: float,
        limit: TimeLimit,
        rng: np.random.RandomState,
    ) -> Fit:
        """Search for the best of many optima, from this start and fresh ones."""
        firsts = iter([(params, before)])

        def begin(left: TimeLimit) -> Fit:
            first, known = next(firsts, None) or (self._first_params(data, rng), np.inf)
            stop = Stop(max(MOST, self.max_iter), (left,))
            return self._fit_by_em(data, first, known, stop, [])

        budget = Budget(self.max_iter, limit, self._told)
        return best_mixture(begin, FINER * self.tol, rng, budget)

    def _fit_by_em(
        self,
        data: OpenData[MixtureNoise],
        params: Params,
        before: float,
        stop: Stop,
        callbacks: Sequence[Callback],
    ) -> Fit:
        """Fit by EM until it gains little, or another rule says stop."""
        model = Model(self._mixture_noise, self._codes(self.learn_weights))
        rows = self._first_rows(model, data, params)
        gain = SmallGain(self.tol * float(data.weights.sum()), before)
        return fit(model, rows, params, replace(stop, rules=(gain, *stop.rules)), callbacks)

    @property
    def _told(self) -> list[Callback]:
        """Who is told of every iteration."""
        narrators = [narrator(self.verbose_interval)] if self.verbose else []
        return [*self.callbacks, *narrators]

    @property
    def _is_global(self) -> bool:
        """Whether the best of many optima is searched for."""
        return self.search == "global"

    @property
    def _judged(self) -> Callable[[Fit], float]:
        """By what the best of several fits is chosen."""
        return final_objective if self._is_global else judged_objective

    def _learn(self, data: OpenData[MixtureNoise]) -> None:
        """Take one step from the posterior of a batch and what is remembered of earlier ones."""
        weight, params = float(data.weights.sum()), self._params
        rows = first_rows(self._model, data.blocks, params, data.engine)
        statistics, _ = rows.sweep(self._model.e_step(params))
        self.lower_bound_ = -self._model.objective(statistics, params) / weight
        self._running = self._joined(statistics.moments, weight)
        moments = self._running.statistics
        self._adopt(maximize(data.noise, moments, params, self.learn_weights))

    def _joined(self, moments: Moments, weight: float) -> Running[Moments]:
        """Return what is known with one more batch."""
        if not hasattr(self, "_running"):
            return Running.first(moments, weight)
        return self._running.joined(moments, weight, self.learning_decay)

    @property
    def _model(self) -> Model:
        return Model(self._mixture_noise, OneHot(self.n_closest, self.learn_weights))

    def _adopt(self, params: Params) -> None:
        self._forget()
        self._params = params
        self.weights_: Floats = np.exp(params.log_weights)
        self.means_: Floats = params.components

    def _remember(self, chosen: Fit, total_weight: float) -> None:
        self._adopt(chosen.params)
        self._running = Running.first(chosen.statistics.moments, total_weight)
        self.trace_: Trace = chosen.trace
        self.free_energy_: float = -chosen.objective
        self.converged_: bool = chosen.converged
        self.n_iter_: int = len(chosen.trace) - 1
        before = chosen.trace.objective[: None if self._is_global else -1]
        self.lower_bounds_: list[float] = [-objective / total_weight for objective in before]
        self.lower_bound_ = self.lower_bounds_[-1] if self.lower_bounds_ else -np.inf

    def _warn_unless_converged(self) -> None:
        if not self.converged_ and self.max_iter > 0 and not self._is_global:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=3,
            )


def judged_objective(fit: Fit) -> float:
    """Return the objective before the last M-step, by which scikit-learn chooses among starts."""
    return fit.trace.objective[-2:][0]
