"""The few likeliest components of every row, looked for among those near what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor import kernels
from cofactor.data import DenseRows, RowBlock, SparseRows, share
from cofactor.data.base import GROUP_SIZE, Floats, Labels
from cofactor.data.gaussians import Scaled, Whitened
from cofactor.data.losses import Affine
from cofactor.engine import Engine
from cofactor.errors import InputError
from cofactor.neighbors.chart import NEARNESS, Chart
from cofactor.neighbors.comparison import Units
from cofactor.neighbors.sketch import Numbers
from cofactor.noise.base import MixtureNoise, Params, Scorer

FULL = 16  # dense rows that fill a panel; units of fewer are compared together


@dataclass(frozen=True)
class Reach:
    """How far a search looks.

    Attributes
    ----------
    near : int
        Components in the list of each, and as many more as a row keeps.
    strangers : int
        Components added to every list, others in each search, so that rows meet all in time.
    enough : int
        Components that lists are found among.
    first : int
        Components that a row is first compared with.
    refresh : int
        Searches after which lists are made anew.
    """

    near: int = 32
    strangers: int = 128
    enough: int = 768
    first: int = 1024
    refresh: int = 4


# What a kernel is told of rows and, in the order of their places, of components.
Prepared = tuple[Callable[..., None], tuple[Any, ...], tuple[Any, ...]]


def _affine(rows: DenseRows, losses: Affine, members: Labels) -> Prepared:
    def cast(values: Floats) -> Any:
        return np.ascontiguousarray(values, dtype=rows.values.dtype)

    model = cast(losses.components[members]), cast(losses.offsets[members])
    return kernels.neighbor_top, (rows.values, cast(losses.shift)), model


def _scaled(rows: DenseRows, losses: Scaled, members: Labels) -> Prepared:
    centers = losses.centers[members]
    scales = np.broadcast_to(losses.scales[members], centers.shape)
    model = np.hstack([centers, scales]), losses.offsets[members]
    return kernels.neighbor_top_scaled, (rows.values, losses.shift), model


def _whitened(rows: DenseRows, losses: Whitened, members: Labels) -> Prepared:
    centers, k = losses.centers[members], len(members)
    column, row = np.tril_indices(rows.n_columns)
    factors = losses.factors[members] if len(losses.factors) == k else losses.factors
    packed = np.broadcast_to(factors[:, row, column], (k, len(row)))
    model = np.hstack([centers, packed]), losses.offsets[members]
    return kernels.neighbor_top_whitened, (rows.values, losses.shift), model


def _affine_csr(rows: SparseRows, losses: Affine, members: Labels) -> Prepared:
    dtype, (k, d) = rows.matrix.dtype, losses.components.shape
    width = -(-k // GROUP_SIZE) * GROUP_SIZE
    components_t, offsets = np.zeros((d, width), dtype), np.full(width, np.inf, dtype)
    components_t[:, :k] = losses.components[members].T
    offsets[:k] = losses.unshifted_offsets[members]
    return kernels.neighbor_top_csr, rows.arrays, (components_t, offsets)


PREPARED: dict[tuple[type, type], Callable[[Any, Any, Labels], Prepared]] = {
    (DenseRows, Affine): _affine,
    (DenseRows, Scaled): _scaled,
    (DenseRows, Whitened): _whitened,
    (SparseRows, Affine): _affine_csr,
}


def _groups(rows: RowBlock, units: Units) -> Numbers:
    """Return the edges of groups of units: those of dense rows begin within the same few rows."""
    if not isinstance(rows, DenseRows):
        return units.alone
    first = np.diff(units.starts[:-1] // FULL, prepend=-1) > 0
    return np.append(np.flatnonzero(first), len(units.starts) - 1)


@dataclass(frozen=True)
class Sight:
    """What rows are compared with under some parameters: components near the best that they keep.

    Attributes
    ----------
    scorer : Scorer
        The noise's, under the parameters.
    members, places : ndarray of shape (k,), int32
        The component at each place, and the place of each component.
    lists : ndarray of shape (units, g), int32
        Places that the rows of each unit are compared with.
    keep : int
        How many components are found for each row.
    """

    scorer: Any
    members: Labels
    places: Labels
    lists: Labels
    keep: int

    def __call__(
        self, rows: RowBlock, kept: Labels, engine: Engine, counter: Numbers
    ) -> tuple[Labels, Floats]:
        """Return the likeliest components of each row that a search finds, and their losses.

        Parameters
        ----------
        rows : RowBlock
        kept : ndarray of shape (n, c), int32
            What each row keeps, best first.
        engine : Engine
        counter : ndarray of shape (1,), int64
            The number of losses is added to it.

        Returns
        -------
        index : ndarray of shape (n, keep), int32
            Best first.
        loss : ndarray of shape (n, keep)
            In nats, less what depends on the row alone.
        """
        labels = np.ascontiguousarray(kept[:, 0])
        return self.found(rows, Units.by_place(labels, self.places), kept, engine, counter)

    def found(
        self, rows: RowBlock, units: Units, kept: Labels, engine: Engine, counter: Numbers
    ) -> tuple[Labels, Floats]:
        """Compare the rows of each unit with what is listed for it, and what they keep."""
        kernel, data, model = PREPARED[type(rows), _losses_of(self.scorer)](
            rows, self.scorer.losses, self.members
        )
        n = len(kept)
        index, loss = np.empty((n, self.keep), np.int32), np.empty((n, self.keep))
        sorted_rows = units.order, units.starts, kept
        groups = _groups(rows, units), self.lists
        places = self.members, self.places
        share(engine, kernel, *data, *sorted_rows, *places, *model, *groups, index, loss, counter)
        loss *= self.scorer.scale
        return index, loss


@dataclass(frozen=True)
class FirstSight:
    """What rows are first compared with: components near their cell.

    Attributes
    ----------
    cells : Scorer
        Under which the cells' points are components.
    near : Sight
        Its lists are those of the cells.
    """

    cells: Scorer
    near: Sight

    def __call__(self, rows: RowBlock, engine: Engine, counter: Numbers) -> Labels:
        """Return likely components of each row, shape (n, keep)."""
        labels, _ = self.cells.nearest(rows, engine)
        n_cells = len(self.near.lists)
        counter += len(labels) * n_cells
        units = Units.by_place(labels, np.arange(n_cells, dtype=np.int32))
        nothing = np.full((len(labels), 1), -1, dtype=np.int32)
        return self.near.found(rows, units, nothing, engine, counter)[0]


class TopSearch:
    """Looks for the likeliest components of all rows.

    A row is compared with the components near the best that it keeps, and with those that the
    rows compared together with it keep, its own among them: what it keeps never gets worse.

    Parameters
    ----------
    storage : type
        Of the rows.
    noise : MixtureNoise
    engine : Engine
        Who works on the components.
    reach : Reach

    Attributes
    ----------
    counter : ndarray of shape (1,), int64
        Losses so far.

    Raises
    ------
    InputError
        If there is no such search for the noise and the storage of the rows.
    """

    def __init__(self, storage: type, noise: MixtureNoise, engine: Engine, reach: Reach) -> None:
        self._storage, self._noise, self._engine, self._reach = storage, noise, engine, reach
        self._age = 0
        self._chart: Chart
        self._lists: Labels
        self.counter = np.zeros(1, dtype=np.int64)

    def first(self, params: Params, keep: int) -> FirstSight:
        """Return what rows are first compared with."""
        scorer = self._scorer(params)
        self._chart = chart = self._drawn(scorer, params)
        wanted = max(self._reach.first, keep)
        near = self._sight(scorer, chart.near_cells(wanted, 2 * wanted), keep)
        return FirstSight(self._of_cells(chart.cell_points + scorer.losses.shift, params), near)

    def next(self, scorer: Any, params: Params, keep: int) -> Sight:
        """Return what rows are compared with now.

        Parameters
        ----------
        scorer : Scorer
            The noise's, under the parameters.
        params : Params
        keep : int
            How many components are found for each row.
        """
        if self._age % self._reach.refresh == 0:
            self._refresh(scorer, params, keep)
        self._age += 1
        lists = np.hstack([self._lists, self._strangers(len(self._lists))])
        return self._sight(scorer, lists, keep)

    def _sight(self, scorer: Any, lists: Labels, keep: int) -> Sight:
        cells = self._chart.cells
        return Sight(scorer, cells.members, cells.places, lists, keep)

    def _refresh(self, scorer: Any, params: Params, keep: int) -> None:
        """Find out anew which components are near which; at first they are where they were."""
        if self._age:
            self._chart = self._drawn(scorer, params)
        self._lists = self._chart.near_components(self._reach.near + keep, self._reach.enough)

    def _strangers(self, k: int) -> Labels:
        """Return the next places of all, by sixteens in an order drawn once: the same for all."""
        n_groups = -(-k // GROUP_SIZE)
        order = np.random.default_rng(0).permutation(n_groups)
        wanted = self._reach.strangers
        step = min(n_groups, -(-wanted // GROUP_SIZE))
        turn = order[(np.arange(step) + self._age * step) % n_groups]
        places = (turn[:, None] * GROUP_SIZE + np.arange(GROUP_SIZE)).ravel()[:wanted]
        return np.broadcast_to(np.where(places < k, places, -1).astype(np.int32), (k, places.size))

    def _scorer(self, params: Params) -> Any:
        scorer = self._noise.scorer(params)
        if (self._storage, _losses_of(scorer)) not in PREPARED:
            raise InputError(
                f"search='neighbors' with {self._noise.name} noise on "
                f"{self._storage.__name__}: sparse rows are searched so only under noises "
                "whose losses are affine in the row, without covariances of their own; expected "
                "one of these, an array, or search='full'."
            )
        return scorer

    def _drawn(self, scorer: Any, params: Params) -> Chart:
        near = NEARNESS[type(scorer.losses)](scorer.losses, params.components)
        return Chart.drawn(near, self._engine, self.counter)

    def _of_cells(self, points: Floats, params: Params) -> Scorer:
        """Return what scores rows under the cells' points, as if they were components."""
        noise, n_cells = self._noise, len(points)
        cells = Params(
            noise.legal_means(points),
            np.full(n_cells, -np.log(n_cells)),
            noise.first_dispersion(*points.shape),
            params.reference,
        )
        return noise.scorer(cells)


def _losses_of(scorer: Scorer) -> type:
    return type(getattr(scorer, "losses", None))
