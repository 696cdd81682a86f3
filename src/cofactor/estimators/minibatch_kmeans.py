"""k-means from small batches of rows, with scikit-learn's face."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from cofactor.data import RowBlock
from cofactor.data.base import Array, Floats
from cofactor.estimators.base import RANDOM_STATE, OpenData
from cofactor.estimators.clustering import ClusteringEstimator
from cofactor.estimators.online_clusters import Assigned, OnlineClusters
from cofactor.noise import Noise
from cofactor.start.measured import Lots
from cofactor.start.rng import rng_for

SAFE_STARTS = 3  # where one start is not enough
REASSIGN_AFTER = 10  # rows seen for each cluster


@dataclass
class Patience:
    """Tells when a smoothed loss no longer falls, as scikit-learn does.

    Attributes
    ----------
    most : int or None
        Batches without improvement that are borne; None bears any number.
    memory : float
        Weight of the last batch in the smoothed loss, from 0 to 1.
    """

    most: int | None
    memory: float
    smoothed: float = field(default=math.nan, init=False)
    least: float = field(default=math.inf, init=False)
    in_vain: int = field(default=0, init=False)

    def exhausted(self, loss: float) -> bool:
        """Return whether the batch with this mean loss was one in vain too many."""
        self.smoothed = (
            loss
            if math.isnan(self.smoothed)
            else self.smoothed * (1 - self.memory) + loss * self.memory
        )
        self.in_vain = 0 if self.smoothed < self.least else self.in_vain + 1
        self.least = min(self.least, self.smoothed)
        return self.most is not None and self.in_vain >= self.most


@dataclass
class Rest:
    """Tells when centers moved by at most ``tolerance`` in a step, in squared units of the data.

    Attributes
    ----------
    tolerance : float
        Where it is 0, nothing is looked at.
    """

    tolerance: float
    before: Floats = field(init=False)

    def look(self, clusters: OnlineClusters) -> None:
        """Remember where the centers are."""
        if self.tolerance:
            self.before = clusters.components

    def reached(self, clusters: OnlineClusters) -> bool:
        """Return whether the centers are hardly elsewhere than when they were last looked at."""
        if not self.tolerance:
            return False
        return float(np.square(clusters.components - self.before).sum()) <= self.tolerance


class MiniBatchKMeans(ClusteringEstimator):
    """k-means that moves its centers after every small batch of rows [Sculley 2010].

    Same parameters, results and random numbers as :class:`sklearn.cluster.MiniBatchKMeans`, and
    the noises and numbers of clusters kept of :class:`KMeans`. One pass over large data comes close
    to an optimum that Lloyd's iterations need many for; :meth:`partial_fit` learns from data that
    are never in memory at once.

    Parameters
    ----------
    n_clusters : int, default 8
    init : {'k-means++', 'random'}, array-like of shape (n_clusters, d) or callable
        Where to start; see :class:`KMeans`.
    max_iter : int, default 100
        Passes over the data: ``max_iter · n / batch_size`` batches at most.
    batch_size : int, default 1024
        Rows of a batch, drawn in proportion to their weights, with replacement.
    verbose : int, default 0
        Above 0, print the mean inertia of each batch.
    compute_labels : bool, default True
        Label all rows in the end.
    random_state : int, RandomState or None
    tol : float, default 0
        Converged when the squared shift of all centers is at most this fraction of the data's mean
        variance by column; 0 never is.
    max_no_improvement : int or None, default 10
        Converged after so many batches in a row that did not lower the smoothed inertia.
    init_size : int or None, default None
        Rows among which ``init`` draws; None is three batches, or ``3 · n_clusters`` if more.
    n_init : int or 'auto', default 'auto'
        Number of starts, of which the best on ``init_size`` rows is taken; 'auto' is 3 for
        'random' and callables, else 1.
    reassignment_ratio : float, default 0.01
        Centers with less than this fraction of the largest count are now and then put on rows
        drawn at random; 0 never does.
    n_closest : int or None, default 1
        How many clusters each row's posterior keeps.
    noise : str or Noise, default 'gaussian'
        A name in ``cofactor.noise.NOISES``.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, d)
    labels_ : ndarray of shape (n,), int32
        Only with ``compute_labels``.
    inertia_ : float
        As of :class:`KMeans`; without ``compute_labels`` the smoothed inertia of a row, times
        the weight of all.
    n_iter_ : int
        Passes over the data, begun ones counted.
    n_steps_ : int
        Batches.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only if the data have names of columns.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "compute_labels": ["boolean"],
        "random_state": RANDOM_STATE,
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
        "n_closest": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [str, Noise],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: int | str = "auto",
        reassignment_ratio: float = 0.01,
        n_closest: int | None = 1,
        noise: str | Noise = "gaussian",
        n_threads: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.n_closest = n_closest
        self.noise = noise
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find centers, and with ``compute_labels`` labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, d)
        y : ignored
        sample_weight : array-like of shape (n,), optional
            Weights of the rows, at least 0; default 1.

        Raises
        ------
        InputError
            If the noise cannot produce such data, or there are fewer rows than clusters.
        """
        self._validate_params()
        X = self._validated(X, reset=True)
        self._generator()
        with self._open(X, self._mixture_noise, sample_weight) as data:
            clusters = self._best_start(data)
            self._converge(clusters, data)
            self._take_over(clusters, data)
            self._judge(data)
        return self

    def _generator(self) -> np.random.RandomState:
        """See :class:`ClusteringEstimator`."""
        self._rng = rng_for(self.random_state)
        self._since_reassignment = 0
        return self._rng

    def _judge(self, data: OpenData) -> None:
        if self.compute_labels:
            super()._judge(data)

    def _learn(self, clusters: OnlineClusters, batch: Assigned) -> None:
        """Learn from a batch, and now and then put clusters that are rare elsewhere."""
        if not hasattr(self, "_rng"):  # files of models hold no random state
            self._generator()
        self._since_reassignment += batch.rows.n_rows
        due = self._since_reassignment >= REASSIGN_AFTER * self.n_clusters
        due |= not clusters.counts.all()
        clusters.learn(batch)
        if due:
            self._since_reassignment = 0
            self._reassign(clusters, batch.rows)

    def _reassign(self, clusters: OnlineClusters, rows: RowBlock) -> None:
        rare = clusters.rarely_seen(self.reassignment_ratio, rows.n_rows)
        if rare.any():
            chosen = self._rng.choice(rows.n_rows, replace=False, size=int(rare.sum()))
            clusters.reassign(rare, rows.take(chosen))

    def _best_start(self, data: OpenData) -> OnlineClusters:
        """Return the best of several starts, as judged on a sample of rows."""
        rows = _some(data, self._rng.randint(0, data.rows.n_rows, self._init_rows(data))).rows
        starts = [self._start(data) for _ in range(self._starts())]
        if len(starts) == 1:
            return starts[0]
        return min(starts, key=lambda start: start.inertia(start.assign(rows, data.engine)))

    def _start(self, data: OpenData) -> OnlineClusters:
        """Return clusters begun on a sample of rows, or on all if the sample has as many."""
        size, n = self._init_rows(data), data.rows.n_rows
        some = data if size >= n else _some(data, self._rng.randint(0, n, size))
        return self._first_clusters(data, some, self._rng)

    def _starts(self) -> int:
        if not (callable(self.init) or isinstance(self.init, str)):
            return 1
        if self.n_init == "auto":
            return 1 if self.init == "k-means++" else SAFE_STARTS
        return int(self.n_init)

    def _init_rows(self, data: OpenData) -> int:
        n, k = data.rows.n_rows, self.n_clusters
        if self.init_size is not None and self.init_size < k:
            warnings.warn(
                f"init_size={self.init_size} should be larger than n_clusters={k}. Setting it to "
                "min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=4,
            )
        size = self.init_size or 3 * min(self.batch_size, n)
        return min(size if size >= k else 3 * k, n)

    def _converge(self, clusters: OnlineClusters, data: OpenData) -> None:
        """Learn from batches until a rule says stop."""
        n = data.rows.n_rows
        size = min(self.batch_size, n)
        patience = Patience(self.max_no_improvement, min(1.0, 2.0 * size / (n + 1)))
        rest = Rest(self._tolerance(data) if self.tol else 0.0)
        lots = Lots(data.weights)
        for step in range(self.max_iter * n // size):
            rest.look(clusters)
            loss = self._step(clusters, _some(data, lots.draw(size, self._rng))) / size
            self.n_steps_ = step + 1
            if self.verbose:
                print(f"Minibatch step {step + 1}: mean batch inertia {loss:.6g}")
            if step == 0:  # says how good the start was
                continue
            if rest.reached(clusters) or patience.exhausted(loss):
                break
        self.n_iter_: int = math.ceil(self.n_steps_ * size / n)
        self.inertia_ = patience.smoothed * float(data.weights.sum())

    def _step(self, clusters: OnlineClusters, batch: OpenData) -> float:
        """Learn from a batch, and return what its inertia was before."""
        assigned = clusters.assign(batch.rows, batch.engine)
        inertia = clusters.inertia(assigned)
        self._learn(clusters, assigned)
        return inertia


def _some(data: OpenData, chosen: Array) -> OpenData:
    """Return some of the rows, with weights of 1: they were drawn by weight."""
    rows = data.rows.take(chosen).reweighted(np.ones(len(chosen)))
    return replace(data, X=rows.entries, rows=rows)
