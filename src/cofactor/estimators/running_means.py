"""Hard clusters of the nearest mean that learn from batches: a search and a sum each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cofactor import kernels
from cofactor.codes import OneHot
from cofactor.data import DenseRows, RowBlock, SparseRows, cut, split
from cofactor.data.base import GROUP_SIZE, Array, Floats, Labels
from cofactor.data.losses import Affine
from cofactor.engine import Engine
from cofactor.estimators.online_clusters import Assigned, OnlineClusters, SweptClusters
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.noise import MixtureNoise, Params
from cofactor.noise.base import Moments, NearestNoise
from cofactor.online import Running
from cofactor.start import from_means, with_hard_dispersion

Some = NDArray[np.bool_] | slice  # centers
EVERY = slice(None)


class RunningMeans(OnlineClusters):
    """Means of all rows so far, as sums and counts that batches are added to.

    A center that no row was assigned to yet is its own sum.

    Parameters
    ----------
    noise : NearestNoise
    params : Params
    seen : Running or None
        Moments of all rows so far; None before the first.
    """

    def __init__(self, noise: NearestNoise, params: Params, seen: Running[Moments] | None) -> None:
        self._noise, self._params = noise, params
        k, d = params.components.shape
        nothing = Moments(np.zeros(k), np.zeros((k, d)), np.zeros(()))
        moments = nothing if seen is None else seen.statistics
        self._weight = 0.0 if seen is None else seen.weight
        self._counts, self._spread = moments.counts.copy(), float(moments.spread.sum())
        means = params.components - params.reference
        filled = self._counts[:, None] > 0
        self._set_sums(EVERY, np.where(filled, moments.sums, means))

    @property
    def counts(self) -> Floats:
        """See :class:`OnlineClusters`."""
        return self._counts

    @property
    def components(self) -> Floats:
        """See :class:`OnlineClusters`."""
        return self._means(EVERY) + self._params.reference

    def learn(self, batch: Assigned) -> None:
        """See :class:`OnlineClusters`."""
        rows = batch.rows
        self._add(batch)
        self._weight += float(rows.weights.sum())
        self._spread += float(rows.weights @ rows.squared_norms(self._params.reference))

    def reassign(self, which: NDArray[np.bool_], rows: RowBlock) -> None:
        """See :class:`OnlineClusters`."""
        left = self._means(which)
        self._spread -= float(self._counts[which] @ np.einsum("cd,cd->c", left, left))
        self._counts[which] = least = self._counts[~which].min()
        self._spread += float(least * rows.squared_norms(self._params.reference).sum())
        self._set_sums(which, (least or 1.0) * (rows.dense() - self._params.reference))

    def learned(self) -> tuple[Params, Running[Moments] | None]:
        """See :class:`OnlineClusters`."""
        params = replace(self._params, components=self.components)
        sums = np.where(self._counts[:, None] > 0, self._sums_of(EVERY), 0.0)
        moments = Moments(self._counts.copy(), sums, np.array(self._spread))
        if self._weight:
            params = replace(params, dispersion=self._noise.dispersion(moments, params))
        return params, Running.first(moments, self._weight)

    def _means(self, which: Some) -> Floats:
        """Return some centers, less the reference."""
        means = self._sums_of(which) / self._divisors[which, None]
        return self._noise.legal_means(means) if self._noise.on_sphere else means

    @property
    def _divisors(self) -> Floats:
        """What sums are divided by to be means, shape (k,)."""
        return np.where(self._counts > 0, self._counts, 1.0)

    @abstractmethod
    def _add(self, batch: Assigned) -> None:
        """Add a batch to the sums and counts; centers without rows so far lose their own sum."""

    @abstractmethod
    def _set_sums(self, which: Some, sums: Floats) -> None:
        """Replace the sums of some centers, less the reference times their counts."""

    @abstractmethod
    def _sums_of(self, which: Some) -> Floats:
        """Return the sums of some centers, less the reference times their counts."""


class DenseMeans(RunningMeans):
    """Means of dense rows."""

    def __init__(self, noise: NearestNoise, params: Params, seen: Running[Moments] | None) -> None:
        self._sums = np.empty_like(params.components)
        super().__init__(noise, params, seen)

    def assign(self, rows: RowBlock, engine: Engine) -> Assigned:
        """See :class:`OnlineClusters`."""
        labels, _ = rows.nearest(self._affine, engine)
        return Assigned(rows, labels)

    def inertia(self, batch: Assigned) -> float:
        """See :class:`OnlineClusters`."""
        params = replace(self._params, components=self.components)
        distortion = self._noise.distortion(batch.rows, params, batch.labels)
        return float(batch.rows.weights @ distortion)

    def _add(self, batch: Assigned) -> None:
        """See :class:`RunningMeans`."""
        rows, index = batch.rows, batch.labels[:, None]
        counts, sums = rows.scatter_sums(
            index, rows.weights[:, None], len(self._counts), self._params.reference
        )
        self._sums[(self._counts == 0) & (counts > 0)] = 0.0
        self._sums += sums
        self._counts += counts
        self._place()

    def _set_sums(self, which: Some, sums: Floats) -> None:
        """See :class:`RunningMeans`."""
        self._sums[which] = sums
        self._place()

    def _place(self) -> None:
        """Put the centers where the sums say."""
        means = self._means(EVERY)
        half_norms = 0.5 * np.einsum("cd,cd->c", means, means)
        self._affine = Affine(means, half_norms, self._params.reference)

    def _sums_of(self, which: Some) -> Floats:
        """See :class:`RunningMeans`."""
        return self._sums[which]


class SparseMeans(RunningMeans):
    """Means of sparse rows, which touch few columns: what a batch costs does not depend on d.

    Sums are about the origin, with all values of a column side by side. The search is for the
    least ``½‖S_c/N_c‖² − ⟨x, S_c⟩/N_c``, and squared lengths of sums follow what is added. On the
    sphere ``‖S_c‖`` stands for ``N_c``.
    """

    def __init__(self, noise: NearestNoise, params: Params, seen: Running[Moments] | None) -> None:
        k, d = params.components.shape
        self._sums_t = np.zeros((d, -(-k // GROUP_SIZE) * GROUP_SIZE))
        self._squares = np.zeros(k)
        super().__init__(noise, params, seen)

    def assign(self, rows: RowBlock, engine: Engine) -> Assigned:
        """See :class:`OnlineClusters`; what is found are half squared distances less norms."""
        k, width = len(self._counts), self._sums_t.shape[1]
        factors, offsets = np.zeros(width), np.full(width, np.inf)
        factors[:k] = 1.0 / self._lengths if self._noise.on_sphere else 1.0 / self._divisors
        offsets[:k] = 0.5 * self._squares * factors[:k] ** 2
        blocks = cast(list[SparseRows], cut(rows))
        labels, loss = np.empty(rows.n_rows, np.int32), np.empty(rows.n_rows)

        def search(part: tuple[SparseRows, Labels, Floats]) -> None:
            block, own, least = part
            kernels.nearest_sum_csr(*block.arrays, self._sums_t, factors, offsets, own, least)

        parts = zip(blocks, split(labels, blocks), split(loss, blocks), strict=True)
        engine.map(search, list(parts))
        return Assigned(rows, labels, loss)

    def inertia(self, batch: Assigned) -> float:
        """See :class:`OnlineClusters`."""
        halves = 0.5 * batch.rows.squared_norms(np.zeros(batch.rows.n_columns)) + batch.found
        unit = 1.0 if self._noise.on_sphere else 2.0
        return unit * float(batch.rows.weights @ np.maximum(halves, 0.0))

    def _add(self, batch: Assigned) -> None:
        """See :class:`RunningMeans`."""
        rows = cast(SparseRows, batch.rows)
        fresh = np.unique(batch.labels[(self._counts == 0)[batch.labels] & (rows.weights > 0)])
        self._sums_t[:, fresh] = 0.0
        self._squares[fresh] = 0.0
        kernels.add_to_sums_csr(
            *rows.arrays, batch.labels, rows.weights, self._counts, self._sums_t, self._squares
        )

    def _set_sums(self, which: Some, sums: Floats) -> None:
        """See :class:`RunningMeans`."""
        k = len(self._counts)
        about_origin = sums + self._divisors[which, None] * self._params.reference
        self._sums_t[:, :k][:, which] = about_origin.T
        self._squares[which] = np.einsum("cd,cd->c", about_origin, about_origin)

    def _sums_of(self, which: Some) -> Floats:
        """See :class:`RunningMeans`."""
        sums = np.ascontiguousarray(self._sums_t[:, : len(self._counts)][:, which].T)
        return sums - self._divisors[which, None] * self._params.reference

    @property
    def _lengths(self) -> Floats:
        """The lengths of sums, shape (k,); 1 where there is none."""
        return np.sqrt(np.where(self._squares > 0, self._squares, 1.0))


def online_clusters(
    noise: MixtureNoise,
    n_closest: int | None,
    rows: RowBlock,
    params: Params,
    seen: Running[Moments] | None = None,
) -> OnlineClusters:
    """Return clusters that learn from batches, to go on from what was learned before.

    Parameters
    ----------
    noise : MixtureNoise
    n_closest : int or None
        How many clusters each row's posterior keeps.
    rows : RowBlock
        Stored as the batches will be.
    params : Params
    seen : Running or None
        Moments of all rows so far; None before the first.
    """
    storage = _STORAGES.get(type(rows))
    if storage is not None and n_closest == 1 and isinstance(noise, NearestNoise):
        return storage(noise, params, seen)
    return SweptClusters(Model(noise, OneHot(n_closest)), params, seen)


def first_params(
    noise: MixtureNoise,
    n_closest: int | None,
    blocks: Sequence[RowBlock],
    means: Array,
    engine: Engine,
) -> Params:
    """Return parameters of clusters that have seen nothing yet.

    Parameters
    ----------
    noise : MixtureNoise
    n_closest : int or None
        How many clusters each row's posterior keeps.
    blocks : sequence of RowBlock
        The first batch, which tells the scale of posteriors.
    means : ndarray of shape (k, d)
        Where to start.
    engine : Engine
    """
    params = from_means(noise, blocks, means)
    if n_closest == 1:
        return params
    hard = Model(noise, OneHot())
    return with_hard_dispersion(hard, first_rows(hard, blocks, params, engine), params)


_STORAGES: dict[type, type[RunningMeans]] = {DenseRows: DenseMeans, SparseRows: SparseMeans}
