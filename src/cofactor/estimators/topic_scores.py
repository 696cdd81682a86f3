"""What topic models say of documents and terms, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_non_negative

from cofactor.data import split
from cofactor.data.base import Array, Floats
from cofactor.errors import InputError
from cofactor.estimators.base import OpenData
from cofactor.estimators.folding import codes_under
from cofactor.estimators.observation import Observation, nonnegative, observation, parted
from cofactor.estimators.terms import RANKINGS, mean_npmi, split_words
from cofactor.estimators.topics import log_arrangements, log_probability, shares
from cofactor.noise import Multinomial, Penalty, Poisson
from cofactor.noise.penalty import TINY
from cofactor.start.rng import rng_for

NAME = "TopicModel (input X)"


class TopicScores:
    """Scores of fitted topics."""

    topics_: Array
    topic_mass_: Floats
    n_features_in_: int
    _components: Array
    _order: Array

    def score(self, X: Any, y: Any = None, *, mask: Any = None) -> float:
        """Return ``Σ_i log Mult(x_i; t_i, θ_iβ) / Σ_i t_i``: nats per word, constants included.

        The shares ``θ_i`` are those of :meth:`transform`. Where a mask or NaN hide counts, those of
        the others are scored, by probabilities among them.
        """
        with self._judged(X, mask) as data:
            likelihood = self._log_probability(data, self._shares(data))
            total = likelihood.sum() + data.rowwise(log_arrangements).sum()
            return float(total / _n_words(data))

    def perplexity(self, X: Any, *, mask: Any = None) -> float:
        """Return ``exp(−Σ_ij x_ij log (θ_iβ)_j / Σ_i t_i)``: the number of equally likely terms.

        As usual, the order of words counts: there is no constant for arrangements. Infinite if
        documents hold terms that no topic does.
        """
        with self._judged(X, mask) as data:
            likelihood = self._log_probability(data, self._shares(data)).sum()
            return float(np.exp(-likelihood / _n_words(data)))

    def completion_score(
        self, X: Any, share: float = 0.5, random_state: Any = None, *, mask: Any = None
    ) -> float:
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
        mask : array-like or sparse matrix of shape (n, m), optional
            In place of a random part: shares are found from the counts where it is True, and all
            others are scored, by probabilities among them.

        Raises
        ------
        InputError
            If counts are not whole, the share is 0 or 1, or the mask hides nothing.
        """
        check_is_fitted(self)
        model: Any = self
        counts = self._counts(X)
        if mask is None:
            words = split_words(counts, share, rng_for(random_state))
            known, held = (observation(part, None) for part in words)
        else:
            known, held = parted(counts, mask)
        with model._open(known.X, Multinomial(), None, known.mask) as data:
            proportions = self._shares(data)
        with model._open(held.X, Multinomial(), None, held.mask) as data:
            likelihood = self._log_probability(data, proportions).sum()
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
        return mean_npmi(self._counts(X), terms)

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

    def _seen(self, X: Any, mask: Any, *, reset: bool) -> tuple[Any, Observation]:
        """Return valid counts as they are, and what was observed of them."""
        model: Any = self
        X = model._validated(X, reset=reset, finite="allow-nan" if mask is None else False)
        return X, nonnegative(observation(X, mask), NAME)

    def _counts(self, X: Any) -> Any:
        """Return valid counts, none of which may be missing."""
        model: Any = self
        X = model._validated(X, reset=False)
        check_non_negative(X, NAME)
        return X

    def _judged(self, X: Any, mask: Any = None) -> Any:
        check_is_fitted(self)
        model: Any = self
        _, seen = self._seen(X, mask, reset=False)
        return model._open(seen.X, Multinomial(), None, seen.mask)

    def _shares(self, data: OpenData) -> Floats:
        """Return the best shares of the topics in documents, shape (n, k)."""
        components = self._components.astype(float)
        codes = codes_under(Poisson(), components, Penalty(), data)
        return shares(codes * components.sum(axis=1))[:, self._order]

    def _log_probability(self, data: OpenData, proportions: Floats) -> Floats:
        """Return what :func:`log_probability` says of each document."""
        topics = self.topics_.astype(float)
        parts = list(zip(data.blocks, split(proportions, data.blocks), strict=True))
        return np.concatenate(
            data.engine.map(lambda part: log_probability(part[0], part[1], topics), parts)
        )


def _n_words(data: OpenData) -> float:
    return max(float(data.X.sum()), TINY)
