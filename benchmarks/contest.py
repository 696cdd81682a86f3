"""One case: every contender in turn, round after round, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter, sleep
from typing import Any

from benchmarks.cases import Case
from benchmarks.peers import OURS
from benchmarks.worker import Contender, Verdict, contender

PAUSE = 0.3  # seconds: OpenBLAS's threads spin for 2^28 cycles after their last work
SHORT = 5.0  # seconds: in a longer first turn, what is done once and never again hardly counts


@dataclass(frozen=True)
class Spread:
    """Median, least and most of several values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


@dataclass(frozen=True)
class Comparison:
    """cofactor against one peer.

    Attributes
    ----------
    case, peer : str
    ratio : Spread
        The peer's time over cofactor's, of each round: above 1 cofactor is faster.
    ours, theirs : float
        Median seconds for a unit of work: a call, an iteration or an operation.
    losses : tuple
        cofactor's and the peer's loss, as the task's judge sees them.
    memory : tuple
        Bytes that each took beyond its data.
    agree : bool
        Whether the losses are as the task demands.
    """

    case: str
    peer: str
    ratio: Spread
    ours: float
    theirs: float
    losses: tuple[float | None, float | None]
    memory: tuple[int, int]
    agree: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Comparison:
        pairs = {name: tuple(found[name]) for name in ("losses", "memory")}
        return cls(**{**found, **pairs, "ratio": Spread(**found["ratio"])})


@dataclass(frozen=True)
class Effort:
    """How long to go on: for ``seconds``, within bounds on the number of rounds."""

    seconds: float
    least: int
    most: int

    def spent(self, rounds: int, seconds: float) -> bool:
        """Return whether so many rounds that took so long are enough."""
        return rounds >= self.most or (rounds >= self.least and seconds > self.seconds)


def contest(case: Case, peers: Sequence[str], n_threads: int, effort: Effort) -> list[Comparison]:
    """Compare cofactor with each of the peers.

    Raises
    ------
    ContenderError
        If a contender cannot do the task.
    """
    with ExitStack() as stack:
        names = [OURS, *peers]
        contenders = [stack.enter_context(contender(n, case, n_threads)) for n in names]
        for each in contenders:
            each.ready()
        times = _rounds(contenders, effort)
        verdicts = {each.name: each.judge() for each in contenders}
    return [_compared(case, peer, times, verdicts) for peer in peers]


def _rounds(contenders: Sequence[Contender], effort: Effort) -> dict[str, list[float]]:
    """Time everyone in turn, as soon as all are warm."""
    start = perf_counter()
    rounds = [[_first_turn(each) for each in contenders]]
    while not effort.spent(len(rounds), perf_counter() - start):
        rounds.append([_turn(each) for each in contenders])
    columns = zip(*rounds, strict=True)
    return {each.name: list(times) for each, times in zip(contenders, columns, strict=True)}


def _first_turn(contender: Contender) -> float:
    """Take a turn, and another if it was short: the first also imports, starts and allocates."""
    start = perf_counter()
    seconds = _turn(contender)
    return seconds if perf_counter() - start > SHORT else _turn(contender)


def _turn(contender: Contender) -> float:
    sleep(PAUSE)
    return contender.time()


def _compared(
    case: Case, peer: str, times: dict[str, list[float]], verdicts: dict[str, Verdict]
) -> Comparison:
    ours, theirs = times[OURS], times[peer]
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    losses = verdicts[OURS].loss, verdicts[peer].loss
    return Comparison(
        case.name,
        peer,
        Spread.of(ratios),
        median(ours),
        median(theirs),
        losses,
        (verdicts[OURS].memory, verdicts[peer].memory),
        case.task.agree(*losses),
    )
