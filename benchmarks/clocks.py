"""How long a task takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, Protocol

SHORTEST = 0.05  # seconds; what takes less is done several times
MOST_CALLS = 1000
LASTING = 1.0  # seconds that a contender's iterations are read for in a turn
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

    Runs that are over soon, and that a moment's noise may fill, are done again, and the median
    counts. The result is that of the last long run.
    """

    short: int = 1
    long: int = 9
    warm: bool = False

    def __call__(self, method: Callable[[int], Any]) -> Reading:
        if not self.warm:
            method(self.short)
            self.warm = True
        start = perf_counter()
        readings = [self._reading(method)]
        while perf_counter() - start < LASTING:
            readings.append(self._reading(method))
        return Reading(median(each.seconds for each in readings), readings[-1].result)

    def _reading(self, method: Callable[[int], Any]) -> Reading:
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
