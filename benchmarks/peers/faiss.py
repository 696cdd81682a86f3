"""faiss on the CPU."""

from __future__ import annotations

import faiss
import numpy as np

from benchmarks.problem import Problem
from benchmarks.workloads import Array


class Faiss:
    """Its clustering of dense float32 rows, kept from taking a sample of them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        faiss.omp_set_num_threads(problem.n_threads)

    def lloyd(self, n_iter: int) -> Array:
        n, d = self.problem.X.shape
        model = faiss.Kmeans(
            d, self.problem.k, niter=n_iter, max_points_per_centroid=n, min_points_per_centroid=1
        )
        model.train(self.problem.X, init_centroids=self.problem.means)
        return np.asarray(model.centroids)

    def many_clusters(self) -> Array:
        """Draw rows to start from, and take the iterations that it takes by default."""
        model = faiss.Kmeans(self.problem.X.shape[1], self.problem.k, seed=self.problem.seed)
        model.train(self.problem.X)
        return np.asarray(model.centroids)

    full_iterations = lloyd  # there are no others
