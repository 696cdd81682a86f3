"""A model is noise + codes; impossible cells explain themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cofactor.codes import EVERY_CODES
from cofactor.codes.base import Codes, Step
from cofactor.codes.steps import Steps
from cofactor.data import RowBlock, Rows
from cofactor.errors import ImpossibleCellError
from cofactor.noise.base import Noise, Params


@dataclass(frozen=True)
class Model:
    """One cell of the family: ``X ≈ ZW`` with this noise and these codes.

    Attributes
    ----------
    noise : Noise
    codes : Codes

    Raises
    ------
    ImpossibleCellError
        If the noise lacks what the codes require.
    """

    noise: Noise
    codes: Codes[Any]

    def __post_init__(self) -> None:
        if not self.codes.suit(self.noise):
            suitable = [codes.name for codes in EVERY_CODES if codes.suit(self.noise)]
            raise ImpossibleCellError(
                f"{self.codes.name.capitalize()} codes need a noise that {self.codes.needs}; "
                f"{self.noise.name} noise does not: use {_listed(suitable)} codes."
            )

    @property
    def shares_rows(self) -> bool:
        """Whether workers share the kernels of all rows, which make one block."""
        return self.codes.shares_rows(self.noise)

    def first_state(self, block: RowBlock, params: Params, codes: Any) -> Any:
        """Return the row state that goes with a block before the first sweep."""
        return self.codes.first_state(self.noise, block, params, codes)

    def column_state(self, block: RowBlock, params: Params) -> Any:
        """Return what goes with a block of columns."""
        return self.codes.column_state(self.noise, block, params)

    def e_step(self, params: Params) -> Step:
        """Return ``step(block, state) -> (statistics, new state)`` under fixed parameters."""
        return self.codes.e_step(self.noise, params)

    def m_step(self, statistics: Any, params: Params, rows: Rows[Any]) -> Params:
        """Return better parameters, given the rows' codes."""
        return self.codes.m_step(self.noise, statistics, params, rows)

    def steps(self) -> Steps:
        """Return how a fit goes on from a point."""
        return self.codes.steps(self.noise)

    def objective(self, statistics: Any, params: Params) -> float:
        """Return the loss in nats, all constants included."""
        return self.codes.objective(self.noise, statistics, params)


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
