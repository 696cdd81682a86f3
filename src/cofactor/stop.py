"""When a fit stops."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from cofactor.trace import Trace


class Rule(Protocol):
    """One reason to stop."""

    @property
    def converged(self) -> bool:
        """Whether stopping for this reason counts as convergence."""
        ...

    def __call__(self, trace: Trace) -> bool:
        """Return whether to stop after the trace's last iteration."""
        ...


@dataclass(frozen=True)
class NothingMoved:
    """Stop when no row changed its component: a fixed point of hard codes."""

    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        return trace[-1].moved == 0


@dataclass(frozen=True)
class SmallShift:
    """Stop when the components moved by at most ``tolerance``, in squared units of the data."""

    tolerance: float
    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        shift = trace[-1].shift
        return shift is not None and shift <= self.tolerance


@dataclass(frozen=True)
class SmallChange:
    """Stop when the objective changed by less than ``tolerance`` nats, ``patience`` times running.

    With ``relative``, the tolerance is a fraction of the objective's whole fall so far, which
    does not depend on constants of the likelihood.
    """

    tolerance: float
    relative: bool = False
    patience: int = 1
    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        recent = trace.last(self.patience + 1)
        if len(recent) <= self.patience:
            return False
        scale = trace[0].objective - trace[-1].objective if self.relative else 1.0
        changes = [abs(before - after) for before, after in pairwise(recent)]
        return max(changes) <= self.tolerance * max(scale, 0.0)


@dataclass(frozen=True)
class Both:
    """Stop when two rules say so at once, the first of which tells what that means."""

    first: Rule
    second: Rule

    @property
    def converged(self) -> bool:
        """See :class:`Rule`."""
        return self.first.converged

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        return self.first(trace) and self.second(trace)


@dataclass(frozen=True)
class SmallGain:
    """Stop when the M-step before the last changed the objective by less than ``tolerance`` nats.

    This is where scikit-learn's mixtures stop: the change is judged before an M-step, whose
    parameters are then kept.

    Attributes
    ----------
    tolerance : float
    before : float
        The objective that the first is compared with; that of an earlier fit, if it goes on.
    """

    tolerance: float
    before: float = float("inf")
    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        *_, earlier, judged, _ = [float("nan"), self.before, *trace.last(3)]
        return abs(earlier - judged) < self.tolerance


@dataclass(frozen=True)
class SmallResidual:
    """Stop when the residual of the conditions of stationarity is at most ``tolerance``."""

    tolerance: float
    converged: bool = True

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        residual = trace[-1].residual
        return residual is not None and residual <= self.tolerance


@dataclass(frozen=True)
class TimeLimit:
    """Stop when the fit has taken this many seconds; not a sign of convergence."""

    limit: float
    converged: bool = False

    def __call__(self, trace: Trace) -> bool:
        """See :class:`Rule`."""
        return trace[-1].seconds >= self.limit


@dataclass(frozen=True)
class Stop:
    """When a fit stops.

    Attributes
    ----------
    max_iter : int
        Most M-steps taken.
    rules : tuple of Rule
        Reasons to stop earlier, in the order in which they are asked.
    """

    max_iter: int
    rules: tuple[Rule, ...] = ()

    def reason(self, trace: Trace) -> Rule | None:
        """Return the first rule that says stop, or None."""
        return next((rule for rule in self.rules if rule(trace)), None)
