"""How much time is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Clock:
    """A number of seconds, counted from now on.

    Attributes
    ----------
    limit : float
        In seconds; may be infinite.
    """

    limit: float
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds gone by."""
        return time.perf_counter() - self.started

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(self.limit - self.seconds, 0.0)

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return self.seconds >= self.limit

    def part(self, seconds: float) -> Clock:
        """Return a clock that begins now and ends when this does, or after so many seconds."""
        return Clock(min(self.left, seconds))
