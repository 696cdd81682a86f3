"""Topic models (PLSA) by maximum likelihood, fitted as Poisson factorizations."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, check_non_negative

from cofactor.certificate.certificate import Certificate
from cofactor.codes import Simplex
from cofactor.data import open_columns, split
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import RANDOM_STATE, FamilyEstimator, OpenData
from cofactor.estimators.certifiable import Certifiable
from cofactor.estimators.folding import codes_under
from cofactor.estimators.nmf import NMF
from cofactor.estimators.stationary import stationary_point
from cofactor.estimators.terms import RANKINGS, mean_npmi, split_words
from cofactor.estimators.topics import (
    Topics,
    from_topics,
    log_arrangements,
    log_probability,
    shares,
    to_topics,
)
from cofactor.model import Model
from cofactor.noise import Multinomial, Penalty, Poisson
from cofactor.noise.linear import TINY
from cofactor.start.factors import STARTS
from cofactor.start.rng import rng_for
from cofactor.trace import Callback, Trace


class TopicModel(Certifiable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, FamilyEstimator):
    """Documents as mixtures of topics: ``x_i ~ Mult(t_i, θ_iβ)``, by maximum likelihood.

    Also known as PLSA [Hofmann 1999]. The fit is that of the Poisson factorization ``X ≈ ZW``,
    which has the same solutions and converges faster than EM [Carbonetto, Sarkar, Wang & Stephens
    2021]; see :func:`~cofactor.estimators.topics.to_topics` for the exact map.

    Parameters
    ----------
    n_components : int, default 10
        Number of topics ``k``.
    init : {'random', 'nndsvd', 'nndsvda', 'nndsvdar', 'kmeans', 'anchors'}, \
            array-like of shape (k, m) or None
        Where to start; see :class:`NMF`. The topics of another fit may be fewer.
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
    warm_start : bool, default False
        Start from the topics of the last fit, which may have been fewer, in place of ``init``.

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
        "init": [StrOptions(set(STARTS)), "array-like", None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": RANDOM_STATE,
        "verbose": ["verbose"],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        n_components: int = 10,
        *,
        init: Any = None,
        tol: float = 1e-4,
        max_iter: int = 500,
        random_state: Any = None,
        verbose: int = 0,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
        warm_start: bool = False,
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
        self.warm_start = warm_start

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
            if self.warm_start and hasattr(self, "_components"):
                factorization.set_params(init=self._components)
            factorization.fit(X, sample_weight=data.weights)
            self._adopt(factorization, data)
        return self

    @classmethod
    def from_factorization(
        cls, factorization: NMF, X: Any, sample_weight: Any = None
    ) -> TopicModel:
        """Return the topic form of a Poisson factorization of documents: the exact map.

        Parameters
        ----------
        factorization : NMF
            Fitted with ``noise='poisson'``.
        X : array-like or sparse matrix of shape (n, m)
            The documents that it was fitted to, or others, whose shares are then found.
        sample_weight : array-like of shape (n,), optional

        Raises
        ------
        InputError
            If the factorization has another noise, or was fitted with an offset.
        """
        check_is_fitted(factorization)
        if factorization.noise_ != Poisson() or factorization._needs_offset:
            raise InputError(
                f"The factorization has {factorization.noise_.name} noise"
                f"{', and an offset' * factorization._needs_offset}; topics are those of Poisson "
                "noise without offset: use NMF(noise='poisson')."
            )
        model = cls(factorization.n_components_, n_threads=factorization.n_threads)
        X = model._counts(X, reset=True)
        with model._open(X, Multinomial(), sample_weight) as data:
            model._adopt(factorization, data)
        return model

    def factors(self) -> tuple[Array, Array]:
        """Return codes (n, k) and components (k, m) of the same Poisson factorization.

        The map back: codes are the counts of each topic in each document, and components sum to 1.
        """
        check_is_fitted(self)
        return from_topics(Topics(self.document_topics_, self.topics_, self.sizes_))

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

    def completion_score(self, X: Any, share: float = 0.5, random_state: Any = None) -> float:
        """Return the log-probability of a word held out of its document, in nats.

        Shares are found from a random part of each document's words; what is scored are the
        others: ``Σ_ij y_ij log (θ_iβ)_j / Σ_ij y_ij``, the order of words counting as in
        :meth:`perplexity`, which is ``exp`` of minus this [Wallach et al. 2009: document
        completion]. Minus infinity if they hold terms that no topic does.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m)
            Whole numbers.
        share : float, default 0.5
            Of the words from which shares are found, on average; between 0 and 1.
        random_state : int, RandomState or None

        Raises
        ------
        InputError
            If counts are not whole, or the share is 0 or 1.
        """
        with self._judged(X) as data:
            known, held = split_words(data.X, share, rng_for(random_state))
        with self._judged(held) as data:
            likelihood = self._log_probability(data, self._shares(known)).sum()
            return float(likelihood / _n_words(data))

    def coherence(self, X: Any, n: int = 10, by: str = "probability") -> Floats:
        """Return how often the first terms of each topic meet in documents, shape (k,).

        The mean of ``NPMI_ij = log(p_ij / p_i p_j) / −log p_ij`` over all pairs of the ``n`` first
        terms, with the shares of documents that hold them; −1 for terms that never meet, 0 for
        independent and 1 for inseparable ones [Bouma 2009; Lau, Newman & Baldwin 2014].

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_documents, m)
            Documents that need not be those of the fit.
        n : int, default 10
            At least 2.
        by : str
            As for :meth:`top_terms`.
        """
        check_is_fitted(self)
        terms = np.array(self.top_terms(n, range(self.n_features_in_), by))
        return mean_npmi(self._counts(X, reset=False), terms)

    def term_scores(self, by: str = "probability") -> Floats:
        """Return by what :meth:`top_terms` ranks the terms of each topic, shape (k, m)."""
        check_is_fitted(self)
        if by not in RANKINGS:
            raise InputError(f"by is {by!r}; expected one of {', '.join(RANKINGS)}.")
        return RANKINGS[by](self.topics_.astype(float), self.topic_mass_)

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
            If ``by`` is unknown, ``n`` below 1, or there are not as many names as terms.
        """
        if n < 1:
            raise InputError(f"n is {n}; expected at least 1.")
        scores = self.term_scores(by)
        default = getattr(self, "feature_names_in_", range(self.n_features_in_))
        names = default if names is None else names
        if len(names) != self.n_features_in_:
            raise InputError(f"Got {len(names)} names; expected {self.n_features_in_}, one a term.")
        ranked = np.argsort(-scores, axis=1, kind="stable")
        return [[names[term] for term in topic[:n]] for topic in ranked]

    def _certified(self, X: Any, sample_weight: Any) -> Certificate:
        """See :class:`Certifiable`."""
        check_is_fitted(self)
        X = self._counts(X, reset=False)
        with self._open(X, Multinomial(), sample_weight) as data:
            model, topics = Model(Multinomial(), Simplex()), self.topics_.astype(float)
            return stationary_point(model, data, self._shares(X), topics, open_columns(X))

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

    def _adopt(self, factorization: NMF, data: OpenData) -> None:
        codes = factorization.transform(data.X).astype(float)  # what new documents would get
        found = to_topics(codes, factorization.components_.astype(float))
        self._remember(factorization, found, data)
        likelihood = self._log_probability(data, found.proportions[:, self._order])
        arrangements = data.rowwise(log_arrangements)
        self.log_likelihood_: float = float(data.weights @ (likelihood + arrangements))

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
