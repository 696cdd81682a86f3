"""Which arm comes next: by gains and evaluations alone, so that a fit can be repeated."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE = 1.1  # how the promise of an idle arm grows from pass to pass


@dataclass
class Record:
    """What is known of an arm.

    Attributes
    ----------
    rate : float
        Its last gain, by what it took.
    idle : int
        Passes since.
    """

    rate: float
    idle: int = 0

    @property
    def promise(self) -> float:
        """What to expect of it now."""
        return self.rate * PATIENCE**self.idle


class Choice:
    """Chooses the arm that promises most for what it takes; an idle one promises ever more.

    An arm that gained next to nothing is spent: it rests until another gains something.

    Parameters
    ----------
    last_resort : str
        The arm that is never spent.
    rates : dict
        What to expect of each arm at first.
    """

    def __init__(self, last_resort: str, rates: dict[str, float]) -> None:
        self._last_resort = last_resort
        self._records = {name: Record(rate) for name, rate in rates.items()}
        self._spent: set[str] = set()

    def best(self) -> str:
        """Name the arm to use."""
        alive = self._records.keys() - self._spent
        return max(sorted(alive), key=self.promise)

    def promise(self, name: str) -> float:
        """Return what to expect of an arm."""
        return self._records[name].promise

    def learn(self, name: str, rate: float, *, worthwhile: bool) -> None:
        """Take over what an arm gained by what it took, and whether that is worth a pass."""
        for record in self._records.values():
            record.idle += 1
        self._records[name] = Record(rate)
        self._spent = set() if worthwhile else self._spent | {name} - {self._last_resort}

    def revive(self, name: str, rate: float) -> None:
        """Expect at least this of an arm that was spent, and is no longer."""
        self._spent.discard(name)
        self.expect(name, rate)

    def expect(self, name: str, rate: float) -> None:
        """Expect at least this of an arm."""
        known = self._records.get(name, Record(rate))
        self._records[name] = Record(max(rate, known.rate), known.idle)
