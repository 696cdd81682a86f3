"""Topic models (PLSA) by maximum likelihood, fitted as Poisson factorizations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_non_negative

from cofactor.data import split
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import RANDOM_STATE, FamilyEstimator, OpenData
from cofactor.estimators.folding import codes_under
from cofactor.estimators.nmf import NMF
from cofactor.estimators.topics import Topics, log_arrangements, log_probability, shares, to_topics
from cofactor.noise import Multinomial, Penalty, Poisson
from cofactor.noise.linear import TINY
from cofactor.trace import Callback, Trace


class TopicModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, FamilyEstimator):
    """Documents as mixtures of topics: ``x_i ~ Mult(t_i, θ_iβ)``, by maximum likelihood.

    Also known as PLSA [Hofmann 1999]. The fit is that of the Poisson factorization ``X ≈ ZW``,
    which has the same solutions and converges faster than EM [Carbonetto, Sarkar, Wang & Stephens
    2021]; see :func:`~cofactor.estimators.topics.to_topics` for the exact map.

    Parameters
    ----------
    n_components : int, default 10
        Number of topics ``k``.
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar'} or None
        Where to start; see :class:`NMF`.
    tol : float, default 1e-4
        Converged when ten iterations at the present pace would lower the objective by less than
        this part of its whole fall; 0 takes all iterations.
    max_iter : int, default 500
    random_state : int, RandomState or None
    verbose : int, default 0
        Above 0, print each iteration.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds.

    Attributes
    ----------
    topics_ : ndarray of shape (k, m)
        ``β``: the probability of each term in each topic, the heaviest topic first.
    document_topics_ : ndarray of shape (n, k)
        ``θ``: the share of each topic in each document; uniform for empty documents.
    sizes_ : ndarray of shape (n,)
        Counts of each document, as fitted.
    topic_mass_ : ndarray of shape (k,)
        Counts that each topic explains: ``Σ_i w_i s_i θ_ik``.
    log_likelihood_ : float
        ``Σ_i w_i log Mult(x_i; t_i, θ_iβ)`` in nats, constants included.
    n_components_ : int
    n_iter_ : int
    converged_ : bool
    trace_ : Trace
        ``objective`` (minus the Poisson log-likelihood) and ``seconds`` of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (m,)
        Only if the data have names of columns.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"random", "nndsvd", "nndsvda", "nndsvdar"}), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": RANDOM_STATE,
        "verbose": ["verbose"],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_components: int = 10,
        *,
        init: str | None = None,
        tol: float = 1e-4,
        max_iter: int = 500,
        random_state: Any = None,
        verbose: int = 0,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> TopicModel:
        """Find topics and the share of each in every document.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m)
            Counts of m terms in n documents, at least 0.
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the documents, at least 0; default 1.

        Raises
        ------
        InputError
            If counts are negative, or the start does not suit the data.
        """
        self._validate_params()
        X = self._counts(X, reset=True)
        with self._open(X, Multinomial(), sample_weight) as data:
            factorization = NMF(noise="poisson", **self.get_params())
            factorization.fit(X, sample_weight=data.weights)
            codes = factorization.transform(X).astype(float)  # what new documents would get
            found = to_topics(codes, factorization.components_.astype(float))
            self._remember(factorization, found, data)
            likelihood = self._log_probability(data, found.proportions[:, self._order])
            arrangements = data.rowwise(log_arrangements)
            self.log_likelihood_: float = float(data.weights @ (likelihood + arrangements))
        return self

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the share of each topic in each document, shape (n, k)."""
        return self.fit(X, sample_weight=sample_weight).document_topics_

    def transform(self, X: Any) -> Array:
        """Return the best shares of the fitted topics in documents, shape (n, k).

        Each document is treated as if it were alone; terms that no topic holds say nothing, and
        documents without counts get equal shares.
        """
        check_is_fitted(self)
        X = self._counts(X, reset=False)
        return self._shares(X).astype(X.dtype, copy=False)

    def score(self, X: Any, y: Any = None) -> float:
        """Return ``Σ_i log Mult(x_i; t_i, θ_iβ) / Σ_i t_i``: nats per word, constants included.

        The shares ``θ_i`` are those of :meth:`transform`.
        """
        with self._judged(X) as data:
            likelihood = self._log_probability(data, self._shares(data.X))
            total = likelihood.sum() + data.rowwise(log_arrangements).sum()
            return float(total / _n_words(data))

    def perplexity(self, X: Any) -> float:
        """Return ``exp(−Σ_ij x_ij log (θ_iβ)_j / Σ_i t_i)``: the number of equally likely terms.

        As usual, the order of words counts: there is no constant for arrangements. Infinite if
        documents hold terms that no topic does.
        """
        with self._judged(X) as data:
            likelihood = self._log_probability(data, self._shares(data.X)).sum()
            return float(np.exp(-likelihood / _n_words(data)))

    def top_terms(
        self, n: int = 10, names: Sequence[Any] | None = None, by: str = "probability"
    ) -> list[list[Any]]:
        """Return the ``n`` first terms of each topic, best first.

        Parameters
        ----------
        n : int, default 10
        names : sequence of length m, optional
            Names of the terms; default ``feature_names_in_``, else the numbers of columns.
        by : {'probability', 'lift', 'distinctive'}, default 'probability'
            What is best: ``β_kj``; ``β_kj / p_j`` with ``p_j`` the probability of the term in all
            documents; or ``β_kj log(β_kj / max_l≠k β_lj)``, frequent here and rare elsewhere.

        Raises
        ------
        InputError
            If ``by`` is unknown, or there are not as many names as terms.
        """
        check_is_fitted(self)
        if by not in RANKINGS:
            raise InputError(f"by is {by!r}; expected one of {', '.join(RANKINGS)}.")
        default = getattr(self, "feature_names_in_", range(self.n_features_in_))
        names = default if names is None else names
        if len(names) != self.n_features_in_:
            raise InputError(f"Got {len(names)} names; expected {self.n_features_in_}, one a term.")
        ranked = np.argsort(-RANKINGS[by](self.topics_, self.topic_mass_), axis=1, kind="stable")
        return [[names[term] for term in topic[:n]] for topic in ranked]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.topics_.shape[0]

    def _counts(self, X: Any, *, reset: bool) -> Any:
        X = self._validated(X, reset=reset)
        check_non_negative(X, "TopicModel (input X)")
        return X

    def _judged(self, X: Any) -> Any:
        check_is_fitted(self)
        return self._open(self._counts(X, reset=False), Multinomial())

    def _shares(self, X: Any) -> Floats:
        components = self._components.astype(float)
        with self._open(X, Poisson()) as data:
            codes = codes_under(Poisson(), components, Penalty(), data)
        return shares(codes * components.sum(axis=1))[:, self._order]

    def _log_probability(self, data: OpenData, proportions: Floats) -> Floats:
        """Return ``Σ_j x_ij log (θ_iβ)_j`` of each row."""
        topics = self.topics_.astype(float)
        parts = list(zip(data.blocks, split(proportions, data.blocks), strict=True))
        return np.concatenate(
            data.engine.map(lambda part: log_probability(part[0], part[1], topics), parts)
        )

    def _remember(self, factorization: NMF, found: Topics, data: OpenData) -> None:
        mass = (data.weights * found.sizes) @ found.proportions
        dtype = data.X.dtype
        self._components, self._order = factorization.components_, np.argsort(-mass, kind="stable")
        self.topics_: Array = found.topics[self._order].astype(dtype)
        self.document_topics_: Array = found.proportions[:, self._order].astype(dtype)
        self.sizes_: Floats = found.sizes
        self.topic_mass_: Floats = mass[self._order]
        self.n_components_: int = factorization.n_components_
        self.n_iter_: int = factorization.n_iter_
        self.converged_: bool = factorization.converged_
        self.trace_: Trace = factorization.trace_


def _n_words(data: OpenData) -> float:
    return max(float(data.X.sum()), TINY)


def _lift(topics: Floats, mass: Floats) -> Floats:
    marginal = mass @ topics / max(float(mass.sum()), TINY)
    return topics / np.maximum(marginal, TINY)


def _distinctive(topics: Floats, mass: Floats) -> Floats:
    rivals = np.stack(
        [np.delete(topics, k, axis=0).max(axis=0, initial=0) for k in range(len(mass))]
    )
    return xlogy(topics, topics / np.maximum(rivals, TINY))


RANKINGS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "probability": lambda topics, mass: topics,
    "lift": _lift,
    "distinctive": _distinctive,
}
