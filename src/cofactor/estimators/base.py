"""What every estimator does the same way: take data in, say what happened, give results out."""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from numbers import Integral
from typing import Any, Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.validation import _check_sample_weight, validate_data

from cofactor.data import Baseline, Mask, RowBlock, cut, mean_row, n_blocks, open_rows
from cofactor.data.base import Array, Floats
from cofactor.data.csr import canonical_csr
from cofactor.engine import Engine, engine_for
from cofactor.fit import Fit, lowest
from cofactor.lazy import lazy
from cofactor.noise import Noise
from cofactor.stop import TimeLimit
from cofactor.trace import Callback, Iteration

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
RANDOM_STATE = [Interval(Integral, 0, 2**32 - 1, closed="both"), np.random.RandomState, None]


N = TypeVar("N", bound=Noise)


@dataclass(frozen=True)
class OpenData(Generic[N]):
    """Validated data, with the engine that will run over them.

    Attributes
    ----------
    X : ndarray or scipy.sparse CSR of shape (n, d)
    rows : RowBlock
        All of them.
    noise : Noise
        What the data were checked for.
    engine : Engine
    n_threads : int or None
        What the engine was asked for.
    """

    X: Any
    rows: RowBlock
    noise: N
    engine: Engine
    n_threads: int | None

    @property
    def weights(self) -> Floats:
        """Row weights, shape (n,)."""
        return self.rows.weights

    @lazy
    def blocks(self) -> list[RowBlock]:
        """The rows, cut into blocks."""
        return cut(self.rows)

    @lazy
    def mean(self) -> Floats:
        """Weighted mean of the rows, shape (d,)."""
        return mean_row(self.blocks, self.engine)

    @lazy
    def variance(self) -> float:
        """Mean variance of a column, with equal weights for all rows."""
        if (self.weights != 1).any():
            return replace(self, rows=self.rows.reweighted(np.ones(self.rows.n_rows))).variance
        mean = self.mean  # known before workers ask for it
        parts = self.engine.map(lambda block: block.squared_norms(mean).sum(), self.blocks)
        n, d = self.rows.n_rows, self.rows.n_columns
        return float(sum(parts)) / (n * d)

    def rowwise(self, function: Callable[[RowBlock], Array]) -> Array:
        """Return ``function`` of every block, one array for all rows."""
        return np.concatenate(self.engine.map(function, self.blocks))


class FamilyEstimator(BaseEstimator):
    """Base of all estimators."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validated(
        self, X: Any, *, reset: bool, min_rows: int = 1, finite: bool | str = True
    ) -> Any:
        """Return X as float32 or float64, C-contiguous or CSR; errors are scikit-learn's.

        Without ``finite``, NaN and infinities are let through; with 'allow-nan', NaN are.
        """
        if reset:
            self._forget()
        if _is_valid(X, min_rows, finite) and self._fits_columns(X, reset):
            return np.ascontiguousarray(X)
        if sp.issparse(X):
            X = canonical_csr(X, "The sparse matrix")
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            accept_large_sparse=True,
            dtype=[np.float64, np.float32],
            order="C",
            ensure_all_finite=finite,
            ensure_min_samples=min_rows,
        )

    def _forget(self) -> None:
        """Forget what was proved of parameters that are about to change."""
        self.__dict__.pop("certificate_", None)

    def _fits_columns(self, X: Array, reset: bool) -> bool:
        """Return whether X has as many columns as the fit had, without names, or make it so."""
        if reset:
            self.__dict__.pop("feature_names_in_", None)
            self.n_features_in_ = X.shape[1]
        named = hasattr(self, "feature_names_in_")
        return not named and X.shape[1] == getattr(self, "n_features_in_", None)

    def _validate_params(self) -> None:
        """Check the parameters as scikit-learn does, but for those that are left at their defaults.

        Raises
        ------
        ValueError
            If a parameter is not what its constraints allow.
        """
        if get_config()["skip_parameter_validation"]:
            return
        given = {
            name: value
            for name, default in self._defaults().items()
            if (value := getattr(self, name)) is not default
        }
        validate_parameter_constraints(self._parameter_constraints, given, type(self).__name__)

    @classmethod
    @cache
    def _defaults(cls) -> dict[str, Any]:
        """Return the default of each parameter."""
        parameters = inspect.signature(cls).parameters
        return {name: parameters[name].default for name in cls._get_param_names()}

    @contextmanager
    def _open(
        self,
        X: Any,
        noise: N,
        sample_weight: Any = None,
        mask: Mask | None = None,
        baseline: Baseline | None = None,
    ) -> Iterator[OpenData[N]]:
        """Open validated data for as many threads as ``n_threads`` allows."""
        rows = open_rows(X, _checked_weights(sample_weight, X), mask, baseline)
        with self._opened(X, rows, noise) as data:
            yield data

    @contextmanager
    def _opened(self, X: Any, rows: RowBlock, noise: N) -> Iterator[OpenData[N]]:
        """Check rows, and open an engine for them."""
        noise.check(rows)
        seen = noise.rows(rows)
        n_threads = getattr(self, "n_threads", None)
        with engine_for(n_threads, n_blocks(rows)) as engine:
            yield OpenData(X if seen is rows else seen.entries, seen, noise, engine, n_threads)


def _is_valid(X: Any, min_rows: int, finite: bool | str) -> bool:
    """Return whether check_array would only make an array contiguous, sooner than it does."""
    return (
        type(X) is np.ndarray
        and X.dtype in FLOATS
        and X.ndim == 2
        and X.flags.aligned
        and X.shape[0] >= min_rows
        and X.shape[1] >= 1
        and (not finite or _is_surely_finite(X))
    )


def _is_surely_finite(X: Array) -> bool:
    """Return whether the entries add up to a finite number, as finite ones do but for overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def _checked_weights(sample_weight: Any, X: Any) -> Floats | None:
    """Return valid weights of rows, none if none are given."""
    if sample_weight is None:
        return None
    weights: Floats = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    return weights


def warn_unless_converged(fit: Fit, name: str, advice: str) -> None:
    """Warn as scikit-learn does if a fit used up its iterations."""
    if not fit.converged:
        warnings.warn(
            f"{name} did not converge in {len(fit.trace) - 1} iterations. {advice}",
            ConvergenceWarning,
            stacklevel=3,
        )


def final_objective(fit: Fit) -> float:
    """Return the objective of the parameters that a fit ended with."""
    return fit.objective


def best(fits: Iterable[Fit], judged: Callable[[Fit], float] = final_objective) -> Fit:
    """Return the fit that is judged lowest; the first of those equal up to rounding."""
    return lowest(fits, judged)


def runs(n_init: int, time_limit: float | None) -> Iterator[TimeLimit]:
    """Yield, for each of ``n_init`` starts, the rule that stops its fit when the time is up.

    The limit is on all of them together; when it is used up, no further start is made.

    Parameters
    ----------
    n_init : int
        At least 1.
    time_limit : float or None
        In seconds; None is no limit.
    """
    deadline = np.inf if time_limit is None else time.perf_counter() + time_limit
    for run in range(n_init):
        left = deadline - time.perf_counter()
        if run and left <= 0:
            return
        yield TimeLimit(left)


def narrator(interval: int) -> Callback:
    """Return a callback that prints every ``interval``-th iteration."""

    def narrate(iteration: Iteration) -> None:
        if iteration.number % interval == 0:
            moved = "" if iteration.moved is None else f", {iteration.moved} rows moved"
            print(
                f"  Iteration {iteration.number}: objective {iteration.objective:.10g} nats"
                f"{moved}, {iteration.seconds:.3f} s."
            )

    return narrate
