"""How long a task takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

SHORTEST = 0.05  # seconds; what takes less is done several times
MOST_CALLS = 1000
TRIALS = 3  # of two runs, whose order noise may turn round


@dataclass(frozen=True)
class Reading:
    """Seconds for one unit of work, and the result of the work."""

    seconds: float
    result: Any


class Clock(Protocol):
    """A way to time a contender's method."""

    def __call__(self, method: Callable[..., Any]) -> Reading: ...


@dataclass
class PerCall:
    """Seconds of a call: of many calls together when they are short."""

    calls: int = 1

    def __call__(self, method: Callable[[], Any]) -> Reading:
        start = perf_counter()
        for _ in range(self.calls):
            result = method()
        seconds = (perf_counter() - start) / self.calls
        self.calls = min(MOST_CALLS, math.ceil(SHORTEST / seconds))
        return Reading(seconds, result)


@dataclass
class PerIteration:
    """Seconds of an iteration: of a long run less those of a short one, which set up the same.

    The result is that of the long run.
    """

    short: int = 1
    long: int = 9
    warm: bool = False

    def __call__(self, method: Callable[[int], Any]) -> Reading:
        if not self.warm:
            method(self.short)
            self.warm = True
        for _ in range(TRIALS):
            set_up, _ = _timed(method, self.short)
            whole, result = _timed(method, self.long)
            if whole > set_up:
                return Reading((whole - set_up) / (self.long - self.short), result)
        raise RuntimeError(f"{self.long} iterations took no longer than {self.short}")


@dataclass(frozen=True)
class PerOperation:
    """Seconds of a floating-point operation, of which the method returns the number it did."""

    calls: int = 5

    def __call__(self, method: Callable[[], float]) -> Reading:
        method()
        start = perf_counter()
        operations = sum(method() for _ in range(self.calls))
        return Reading((perf_counter() - start) / operations, None)


def _timed(method: Callable[[int], Any], n_iter: int) -> tuple[float, Any]:
    start = perf_counter()
    result = method(n_iter)
    return perf_counter() - start, result
