"""What codes are: what a row's code may be, and how much of its posterior is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from cofactor.codes.steps import Steady, Steps
from cofactor.data import RowBlock, Rows
from cofactor.noise.base import Noise, Params

N = TypeVar("N", bound=Noise)

Step = Callable[[RowBlock, Any], tuple[Any, Any]]


class Codes(ABC, Generic[N]):
    """What a row's code may be.

    Attributes
    ----------
    name : str
        What users call it.
    requires : tuple of str
        The methods that a noise must have to be combined with these codes.
    needs : str
        What ``requires`` means, in words that follow "a noise that".
    needs_columns : bool
        Whether the M-step always encodes the transposed data; see :meth:`reads_columns`.
    takes_missing : bool
        Whether entries may be missing, and rows have exposures and offsets.
    fixes_scale : bool
        Whether components are in units of the data, and not in units that codes may undo.
    tag : str
        What the objective is: ``"free energy"`` (a bound on the marginal likelihood, exact when
        the whole posterior is kept) or ``"conditional"`` (likelihood given the fitted codes).
    """

    name: ClassVar[str]
    requires: ClassVar[tuple[str, ...]]
    needs: ClassVar[str]
    needs_columns: ClassVar[bool] = False
    takes_missing: ClassVar[bool] = False
    fixes_scale: ClassVar[bool] = True
    tag: ClassVar[str]

    @classmethod
    def suit(cls, noise: Noise) -> bool:
        """Return whether the noise has what these codes require."""
        return all(hasattr(noise, name) for name in cls.requires)

    @classmethod
    def reads_columns(cls, plain: bool) -> bool:
        """Return whether the M-step encodes the transposed data; without gaps sums may do."""
        return cls.needs_columns or (cls.takes_missing and not plain)

    def shares_rows(self, noise: N) -> bool:
        """Return whether workers share the kernels of all rows, which make one block; no."""
        return False

    @abstractmethod
    def first_state(self, noise: N, block: RowBlock, params: Params, codes: Any) -> Any:
        """Return the row state that goes with a block before the first sweep.

        Parameters
        ----------
        noise : Noise
        block : RowBlock
        params : Params
            The parameters that the first sweep will use.
        codes : object
            Codes of these rows to start from, where the start gives any, else None.
        """

    def column_state(self, noise: N, block: RowBlock, params: Params) -> Any:
        """Return what goes with a block of columns, for codes with ``needs_columns``; nothing."""
        return None

    @abstractmethod
    def e_step(self, noise: N, params: Params) -> Step:
        """Return ``step(block, state) -> (statistics, new state)`` under fixed parameters."""

    @abstractmethod
    def m_step(self, noise: N, statistics: Any, params: Params, rows: Rows[Any]) -> Params:
        """Return the parameters that lower the objective most, given the rows' codes."""

    @abstractmethod
    def objective(self, noise: N, statistics: Any, params: Params) -> float:
        """Return the loss in nats, all constants included: what a fit never raises."""

    def steps(self, noise: N) -> Steps:
        """Return how a fit goes on: by one M-step and one E-step at a time, unless overridden."""
        return Steady(self, noise)
