"""The machine's own matrix product, as NumPy's BLAS does it."""

from __future__ import annotations

import numpy as np

from benchmarks.problem import Problem

SIZE = 3072


class Sgemm:
    """Square float32 matrices large enough for BLAS to run at its best."""

    def __init__(self, problem: Problem) -> None:
        rng = np.random.default_rng(problem.seed)
        self.left, self.right = rng.standard_normal((2, SIZE, SIZE), dtype=np.float32)
        self.product = np.empty_like(self.left)

    def products(self) -> float:
        """Multiply, and return the number of operations."""
        np.matmul(self.left, self.right, out=self.product)
        return 2.0 * SIZE**3
