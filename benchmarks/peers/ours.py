"""cofactor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.judges import divergence
from benchmarks.problem import LONG, Factors, Mixture, Problem
from benchmarks.workloads import Array
from cofactor.codes import MultiplicativeNonnegative, Nonnegative
from cofactor.data import DenseRows, RowBlock, cut, cut_evenly, open_rows, open_transposed
from cofactor.engine import engine_for
from cofactor.estimators import GaussianMixture, KMeans, MiniBatchKMeans
from cofactor.fit import blocks_for, first_rows, fit
from cofactor.lloyd import COLUMNS, begun
from cofactor.model import Model
from cofactor.noise import Gaussian, Params, Poisson
from cofactor.noise.linear import NonnegativeNoise
from cofactor.start import from_means
from cofactor.start.coarse import Draw, coarse_factors, worth_coarsening
from cofactor.start.kmeans_plusplus import kmeans_plusplus
from cofactor.start.parts import Opened, Part
from cofactor.stop import Rule, Stop, TimeLimit
from cofactor.trace import Trace

SOME = 10_000  # rows to fit quickly
SWEEPS = 8  # of coordinate descent, for each product with the data


class Cofactor:
    """Through the estimators; where a task is smaller than a fit, through the parts of one."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.X, self.means = problem.X, problem.means

    def lloyd(self, n_iter: int) -> Array:
        p = self.problem
        model = KMeans(p.k, init=self.means, max_iter=n_iter, tol=0.0, n_threads=p.n_threads)
        return model.fit(self.X).cluster_centers_

    def full_iterations(self, n_iter: int) -> Array:
        """Let every iteration compare every row with every center."""
        p, noise = self.problem, Gaussian()
        rows = DenseRows(self.X, np.ones(len(self.X)))
        lines = np.zeros((n_iter, COLUMNS))
        with engine_for(p.n_threads, p.n_threads) as engine:
            clusters = begun(rows, from_means(noise, [rows], self.means.astype(float)))
            for done in range(n_iter):
                clusters.forget()
                clusters.go_on(engine, 0.0, done + 1, lines)
        means = clusters.sums / np.maximum(clusters.counts, 1.0)[:, None]  # of the last labels
        return np.asarray(means + clusters.shift)

    def lloyd_to_convergence(self) -> Array:
        return self.lloyd(LONG)

    def descend(self) -> Array:
        """Stop at the goal."""
        (n, d), k = self.X.shape, self.problem.k
        # The free energy of one kept cluster of each row, at the goal.
        variance = self.problem.goal.inertia / (n * d)
        goal = n * np.log(k) + 0.5 * n * d * np.log(2.0 * np.pi * np.e * variance)
        return self._searched(callbacks=[lambda iteration: bool(iteration.objective <= goal)])

    def optimum(self) -> Array:
        return self._searched()

    def many_clusters(self) -> Array:
        """Draw rows to start from, too."""
        p = self.problem
        model = KMeans(
            p.k, init="random", n_init=1, search="auto", random_state=p.seed, n_threads=p.n_threads
        )
        return model.fit(self.X).cluster_centers_

    def _searched(self, **choices: Any) -> Array:
        p = self.problem
        model = KMeans(p.k, init=self.means, search="auto", n_threads=p.n_threads, **choices)
        return model.fit(self.X).cluster_centers_

    def seeds(self) -> Array:
        p = self.problem
        return kmeans_plusplus(p.X, p.k, random_state=p.seed, n_threads=p.n_threads)[0]

    def default_fit(self) -> Array:
        p = self.problem
        model = KMeans(p.k, n_init=p.n_init, random_state=p.seed, n_threads=p.n_threads)
        return model.fit(p.X).cluster_centers_

    def mini_batches(self) -> Array:
        p = self.problem
        model = MiniBatchKMeans(
            p.k,
            init=self.means,
            max_iter=p.passes,
            max_no_improvement=None,
            random_state=p.seed,
            n_threads=p.n_threads,
        )
        return model.fit(self.X).cluster_centers_

    def mixture(self, n_iter: int) -> Mixture:
        p = self.problem
        model = GaussianMixture(
            p.k,
            covariance_type=p.covariance_type,
            tol=0.0,
            max_iter=n_iter,
            means_init=p.means,
            weights_init=p.weights,
            precisions_init=p.precisions,
            n_threads=p.n_threads,
        ).fit(p.X)
        return Mixture(model.weights_, model.means_, model.precisions_cholesky_)

    def poisson_factors(self, n_iter: int) -> Factors:
        return self._factored(Model(Poisson(), Nonnegative()), Stop(n_iter))

    def poisson_steps(self, n_iter: int) -> Factors:
        return self._factored(Model(Poisson(), MultiplicativeNonnegative()), Stop(n_iter))

    def poisson_descent(self) -> Factors:
        """Stop at the goal; the steps that find it are those of NMF with this start."""
        return self._fitted_counts(AtObjective(self.rate_objective))

    def poisson_reach(self) -> Factors:
        """Stop at the divergence of scikit-learn's steps."""
        return self._fitted_counts(AtObjective(self.reached_objective))

    def poisson_depth(self) -> Factors:
        """Go on until the time is up."""
        return self._fitted_counts(TimeLimit(self.problem.seconds))

    def frobenius_descent(self) -> Factors:
        """Stop at the residual of scikit-learn's steps."""
        stop = Stop(LONG, (AtObjective(self.residual_objective),))
        return self._factored(Model(Gaussian(sweeps=SWEEPS), Nonnegative()), stop)

    def _fitted_counts(self, rule: Rule) -> Factors:
        """Begin with some of the data where they are many, as NMF does."""
        coarsely = worth_coarsening(self.X, self.problem.k)
        return self._factored(Model(Poisson(), Nonnegative()), Stop(LONG, (rule,)), coarsely)

    def _factored(self, model: Model, stop: Stop, coarsely: bool = False) -> Factors:
        p, started = self.problem, perf_counter()
        start = tuple(factor.astype(np.float64) for factor in p.factors)
        with engine_for(p.n_threads, len(self.blocks)) as engine:
            blocks = blocks_for(model, self.rows, engine)
            columns = blocks_for(model, self.columns, engine, cut_evenly)
            if coarsely:
                whole = Part.whole(p.X, np.ones(p.X.shape[0]))
                data = Opened(whole, blocks, columns, engine)
                start = coarse_factors(model, data, p.k, _some_of(start))
            codes, components = start
            params = _factor_params(components)
            rows = first_rows(model, blocks, params, engine, codes, columns)
            if coarsely:
                model.codes.renew(rows)
            found = fit(model, rows, params, stop, started=started)
        codes = np.concatenate([state.codes for state in found.rows.states])
        return Factors(codes, found.params.components)

    @cached_property
    def rate_objective(self) -> float:
        """The objective at the divergence that is to be reached."""
        return self._objective(Poisson(), self.problem.rate_goal)

    @cached_property
    def reached_objective(self) -> float:
        """The objective at the divergence that scikit-learn's steps come to."""
        return self._objective(Poisson(), divergence(self.problem, self.problem.multiplied))

    @cached_property
    def residual_objective(self) -> float:
        """The objective at the residual that is to be reached."""
        return self._objective(Gaussian(), self.problem.residual_goal)

    def _objective(self, noise: NonnegativeNoise, divergence: float) -> float:
        constants = np.sum([noise.constants(block) for block in self.blocks], axis=0)
        return noise.nats(divergence, constants)

    @cached_property
    def rows(self) -> RowBlock:
        return open_rows(self.X)

    @cached_property
    def blocks(self) -> list[RowBlock]:
        return cut(self.rows)

    @cached_property
    def columns(self) -> RowBlock:
        return open_transposed(self.X)

    def products(self) -> float:
        """Find every row's nearest center, and return the operations of a product that would do."""
        self.fitted.predict(self.X)
        return 2.0 * self.X.size * self.problem.k

    @cached_property
    def fitted(self) -> KMeans:
        """A model of some of the rows: what it is does not matter to the time of predicting."""
        p = self.problem
        model = KMeans(p.k, init=self.means, max_iter=1, n_threads=p.n_threads)
        return model.fit(self.X[: max(p.k, SOME)])


@dataclass(frozen=True)
class AtObjective:
    """Stop at a goal."""

    goal: float
    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        return trace[-1].objective <= self.goal


class CofactorFloat64(Cofactor):
    """The same, with the data in float64."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.X, self.means = problem.X.astype(np.float64), problem.means.astype(np.float64)


def _some_of(factors: tuple[Array, Array]) -> Draw:
    """Return what draws these factors, of a part those of its rows and columns."""
    codes, components = factors
    return lambda part: (codes[part.rows], components[:, part.columns])


def _factor_params(components: Array) -> Params:
    k, d = components.shape
    dispersion = Poisson().first_dispersion(k, d)
    return Params(components, np.zeros(k), dispersion, np.zeros(d))
