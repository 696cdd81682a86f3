"""How a fit goes on from where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from cofactor.data import Rows
from cofactor.noise.base import Noise, Params

if TYPE_CHECKING:
    from cofactor.codes.base import Codes


@dataclass(frozen=True)
class Point:
    """Where a fit is: parameters, and what the rows make of them.

    Attributes
    ----------
    params : Params
    rows : Rows
        With the row state that belongs to ``params``.
    statistics : object
        Of the sweep that found it.
    objective : float
        Loss in nats, all constants included.
    """

    params: Params
    rows: Rows[Any]
    statistics: Any
    objective: float


class Steps(Protocol):
    """A way to go on, which may remember the points behind it."""

    def begin(self, params: Params, rows: Rows[Any]) -> Point:
        """Return the point that the first E-step comes to."""
        ...

    def __call__(self, here: Point) -> tuple[Point, Steps]:
        """Return the next point, no higher than ``here``, and how to go on from it."""
        ...


def arrived(codes: Codes[Any], noise: Noise, params: Params, rows: Rows[Any]) -> Point:
    """Return the point that an E-step under new parameters comes to."""
    statistics, rows = rows.sweep(codes.e_step(noise, params))
    return Point(params, rows, statistics, codes.objective(noise, statistics, params))


@dataclass(frozen=True)
class Steady:
    """One M-step, one E-step: neither raises the objective by itself."""

    codes: Codes[Any]
    noise: Noise

    def begin(self, params: Params, rows: Rows[Any]) -> Point:
        """See :class:`Steps`."""
        return arrived(self.codes, self.noise, params, rows)

    def __call__(self, here: Point) -> tuple[Point, Self]:
        """See :class:`Steps`."""
        params = self.codes.m_step(self.noise, here.statistics, here.params, here.rows)
        return arrived(self.codes, self.noise, params, here.rows), self
