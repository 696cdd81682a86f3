"""What a fit remembers of its iterations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple


class Iteration(NamedTuple):
    """One sweep over the rows.

    Attributes
    ----------
    number : int
        From 0.
    objective : float
        Loss in nats under the sweep's parameters, after its E-step; of codes that are judged by
        the step after them (see :class:`~cofactor.noise.linear.Judged`), before it.
    seconds : float
        Since the fit began.
    moved : int or None
        Rows whose best component changed; None where codes are not one-hot.
    shift : float or None
        ``‖W − W_previous‖²`` of the components that the sweep used; ``inf`` for the first. None
        where components have no scale of their own, since codes are linear.
    evaluations : int or None
        Distances that the sweep computed to find components; None where that is not counted.
    residual : float or None
        Of the conditions of stationarity; None where that is not measured.
    """

    number: int
    objective: float
    seconds: float
    moved: int | None
    shift: float | None
    evaluations: int | None = None
    residual: float | None = None


Callback = Callable[[Iteration], object]


@dataclass
class Trace:
    """Objective and time of every iteration.

    Attributes
    ----------
    iterations : list of Iteration
    n_entries : float
        Observed entries of the data, rows counted with their weights: the objective by entry can
        be compared between data of different sizes.
    """

    iterations: list[Iteration] = field(default_factory=list)
    n_entries: float = 1.0
    started: float = field(default_factory=time.perf_counter, repr=False)

    def record(
        self,
        objective: float,
        moved: int | None,
        shift: float | None,
        evaluations: int | None = None,
        residual: float | None = None,
    ) -> Iteration:
        """Append an iteration that ends now, and return it."""
        seconds = time.perf_counter() - self.started
        number = len(self.iterations)
        iteration = Iteration(number, objective, seconds, moved, shift, evaluations, residual)
        self.iterations.append(iteration)
        return iteration

    def extend(
        self,
        objective: Iterable[float],
        seconds: Iterable[float],
        moved: Iterable[int],
        shift: Iterable[float],
        evaluations: Iterable[int],
    ) -> None:
        """Append several iterations."""
        numbers = count(len(self.iterations))
        self.iterations += map(Iteration, numbers, objective, seconds, moved, shift, evaluations)

    @property
    def objective(self) -> list[float]:
        """Loss in nats after each iteration."""
        return [iteration.objective for iteration in self.iterations]

    def last(self, n: int) -> list[float]:
        """Return the loss in nats after each of the last ``n`` iterations, fewer if there are."""
        return [iteration.objective for iteration in self.iterations[-n:]]

    @property
    def seconds(self) -> list[float]:
        """Seconds from the start of the fit to the end of each iteration."""
        return [iteration.seconds for iteration in self.iterations]

    def __len__(self) -> int:
        """Return the number of iterations."""
        return len(self.iterations)

    def __getitem__(self, number: int) -> Iteration:
        """Return one iteration."""
        return self.iterations[number]
