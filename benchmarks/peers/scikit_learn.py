"""scikit-learn."""

from __future__ import annotations

from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from sklearn.mixture import GaussianMixture

from benchmarks.problem import (
    LONG,
    STEPS,
    Factors,
    Mixture,
    Problem,
    coordinate_descent,
    multiplicative_steps,
)
from benchmarks.workloads import Array


class ScikitLearn:
    """As its documentation says; it limits its own BLAS inside Lloyd's loop."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def lloyd(self, n_iter: int) -> Array:
        p = self.problem
        model = KMeans(p.k, init=p.means, n_init=1, max_iter=n_iter, tol=0.0)
        return model.fit(p.X).cluster_centers_

    full_iterations = lloyd  # there are no others

    def lloyd_to_convergence(self) -> Array:
        return self.lloyd(LONG)

    def descend(self) -> Array:
        """Stop at the goal."""
        return self.lloyd(self.problem.goal.n_iter)

    def optimum(self) -> Array:
        return self.lloyd(LONG)

    def seeds(self) -> Array:
        p = self.problem
        return kmeans_plusplus(p.X, p.k, random_state=p.seed)[0]

    def default_fit(self) -> Array:
        p = self.problem
        return KMeans(p.k, n_init=p.n_init, random_state=p.seed).fit(p.X).cluster_centers_

    def mini_batches(self) -> Array:
        p = self.problem
        model = MiniBatchKMeans(
            p.k,
            init=p.means,
            n_init=1,
            max_iter=p.passes,
            max_no_improvement=None,
            random_state=p.seed,
        )
        return model.fit(p.X).cluster_centers_

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
        ).fit(p.X)
        return Mixture(model.weights_, model.means_, model.precisions_cholesky_)

    def poisson_factors(self, n_iter: int) -> Factors:
        return multiplicative_steps(self.problem, n_iter)

    poisson_steps = poisson_factors  # there are no others

    def poisson_reach(self) -> Factors:
        return multiplicative_steps(self.problem, STEPS)

    def frobenius_descent(self) -> Factors:
        return coordinate_descent(self.problem)
