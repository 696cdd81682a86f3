"""Topic models (PLSA) by maximum likelihood, fitted as Poisson factorizations."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from cofactor.certificate.certificate import Certificate
from cofactor.codes import Simplex
from cofactor.data import open_columns
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import RANDOM_STATE, FamilyEstimator, OpenData
from cofactor.estimators.certifiable import Certifiable
from cofactor.estimators.folding import codes_under
from cofactor.estimators.nmf import NMF
from cofactor.estimators.online_topics import OnlineTopics
from cofactor.estimators.stationary import stationary_point
from cofactor.estimators.topic_scores import TopicScores
from cofactor.estimators.topics import Topics, from_topics, log_arrangements, to_topics
from cofactor.model import Model
from cofactor.noise import Multinomial, Poisson
from cofactor.start.factors import STARTS
from cofactor.trace import Callback, Trace

OF_FITS = "n_iter_", "converged_", "trace_"  # batches leave none of them


class TopicModel(
    TopicScores,
    OnlineTopics,
    Certifiable,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    FamilyEstimator,
):
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
    n_init : int, default 1
        Number of starts, of which the fit of the lowest objective is kept.
    random_state : int, RandomState or None
    verbose : int, default 0
        Above 0, print each iteration.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds, for all starts together.
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
        ``Σ_i w_i log Mult(x_i; t_i, θ_iβ)`` in nats, constants included; of counts that a mask
        hides nothing is said, and probabilities are those among the others.
    n_components_ : int
    n_iter_ : int
    n_batches_ : int
        Batches of :meth:`partial_fit`, after which documents are those of the last.
    converged_ : bool
    trace_ : Trace
        ``objective`` (minus the Poisson log-likelihood) and ``seconds`` of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (m,)
        Only if the data have names of columns.
    """

    n_iter_: int
    converged_: bool
    trace_: Trace

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions(set(STARTS)), "array-like", None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
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
        n_init: int = 1,
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
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit
        self.warm_start = warm_start

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, mask: Any = None
    ) -> TopicModel:
        """Find topics and the share of each in every document.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, m)
            Counts of m terms in n documents, at least 0; NaN where nobody counted.
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the documents, at least 0; default 1.
        mask : array-like or sparse matrix of shape (n, m), optional
            True where terms were counted, as for :meth:`NMF.fit_transform`; default: all but NaN.

        Raises
        ------
        InputError
            If counts are negative, or the start does not suit the data.
        """
        self._validate_params()
        X, seen = self._seen(X, mask, reset=True)
        with self._open(seen.X, Multinomial(), sample_weight, seen.mask) as data:
            factorization = NMF(noise="poisson", **self.get_params())
            if self.warm_start and hasattr(self, "_components"):
                factorization.set_params(init=self._components)
            factorization.fit(X, sample_weight=data.weights, mask=mask)
            self._adopt(factorization, data)
        return self

    @classmethod
    def from_factorization(
        cls, factorization: NMF, X: Any, sample_weight: Any = None, *, mask: Any = None
    ) -> TopicModel:
        """Return the topic form of a Poisson factorization of documents: the exact map.

        Parameters
        ----------
        factorization : NMF
            Fitted with ``noise='poisson'``.
        X : array-like or sparse matrix of shape (n, m)
            The documents that it was fitted to, or others, whose shares are then found.
        sample_weight : array-like of shape (n,), optional
        mask : array-like or sparse matrix of shape (n, m), optional

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
        _, seen = model._seen(X, mask, reset=True)
        with model._open(seen.X, Multinomial(), sample_weight, seen.mask) as data:
            model._adopt(factorization, data)
        return model

    def factors(self) -> tuple[Array, Array]:
        """Return codes (n, k) and components (k, m) of the same Poisson factorization.

        The map back: codes are the counts of each topic in each document, and components sum to 1.
        """
        check_is_fitted(self)
        return from_topics(Topics(self.document_topics_, self.topics_, self.sizes_))

    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, mask: Any = None
    ) -> Array:
        """Fit, and return the share of each topic in each document, shape (n, k)."""
        return self.fit(X, sample_weight=sample_weight, mask=mask).document_topics_

    def transform(self, X: Any, *, mask: Any = None) -> Array:
        """Return the best shares of the fitted topics in documents, shape (n, k).

        Each document is treated as if it were alone; terms that no topic holds, or that nobody
        counted, say nothing, and documents without counts get equal shares.
        """
        with self._judged(X, mask) as data:
            return self._shares(data).astype(data.X.dtype, copy=False)

    def _certified(self, X: Any, sample_weight: Any) -> Certificate:
        """See :class:`Certifiable`."""
        check_is_fitted(self)
        X = self._counts(X)
        with self._open(X, Multinomial(), sample_weight) as data:
            model, topics = Model(Multinomial(), Simplex()), self.topics_.astype(float)
            return stationary_point(model, data, self._shares(data), topics, open_columns(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.topics_.shape[0]

    def _adopt(self, factorization: NMF, data: OpenData) -> None:
        """Take over the topics of a fit."""
        self._describe(factorization, data)
        self._forget_batches()
        for name in OF_FITS:
            if hasattr(factorization, name):
                setattr(self, name, getattr(factorization, name))

    def _describe(self, factorization: NMF, data: OpenData, mass: Floats | None = None) -> None:
        """Take over topics, the heaviest first, and what they make of documents.

        Without ``mass``, shape (k,), the heaviest are those that explain most of these documents.
        """
        components, dtype = factorization.components_.astype(float), data.X.dtype
        penalty = factorization._penalty(data.X.shape[1])
        found = to_topics(codes_under(Poisson(), components, penalty, data), components)
        mass = (data.weights * found.sizes) @ found.proportions if mass is None else mass
        self._components, self._order = factorization.components_, np.argsort(-mass, kind="stable")
        self.topics_: Array = found.topics[self._order].astype(dtype)
        self.document_topics_: Array = found.proportions[:, self._order].astype(dtype)
        self.sizes_: Floats = found.sizes
        self.topic_mass_: Floats = mass[self._order]
        self.n_components_: int = factorization.n_components_
        likelihood = self._log_probability(data, found.proportions[:, self._order])
        arrangements = data.rowwise(log_arrangements)
        self.log_likelihood_: float = float(data.weights @ (likelihood + arrangements))
