"""scikit-learn-intelex: oneDAL behind scikit-learn's face."""

from __future__ import annotations

from sklearnex.cluster import KMeans

from benchmarks.problem import LONG, Problem
from benchmarks.workloads import Array


class Intelex:
    """Its own classes, without patching scikit-learn's."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def lloyd(self, n_iter: int) -> Array:
        p = self.problem
        model = KMeans(
            p.k,
            init=p.means,
            n_init=1,
            max_iter=n_iter,
            tol=0.0,
            algorithm="lloyd",
            n_jobs=p.n_threads,
        )
        return model.fit(p.X).cluster_centers_

    def lloyd_to_convergence(self) -> Array:
        return self.lloyd(LONG)

    def default_fit(self) -> Array:
        p = self.problem
        model = KMeans(p.k, n_init=p.n_init, random_state=p.seed, n_jobs=p.n_threads)
        return model.fit(p.X).cluster_centers_
