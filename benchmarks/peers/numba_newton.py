"""A control: coordinate Newton in numba, float32, components gathered for each row.

What a good afternoon with a compiler gives: the algorithm of the fastest published solvers of
Poisson factorizations [Hsieh & Dhillon 2011; Carbonetto et al. 2021], four sweeps over a row's
coordinates before it is left, rows on all threads.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import numba
import numpy as np
import scipy.sparse as sp

from benchmarks.judges import divergence
from benchmarks.problem import LONG, Factors, Problem
from benchmarks.workloads import Array

SWEEPS = 4
FLOOR = 1e-10
TINY = 1e-30


class _Side(NamedTuple):
    """The data by rows, or by columns."""

    indptr: Array
    indices: Array
    data: Array

    @classmethod
    def of(cls, X: Any) -> _Side:
        csr = sp.csr_array(X)
        return cls(csr.indptr.astype(np.int64), csr.indices, csr.data.astype(np.float32))


@numba.njit(parallel=True, fastmath=True, cache=True)
def _improve(indptr, indices, data, components, totals, codes, sweeps, floor, tiny, longest):
    n, k = codes.shape
    n_chunks = min(n, 64)
    for chunk in numba.prange(n_chunks):
        panel = np.empty((k, longest), np.float32)
        fitted = np.empty(longest, np.float32)
        for i in range(chunk, n, n_chunks):
            begin, size = indptr[i], indptr[i + 1] - indptr[i]
            if size == 0:
                codes[i] = 0
                continue
            x = data[begin : begin + size]
            for p in range(size):
                h = components[indices[begin + p]]
                for t in range(k):
                    panel[t, p] = h[t]
            fitted[:size] = 0
            for t in range(k):
                z = codes[i, t]
                for p in range(size):
                    fitted[p] += z * panel[t, p]
            for _ in range(sweeps):
                for t in range(k):
                    slope, bend = np.float32(0), np.float32(0)
                    for p in range(size):
                        ratio = panel[t, p] / max(fitted[p], tiny)
                        gain = x[p] * ratio
                        slope += gain
                        bend += gain * ratio
                    z = codes[i, t]
                    new = max(z + (slope - totals[t]) / max(bend, tiny), floor)
                    moved = np.float32(new - z)
                    codes[i, t] = new
                    for p in range(size):
                        fitted[p] += moved * panel[t, p]


class NumbaNewton:
    """Both factors in turn; looking at the divergence is not on the clock."""

    def __init__(self, problem: Problem) -> None:
        numba.set_num_threads(problem.n_threads)
        self.problem = problem
        self.rows, self.columns = _Side.of(problem.X), _Side.of(sp.csr_array(problem.X).T)
        self.poisson_factors(1)  # compiled now
        if problem.excess:
            self.n_needed = self._needed()

    def poisson_factors(self, n_iter: int) -> Factors:
        codes, components = self._start()
        for _ in range(n_iter):
            self._iterate(codes, components)
        return Factors(codes, components.T)

    def poisson_descent(self) -> Factors:
        """Take as many iterations as the goal needs."""
        return self.poisson_factors(self.n_needed)

    def poisson_depth(self) -> Factors:
        """Go on until the time is up."""
        started, (codes, components) = perf_counter(), self._start()
        while perf_counter() - started < self.problem.seconds:
            self._iterate(codes, components)
        return Factors(codes, components.T)

    def _needed(self) -> int:
        codes, components = self._start()
        for n_iter in range(1, LONG):
            self._iterate(codes, components)
            if divergence(self.problem, Factors(codes, components.T)) <= self.problem.rate_goal:
                return n_iter
        raise RuntimeError(f"not at the goal after {LONG} iterations")

    def _start(self) -> tuple[Array, Array]:
        codes, components = self.problem.factors
        return codes.astype(np.float32), np.ascontiguousarray(components.T, dtype=np.float32)

    def _iterate(self, codes: Array, components: Array) -> None:
        for side, fixed, free in (
            (self.rows, components, codes),
            (self.columns, codes, components),
        ):
            totals = fixed.sum(axis=0, dtype=np.float64).astype(np.float32)
            longest = int(np.diff(side.indptr).max())
            _improve(*side, fixed, totals, free, SWEEPS, FLOOR, np.float32(TINY), longest)
