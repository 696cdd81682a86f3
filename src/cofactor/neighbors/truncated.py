"""Truncated posteriors whose components are looked for among few: partial E-steps."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, cast

import numpy as np

from cofactor.codes import OneHot
from cofactor.codes.onehot import OneHotState, OneHotStatistics, assign_found, maximize, sweep
from cofactor.data import RowBlock, Rows, cut, split
from cofactor.data.base import Floats, Labels
from cofactor.engine import Engine, SerialEngine
from cofactor.errors import InputError
from cofactor.fit import first_rows
from cofactor.model import Model
from cofactor.neighbors.top import FirstSight, Reach, Sight, TopSearch
from cofactor.noise.base import MixtureNoise, Params, Scorer

REACH = Reach()
HERE = SerialEngine()  # who works on one block, where workers share no memory

# A block's state, and the components and losses that a search found for its rows.
Found = tuple[OneHotState, Labels, Floats]


@dataclass(frozen=True)
class CountedStatistics(OneHotStatistics):
    """What the M-step needs of the rows, and what finding it took.

    Attributes
    ----------
    evaluations : int
        Losses of rows under components.
    """

    evaluations: int = 0


@dataclass(frozen=True)
class PartialStep:
    """An E-step in two parts: a search over all rows, then the posterior block by block.

    Attributes
    ----------
    noise : MixtureNoise
    params : Params
    keep : int
        Components of each row.
    scorer : Scorer
        The noise's, under the parameters.
    """

    noise: MixtureNoise
    params: Params
    keep: int
    scorer: Scorer

    def __call__(self, block: RowBlock, found: Found) -> tuple[OneHotStatistics, OneHotState]:
        """Add up a block's rows under the posterior on what was found for them."""
        state, index, loss = found
        assign = partial(assign_found, self.scorer, self.params.n_components, (index, loss))
        return sweep(self.noise, self.params, assign, block, state)


@dataclass(frozen=True)
class NearbyOneHot(OneHot):
    """One-hot codes whose few kept components are looked for among neighbours.

    The E-step is partial: what a row kept is always among its candidates, so that the free energy
    never falls [Lücke & Forster 2019]. Rows are swept by :class:`NearbyRows`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep is None:
            raise InputError(
                "search='neighbors' with n_closest=None: only some components of each row are "
                "looked for; expected n_closest of at least 1, or search='full'."
            )

    def first_state(
        self, noise: MixtureNoise, block: RowBlock, params: Params, codes: Any
    ) -> OneHotState:
        """See :class:`Codes`; the codes are the components that rows keep at first."""
        state = super().first_state(noise, block, params, None)
        return replace(state, index=codes)

    def e_step(self, noise: MixtureNoise, params: Params) -> Any:
        """See :class:`Codes`."""
        keep = min(cast(int, self.keep), params.n_components)
        return PartialStep(noise, params, keep, noise.scorer(params))

    def m_step(
        self,
        noise: MixtureNoise,
        statistics: OneHotStatistics,
        params: Params,
        rows: Rows[OneHotState],
    ) -> Params:
        """See :class:`Codes`.

        Components without rows wait for a search to find some: a row given to one would not be
        among those that keep it.
        """
        return maximize(noise, statistics.moments, params, self.learn_weights)


@dataclass(frozen=True)
class BlockStep:
    """An E-step whose search, too, is done block by block.

    Attributes
    ----------
    step : PartialStep
    sight : Sight
        What rows are compared with.
    """

    step: PartialStep
    sight: Sight

    def __call__(self, block: RowBlock, state: OneHotState) -> tuple[Any, OneHotState]:
        """Search a block's rows, and add them up."""
        counter = np.zeros(1, dtype=np.int64)
        found = self.sight(block, state.index, HERE, counter)
        statistics, after = self.step(block, (state, *found))
        return counted(statistics, int(counter[0])), after


@dataclass(frozen=True)
class FirstStep:
    """Gives the rows of a block the components that they keep at first.

    Attributes
    ----------
    model : Model
    params : Params
    sight : FirstSight
        What rows are compared with.
    """

    model: Model
    params: Params
    sight: FirstSight

    def __call__(self, block: RowBlock, state: Any) -> tuple[int, OneHotState]:
        """Return the number of losses, and the state of a block that had none."""
        counter = np.zeros(1, dtype=np.int64)
        kept = self.sight(block, HERE, counter)
        return int(counter[0]), self.model.first_state(block, self.params, kept)


@dataclass(frozen=True)
class NearbyRows(Rows[OneHotState]):
    """Rows that are searched before every sweep over their blocks, or in it.

    Attributes
    ----------
    search : TopSearch
    whole : RowBlock or None
        All rows, which are searched together, as far as all workers see them.
    """

    search: Any = None
    whole: RowBlock | None = None

    def sweep(self, step: Any) -> tuple[Any, NearbyRows]:
        """Find better components for all rows, and run the step on every block."""
        before = int(self.search.counter[0])
        sight = self.search.next(step.scorer, step.params, step.keep)
        swept: tuple[Any, Any]
        if self.whole is None:
            swept = self.engine.map_reduce(BlockStep(step, sight), self.blocks, self.states)
        else:
            found = self._found(self.whole, sight)
            swept = self.engine.map_reduce(step, self.blocks, found)
        statistics, states = swept
        evaluations = int(self.search.counter[0]) - before
        return counted(statistics, evaluations), replace(self, states=states)

    def _found(self, whole: RowBlock, sight: Sight) -> list[Found]:
        """Search all rows together."""
        kept = np.concatenate([state.index for state in self.states])
        index, loss = sight(whole, kept, self.engine, self.search.counter)
        parts = split(index, self.blocks), split(loss, self.blocks)
        return list(zip(self.states, *parts, strict=True))


def counted(statistics: OneHotStatistics, evaluations: int) -> CountedStatistics:
    """Return the statistics with the number of losses that they took, and as many more."""
    own = {field.name: getattr(statistics, field.name) for field in fields(statistics)}
    own["evaluations"] = own.get("evaluations", 0) + evaluations
    return CountedStatistics(**own)


def nearby_rows(
    model: Model, rows: RowBlock, params: Params, engine: Engine, reach: Reach = REACH
) -> NearbyRows:
    """Give all rows the components that they keep at first.

    Parameters
    ----------
    model : Model
        Whose codes are :class:`NearbyOneHot`.
    rows : RowBlock
    params : Params
        The parameters of the first E-step.
    engine : Engine
    reach : Reach
        How far to look.

    Raises
    ------
    InputError
        If there is no such search for the noise and the storage of the rows.
    """
    noise, k = cast(MixtureNoise, model.noise), params.n_components
    shared = engine.shares_memory
    search = TopSearch(type(rows), noise, engine if shared else HERE, reach)
    sight = search.first(params, min(cast(NearbyOneHot, model.codes).keep or k, k))
    entries = max(rows.stored.size, 1)
    # Blocks have more entries than their sums, which are added up.
    blocks = cut(rows, least=k * rows.n_columns * rows.n_rows // entries)
    if shared:
        kept = sight(rows, engine, search.counter)
        begun = first_rows(model, blocks, params, engine, cast(Any, kept))
        return NearbyRows(blocks, begun.states, engine, search=search, whole=rows)
    step = FirstStep(model, params, sight)
    evaluations, states = engine.map_reduce(step, blocks, [None for _ in blocks])
    search.counter += evaluations
    return NearbyRows(blocks, states, engine, search=search)
