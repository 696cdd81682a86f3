"""k-means, k-means-C' and their Bregman relatives, with scikit-learn's face."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from cofactor.engine import engine_for
from cofactor.estimators.base import RANDOM_STATE, OpenData, best, narrator, runs
from cofactor.estimators.cluster_checks import (
    check_moves,
    warn_if_few_clusters,
    warn_if_one_cluster,
)
from cofactor.estimators.clustering import ClusteringEstimator
from cofactor.fit import Fit, fit
from cofactor.lloyd import Clusterable, Ending, Whole, lloyd, suits
from cofactor.lloyd_starts import Draws, fits_a_call, lloyd_starts
from cofactor.model import Model
from cofactor.neighbors import neighbors, pays
from cofactor.neighbors import suits as among_neighbors
from cofactor.noise import Gaussian, MixtureNoise, Noise, Params
from cofactor.noise.base import NearestNoise
from cofactor.online import Running
from cofactor.search import AT_ONCE, Budget, best_fit, polished
from cofactor.start import SEEDS, Draw, GreedyMeans, Seeds, from_means, with_hard_dispersion
from cofactor.start.rng import rng_for
from cofactor.stop import Both, NothingMoved, Rule, SmallChange, SmallShift, Stop, TimeLimit
from cofactor.trace import Callback, Trace


class KMeans(ClusteringEstimator):
    """k-means clustering, hard or with the best few clusters of each row kept.

    Minimises ``Σ_n w_n d(x_n, μ_c(n))`` over centers and labels, where ``d`` is the squared
    distance, or another noise's divergence [Banerjee et al. 2005]. With ``n_closest`` above 1 it
    maximises the free energy of an isotropic mixture of equal weights whose posterior is cut to
    the ``n_closest`` best components [Lücke & Forster 2019]. Same parameters, results and
    random numbers as :class:`sklearn.cluster.KMeans`.

    Parameters
    ----------
    n_clusters : int, default 8
    init : {'k-means++', 'k-means||', 'afk-mc2', 'coreset', 'random'}, array-like or callable
        Where to start: rows drawn by greedy k-means++ [Arthur & Vassilvitskii 2007], k-means‖
        [Bahmani et al. 2012], AFK-MC² [Bachem et al. 2016] or weight alone; centers that 20
        iterations find for a fifth of the rows, a lightweight coreset [Bachem, Lucic & Krause
        2018]; or centers of shape (n_clusters, d); a callable gets
        ``(X, n_clusters, random_state)``. For noises of counts or binary data, what was drawn or
        found is moved halfway to the mean.
    n_init : int or 'auto', default 'auto'
        Number of starts, of which the best is kept; 'auto' is 10 for 'random' and callables,
        else 1. With ``search='global'`` the number of whole searches, 'auto' is 1.
    max_iter : int, default 300
        With ``search='global'`` the most rounds of local searches.
    tol : float, default 1e-4
        Converged when the squared shift of all centers is below this fraction of the data's mean
        variance by column; hard clusters also converge when no row moves.
    verbose : int, default 0
        Above 0, print each iteration.
    random_state : int, RandomState or None
    copy_x : bool, default True
        For scikit-learn's sake; the data are never written to.
    algorithm : {'lloyd', 'elkan'}, default 'lloyd'
        For scikit-learn's sake; both names mean the same exact iterations.
    n_closest : int or None, default 1
        How many clusters each row's posterior keeps: 1 is k-means, C' is k-means-C', None keeps
        all. A posterior depends on σ², which is estimated; ``noise=Gaussian(fixed_variance=…)``
        holds it, ``noise=Gaussian(first_variance=…, cooling=…)`` lets it fall step by step.
    noise : str or Noise, default 'gaussian'
        A name in ``cofactor.noise.NOISES``, such as 'poisson' for KL k-means or
        'von_mises_fisher' for spherical k-means, which judges rows by their cosine.
    search : {'full', 'neighbors', 'auto', 'global'}, default 'full'
        How centers are found. 'full' takes the exact iterations of Lloyd, and gives the labels
        that scikit-learn gives. 'neighbors' compares each row with few centers at a time and
        moves it at once if that lowers the inertia: for thousands of clusters, many times sooner
        at a better optimum. Such a fit has converged when the inertia fell by at most a fraction
        ``tol`` while all rows met all centers; with ``tol=0``, when no move of a single row to
        any cluster lowers it. So hard clusters under Gaussian noise; with ``n_closest`` above 1 or
        under other noises each iteration compares a row with the clusters near those that it
        keeps, and the free energy never falls. 'auto' takes 'neighbors' for hard clusters of dense
        rows under Gaussian noise where comparing them with all centers takes longer than with
        neighbours: from some 200 clusters on. 'global' looks for the best optimum of all, only of
        hard clusters under Gaussian noise: many local searches – Lloyd's iterations, then moves of
        single rows – each from one of the best optima so far with a center moved to where rows are
        far from all others, until 512 in a row find nothing better or ``time_limit`` is over. The
        clusters of a single column are solved exactly, by dynamic programming [Wang & Song 2011].
    polish : bool, default False
        Go on until no single row can move to another cluster and lower the inertia [Hartigan
        1975]: better optima than Lloyd's, in little more time. Only for hard clusters under
        Gaussian noise.
    n_threads : int or None, default None
        None uses every core; results have the same bits for any number.
    callbacks : sequence of callable, default ()
        Each gets every :class:`~cofactor.trace.Iteration`; returning True stops the fit.
    time_limit : float or None, default None
        In seconds, for all starts together.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, d)
        In the data's precision; multinomial noise gives rows of probabilities.
    labels_ : ndarray of shape (n,), int32
    inertia_ : float
        ``Σ_n w_n ‖x_n − μ_c(n)‖²``; ``Σ_n w_n (1 − cosine)`` for von Mises-Fisher noise; for
        others nats above a perfect fit: half the deviance.
    n_iter_ : int
        Including the sweeps of ``polish``, of which at most ``max_iter`` are made too; of
        ``search='global'`` rounds, and the sweeps that confirm its end.
    converged_ : bool
        Of ``search='global'``: whether nothing better was found for long.
    hartigan_optimum_ : bool
        Whether it was shown, with float64 means, that no move of a single row to another cluster
        lowers the inertia by more than rounding [Hartigan 1975]: asked for by ``polish=True``, or
        by ``tol=0`` with a search that is not 'full', or by 'global'.
    optimal_ : bool
        Whether no other clusters have a lower inertia: known only where ``search='global'`` solved
        a single column.
    variance_ : float
        ``σ²``, only of Gaussian noise.
    free_energy_ : float
        In nats for all rows, constants included: ``log L`` or a lower bound of it; how far below
        tells :meth:`log_likelihood_gap`.
    trace_ : Trace
        ``objective`` (minus the free energy) and ``seconds`` of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only if the data have names of columns.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions(set(SEEDS)), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": RANDOM_STATE,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan"})],
        "n_closest": [Interval(Integral, 1, None, closed="left"), None],
        "noise": [str, Noise],
        "search": [StrOptions({"full", "neighbors", "auto", "global"})],
        "polish": ["boolean"],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "callbacks": [list, tuple],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        n_closest: int | None = 1,
        noise: str | Noise = "gaussian",
        search: str = "full",
        polish: bool = False,
        n_threads: int | None = None,
        callbacks: Sequence[Callback] = (),
        time_limit: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.n_closest = n_closest
        self.noise = noise
        self.search = search
        self.polish = polish
        self.n_threads = n_threads
        self.callbacks = callbacks
        self.time_limit = time_limit

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find centers and labels.

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
        check_moves(self.polish, self._is_global, self.n_closest, self.noise)
        warn_if_one_cluster(self.algorithm, self.n_clusters)
        seeds, rng = self._seeds(X), rng_for(self.random_state)
        with self._open(X, self._mixture_noise, sample_weight) as data:
            tolerance = self._tolerance(data) if self.tol else 0.0
            self._remember(self._best(data, seeds, rng, tolerance), data, tolerance)
        warn_if_few_clusters(self.labels_, self.n_clusters)
        return self

    def _best(
        self,
        data: OpenData[MixtureNoise],
        seeds: Seeds,
        rng: np.random.RandomState,
        tolerance: float,
    ) -> Fit:
        """Return the best of all starts."""
        n_init, draw = self._starts(seeds), self._draw(data, seeds)
        if isinstance(draw, GreedyMeans) and self._is_brief and not self._among_neighbors(data):
            ending = Ending(tolerance, self.max_iter)
            if found := self._at_once(data, draw.rows.ahead(rng, n_init), ending):
                return found
        limits = runs(n_init, self.time_limit)
        return best(self._fit_once(data, draw, rng, tolerance, limit) for limit in limits)

    def _at_once(
        self, data: OpenData[MixtureNoise], draws: Sequence[Draws], ending: Ending
    ) -> Fit | None:
        """Fit few rows in one call, if that will do."""
        products = data.X.size * self.n_clusters
        if not (draws and fits_a_call(products, len(draws), self.max_iter)):
            return None
        noise, params = cast(NearestNoise, data.noise), self._nowhere(data)
        return lloyd_starts(noise, self._whole(data), params, draws, ending)

    def _starts(self, seeds: Seeds) -> int:
        enough = 1 if self._is_global else seeds.n_init
        wanted = enough if self.n_init == "auto" else int(self.n_init)
        if wanted > 1 and not (callable(self.init) or isinstance(self.init, str)):
            warnings.warn(
                "Explicit initial center position passed: performing only one init in KMeans "
                f"instead of n_init={wanted}.",
                RuntimeWarning,
                stacklevel=4,
            )
            return 1
        return wanted

    def _fit_once(
        self,
        data: OpenData[MixtureNoise],
        draw: Draw,
        rng: np.random.RandomState,
        tolerance: float,
        limit: TimeLimit,
    ) -> Fit:
        """Fit from one start, or from as many as a search of its own takes."""
        if self._is_global:
            return self._search(data, draw, rng, limit)
        return self._polished(self._run(data, draw, rng, tolerance, limit), data, limit)

    def _search(
        self, data: OpenData[MixtureNoise], draw: Draw, rng: np.random.RandomState, limit: TimeLimit
    ) -> Fit:
        """Search for the best of many optima; small data, too, are worth several threads."""
        params = self._nowhere(data)
        budget = Budget(self.max_iter, limit, self._all_callbacks())
        with engine_for(self.n_threads, max(AT_ONCE, len(data.blocks))) as engine:
            whole = Whole(cast(Clusterable, data.rows), data.blocks, engine)
            return best_fit(whole, params, draw, rng, budget)

    def _run(
        self,
        data: OpenData[MixtureNoise],
        draw: Draw,
        rng: np.random.RandomState,
        tolerance: float,
        limit: TimeLimit,
    ) -> Fit:
        """Fit from one start, which nobody here keeps: many means take as much as many rows."""
        whole = self._whole(data)
        ending = Ending(tolerance, self.max_iter, limit, self._all_callbacks())
        if self._among_neighbors(data):
            ending = replace(ending, tolerance=self.tol)
            return neighbors(
                cast(Gaussian, data.noise), whole, self._start(data, draw, rng), ending
            )
        if self.search != "neighbors" and self.n_closest == 1 and suits(data.noise, data.blocks):
            noise = cast(NearestNoise, data.noise)
            return lloyd(noise, whole, self._start(data, draw, rng), ending)
        return self._run_general(data, self._start(data, draw, rng), tolerance, limit)

    def _start(
        self, data: OpenData[MixtureNoise], draw: Draw, rng: np.random.RandomState
    ) -> Params:
        params = from_means(data.noise, data.blocks, draw(rng), data.mean)
        if self.verbose:
            print("Initialization complete")
        return params

    def _run_general(
        self, data: OpenData[MixtureNoise], params: Params, tolerance: float, limit: TimeLimit
    ) -> Fit:
        """Iterate over blocks, for any noise and any number of clusters kept."""
        noise, codes = data.noise, self._codes()
        model = Model(noise, codes)
        rows = self._first_rows(model, data, params)
        rules: tuple[Rule, ...] = (self._still(tolerance), limit)
        if self.n_closest != 1:  # a posterior needs a scale, and moves while labels rest
            params = with_hard_dispersion(Model(noise, replace(codes, keep=1)), rows, params)
        elif self.search != "neighbors":  # else other clusters may be found next time
            rules = (*rules, NothingMoved())
        return fit(model, rows, params, Stop(self.max_iter, rules), self._all_callbacks())

    def _still(self, tolerance: float) -> Rule:
        """Return the rule that centers rest; while σ² cools, they may do so for long."""
        still = SmallShift(tolerance)
        cools = getattr(self._mixture_noise, "cooling", 0.0) > 0
        return Both(still, SmallChange(self.tol, relative=True)) if cools else still

    def _polished(self, found: Fit, data: OpenData[MixtureNoise], limit: TimeLimit) -> Fit:
        """Move single rows if that is asked for, unless something cut the fit short."""
        complete = found.converged or len(found.trace) > self.max_iter
        if not (self._polishes and complete):
            return found
        callbacks = self._all_callbacks()
        return polished(found, self._whole(data), self.max_iter, limit, callbacks)

    def _whole(self, data: OpenData[MixtureNoise]) -> Whole:
        return Whole(cast(Clusterable, data.rows), data.blocks, data.engine)

    def _nowhere(self, data: OpenData[MixtureNoise]) -> Params:
        """Return first parameters but for the means."""
        nowhere = np.zeros((self.n_clusters, data.rows.n_columns))
        return from_means(data.noise, data.blocks, nowhere, data.mean)

    @property
    def _polishes(self) -> bool:
        """Whether no move of a single row may be left that pays."""
        quick = self.search in ("neighbors", "auto")
        return self.polish or self._is_global or (quick and self._is_plain and not self.tol)

    @property
    def _is_global(self) -> bool:
        """Whether the best of many optima is searched for."""
        return self.search == "global"

    @property
    def _is_plain(self) -> bool:
        """Whether clusters are hard and noise is Gaussian, so that rows can be moved singly."""
        return self.n_closest == 1 and type(self._mixture_noise) is Gaussian

    @property
    def _is_brief(self) -> bool:
        """Whether fits are plain, and nobody looks at them."""
        watched = self.time_limit is not None or self._all_callbacks()
        plain = self._is_plain and self.search in ("full", "auto") and not self._polishes
        return plain and not watched

    def _all_callbacks(self) -> list[Callback]:
        return [*self.callbacks, *([narrator(1)] if self.verbose else [])]

    def _remember(self, chosen: Fit, data: OpenData[MixtureNoise], tolerance: float) -> None:
        self._params = chosen.params
        self._seen = Running.first(chosen.statistics.moments, float(data.weights.sum()))
        self.trace_: Trace = chosen.trace
        self.free_energy_: float = -chosen.objective
        self.converged_: bool = chosen.converged
        ended = chosen.converged or self._is_global
        self.hartigan_optimum_: bool = self._polishes and ended and not chosen.trace[-1].moved
        self.optimal_: bool = self._is_global and data.rows.n_columns == 1
        # A sweep that only confirms a small shift is not an iteration of Lloyd's.
        confirmed = SmallShift(tolerance)(chosen.trace)
        most = self.max_iter * (1 + self._polishes)
        self.n_iter_: int = min(most, len(chosen.trace) - confirmed)
        self.labels_ = np.concatenate([state.labels for state in chosen.rows.states])
        self.inertia_ = self._inertia(data, self.labels_)
        self.cluster_centers_ = chosen.params.components.astype(data.X.dtype)
        self._n_features_out = self.n_clusters

    def _among_neighbors(self, data: OpenData[MixtureNoise]) -> bool:
        """Return whether rows move one by one among neighbours."""
        possible = self.n_closest == 1 and among_neighbors(data.noise, data.rows)
        if self.search == "auto":
            return possible and pays(data.rows, self.n_clusters)
        return possible and self.search == "neighbors"
