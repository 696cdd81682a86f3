"""Steps of nonnegative codes of counts: rows by themselves, under components that do not change.

Each lowers ``Σ_l u_l (a_l − x_l log a_l)`` plus the penalty of every row, with ``a = e zW + o``,
over the entries observed. No step raises any row's loss, but hasty ones, which do not look at the
codes that they find. Exposures make codes dearer, by a factor of their own for every row, and
divide the offsets: ``log a = log(zW + o/e) + log e``.

- A multiplicative step is the cheapest, and the smallest [Lee & Seung 2001].
- Coordinate Newton sweeps visit the codes of a row one after the other [Hsieh & Dhillon 2011].
- A nonnegative Newton step moves them together. It needs the row's Hessian, which is kept beside
  the row and used again as long as it explains the derivatives; without offsets, that is, which
  take part in the fitted values and not in the Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofactor import kernels
from cofactor.data import in_parts, share
from cofactor.data.aligned import aligned_zeros
from cofactor.data.base import Array, Floats, RowBlock, RowKernel
from cofactor.engine.serial import ALONE
from cofactor.kernels import HELPERS, NOBODY
from cofactor.noise.linear import Encoded, FixedFactor, Judged

CODE_FLOOR = 1e-12  # keeps fitted values positive, so that a code can always leave zero
INNER_SWEEPS = 4
BLOCK_ROWS = 16  # of the Hessians that the kernel keeps together
FIRST_STEPS = 2  # multiplicative steps before the first Hessians are worth their time
LARGEST_K = 64  # components, beyond which Hessians of lists cost more than they save
MOST_ROOM = 8  # times the entries of dense rows: what Hessians of more components may take

FILLED = 0.45  # part of the entries that has to be positive for dense counts to be taken as such

Prices = Floats | None  # of codes; None: the sums of components


def _in_strips(kernel: Callable[..., None]) -> Callable[..., None]:
    """Give a kernel of dense counts the components as it takes them."""

    def run(board: Array, values: Array, factor: FixedFactor, own: Prices, *others: Any) -> None:
        strips = factor.laid_out.strips(values.dtype)
        kernel(board, values, strips, factor.totals if own is None else own, *others)

    return run


def _in_lanes(kernel: Callable[..., None], n_stored: int) -> Callable[..., None]:
    """Give a kernel that lists counts, whose rows are so many arrays, the components.

    These have the precision of the column weights, since counts may be stored in fewer bytes.
    """

    def run(board: Array, *arguments: Any) -> None:
        stored, (factor, own, *others) = arguments[:n_stored], arguments[n_stored:]
        laid_out, dtype = factor.laid_out, others[0].dtype
        alone = board[HELPERS] == NOBODY
        lanes = laid_out.lanes(dtype) if alone else laid_out.lanes_of_each(dtype)
        totals = lanes.totals if own is None else own
        kernel(board, *stored, lanes.whole, lanes.rest, totals, *others)

    return run


MULTIPLICATIVE = RowKernel(
    _in_strips(kernels.poisson_multiplicative), _in_lanes(kernels.poisson_multiplicative_csr, 4)
)
COORDINATE = RowKernel(
    _in_lanes(kernels.poisson_coordinate, 1), _in_lanes(kernels.poisson_coordinate_csr, 4)
)
NEWTON = RowKernel(_in_strips(kernels.poisson_newton), _in_lanes(kernels.poisson_newton_csr, 3))


@dataclass(frozen=True)
class Pace:
    """How much a Newton step spends on its way down.

    Attributes
    ----------
    sweeps : int
        Over the codes of each program.
    tolerance : float
        How much of the derivatives an old Hessian may leave unexplained, at 20 components or
        fewer; beyond, in proportion, since new ones cost ``k²`` where passes cost ``k``.
    blind : bool
        Whether new codes are taken without a look at their loss, unless that is asked for.
    trust : float
        The part of its mean that an old Hessian may move a row by before it is looked at all the
        same, where its loss before is known.
    """

    sweeps: int
    tolerance: float
    blind: bool
    trust: float

    def tolerated(self, k: int) -> float:
        """Return the tolerance for ``k`` components."""
        return self.tolerance * max(1.0, k / 20.0)


CAREFUL = Pace(sweeps=10, tolerance=0.05, blind=False, trust=0.0)
HASTY = Pace(sweeps=7, tolerance=0.1, blind=True, trust=0.1)


@dataclass(frozen=True)
class NewtonMemory:
    """What Newton steps keep beside the rows of a block.

    Attributes
    ----------
    hessians : ndarray of shape (ceil(n / 16), k (k + 1) / 2, 16)
    visits : ndarray of shape (1,), int64
        Steps taken.
    """

    hessians: Array
    visits: Array

    def renew(self) -> None:
        """Empty the Hessians: the next step, of codes that are about right, makes all of them."""
        if self.visits[0] > FIRST_STEPS:  # else there are none, and no memory was touched
            self.hessians[:] = 0
        self.visits[:] = FIRST_STEPS

    def rescale(self, scales: Floats) -> None:
        """Follow codes that are multiplied by ``scales`` (k,), and components divided by them."""
        if self.visits[0] > FIRST_STEPS:
            row, column = np.tril_indices(len(scales))
            hessians = self.hessians
            hessians /= (scales[row] * scales[column])[:, None]


def newton_memory(block: RowBlock, k: int, warm: bool) -> NewtonMemory | None:
    """Return the memory of a block's rows, or None where Newton steps do not pay."""
    if block.baseline.offset is not None or not _worth_hessians(block, k):
        return None
    shape = (-(-block.n_rows // BLOCK_ROWS), k * (k + 1) // 2, BLOCK_ROWS)
    visits = np.array([FIRST_STEPS if warm else 0], dtype=np.int64)
    return NewtonMemory(aligned_zeros(shape, block.stored.dtype), visits)


def _worth_hessians(block: RowBlock, k: int) -> bool:
    """Return whether Newton steps pay: where rows are taken as dense ones, whatever ``k`` is."""
    if k <= LARGEST_K:
        return True
    dense = _counted(block).stored.size == block.n_rows * block.n_columns
    return dense and k * (k + 1) // 2 <= MOST_ROOM * block.n_columns


def multiplicative(block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
    """Take a multiplicative step."""
    looking = factor.judged is Judged.AFTER
    return _encode(_with_offsets(MULTIPLICATIVE, block), block, factor, codes, (), looking)


def coordinate(block: RowBlock, factor: FixedFactor, codes: Floats) -> Encoded:
    """Sweep over the coordinates of each row, which looks at the codes found in any case."""
    kernel = _with_offsets(COORDINATE, block)
    return _encode(kernel, block, factor, codes, (INNER_SWEEPS,), factor.is_judged)


def best_step(
    block: RowBlock, factor: FixedFactor, codes: Floats, memory: NewtonMemory | None, pace: Pace
) -> Encoded:
    """Take a Newton step where there is memory for it, else sweep over the coordinates."""
    if memory is None:
        return coordinate(block, factor, codes)
    return newton(block, factor, codes, memory, pace)


def newton(
    block: RowBlock, factor: FixedFactor, codes: Floats, memory: NewtonMemory, pace: Pace
) -> Encoded:
    """Take a Newton step, or a multiplicative one at first."""
    memory.visits[0] += 1
    if memory.visits[0] <= FIRST_STEPS:
        return multiplicative(block, factor, codes)
    settings = memory.hessians, pace.sweeps, pace.tolerated(codes.shape[1]), pace.trust
    looking = factor.judged is Judged.AFTER or not pace.blind
    return _encode(NEWTON, block, factor, codes, settings, looking)


def prices(block: RowBlock, factor: FixedFactor) -> Floats:
    """Return what a unit of each code costs: sums of exposed components over entries observed.

    Shape (1, k) where that is the same for all rows, else (n, k).
    """
    own = _own_prices(block, factor)
    return factor.totals if own is None else own


def _own_prices(block: RowBlock, factor: FixedFactor) -> Prices:
    """Return prices that are not the sums of all components; None: they are."""
    if block.complete and block.baseline.exposures is None:
        return None
    if block.complete:
        return block.baseline.exposed(factor.totals)
    observed = in_parts(block, lambda part: part.observed_times(factor.weighted))
    return block.baseline.exposed(observed)


def explained(block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
    """Return ``(x/y) U Wᵀ`` over positive counts, with ``y = zW + o/e``, shape (n, k)."""
    return in_parts(block, lambda part, own: _explained(part, factor, own), codes)


def _explained(block: RowBlock, factor: FixedFactor, codes: Floats) -> Floats:
    rows = block.as_sparse().matrix.astype(np.float64, copy=False)
    lanes = factor.laid_out.lanes(rows.dtype)
    at, found = np.ascontiguousarray(codes, dtype=np.float64), np.empty(codes.shape)
    share(
        ALONE,
        kernels.poisson_explained_csr,
        rows.indptr,
        rows.indices,
        rows.data,
        block.baseline.per_exposure(rows),
        lanes.whole,
        lanes.rest,
        lanes.totals,
        factor.laid_out.column_weights(rows.dtype),
        at,
        found,
    )
    return found


def _with_offsets(kernel: RowKernel, block: RowBlock) -> RowKernel:
    """Return a kernel that is given the offsets of stored counts, where there are any."""
    if block.baseline.offset is None:
        offsets = np.zeros(0, dtype=block.stored.dtype)
    else:
        offsets = block.baseline.per_exposure(block.as_sparse().matrix)

    def sparse(board: Array, indptr: Array, indices: Array, data: Array, *arguments: Any) -> None:
        kernel.sparse(board, indptr, indices, data, offsets, *arguments)

    return RowKernel(kernel.dense, sparse)


def _counted(block: RowBlock) -> RowBlock:
    """Return rows as steps take them soonest: dense, or by lists of their counts."""
    if block.baseline.offset is not None:  # which lists hold, too
        return block.as_sparse()
    return block.sparse_below(FILLED)


def _encode(
    kernel: RowKernel,
    block: RowBlock,
    factor: FixedFactor,
    codes: Floats,
    settings: Sequence[Any],
    looking: bool,
) -> Encoded:
    """Run a kernel, which looks at the losses of the codes found only if ``looking``."""
    dtype, penalty = block.stored.dtype, factor.penalty
    n, at_start = len(codes), factor.judged is Judged.BEFORE and not looking
    start = np.ascontiguousarray(codes, dtype=dtype)
    begun, new = np.empty_like(start if at_start else start[:0]), np.empty_like(start)
    before, loss = np.empty(n if at_start else 0), np.empty(n if looking else 0)
    _counted(block).run(
        kernel,
        factor,
        _own_prices(block, factor),
        factor.laid_out.column_weights(dtype),
        start,
        begun,
        new,
        *settings,
        penalty.l1,
        penalty.l2,
        penalty.log,
        CODE_FLOOR,
        before,
        loss,
    )
    if not factor.is_judged:
        return Encoded(new, loss)
    if at_start:
        return Encoded(new, penalty.taken_off(before, begun), begun)
    return Encoded(new, penalty.taken_off(loss, new) if looking else loss)
