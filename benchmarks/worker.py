"""A process for each contender, so that none sees another's threads, and all wait their turn."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cases import Case
from benchmarks.memory import peak_bytes
from benchmarks.peers import PEERS

GRACE = 5.0  # seconds for a process to end by itself


class ContenderError(RuntimeError):
    """A contender could not do its task."""


@dataclass(frozen=True)
class Verdict:
    """The loss of a contender's last result, and the memory it took beyond its data, in bytes."""

    loss: float | None
    memory: int


class Contender:
    """A peer ready to do a case, in a process of its own.

    Attributes
    ----------
    name : str
    """

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self._connection = connection

    def time(self) -> float:
        """Do the task once, and return the seconds for a unit of work."""
        return self._ask("time")

    def judge(self) -> Verdict:
        """Judge the last result."""
        return self._ask("judge")

    def ready(self) -> None:
        """Wait until the data are loaded."""
        self._ask("ready")

    def _ask(self, question: str) -> Any:
        try:
            self._connection.send(question)
            answer = self._connection.recv()
        except (EOFError, BrokenPipeError):
            raise ContenderError(f"{self.name}: its process ended") from None
        if isinstance(answer, ContenderError):
            raise answer
        return answer


@contextmanager
def contender(name: str, case: Case, n_threads: int) -> Iterator[Contender]:
    """Start a peer's process, and end it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # what all import takes seconds: once is enough
    connection, remote = context.Pipe()
    process = context.Process(target=_serve, args=(remote, name, case, n_threads), daemon=True)
    process.start()
    remote.close()
    try:
        yield Contender(name, connection)
    finally:
        connection.close()
        process.join(GRACE)
        process.terminate()


def _serve(connection: Connection, name: str, case: Case, n_threads: int) -> None:
    """Answer questions until the other side hangs up."""
    warnings.simplefilter("ignore")
    answers = _Answers(name, case, n_threads)
    while True:
        try:
            question = connection.recv()
        except EOFError:
            return
        connection.send(_answer(name, getattr(answers, question)))


def _answer(name: str, question: Callable[[], Any]) -> Any:
    try:
        return question()
    except Exception as error:
        reason = (str(error) or "no reason given").splitlines()[0]
        return ContenderError(f"{name}: {type(error).__name__}: {reason}")


class _Answers:
    def __init__(self, name: str, case: Case, n_threads: int) -> None:
        self.name, self.case, self.clock = name, case, case.task.clock()
        self.problem = case.problem(n_threads)

    def ready(self) -> None:
        getattr(self.problem, self.case.task.start)  # made now, not on the clock
        peer = PEERS[self.name].load()(self.problem)
        self.method = getattr(peer, self.case.task.method)
        self.before = peak_bytes()

    def time(self) -> float:
        reading = self.clock(self.method)
        self.result = reading.result
        return reading.seconds

    def judge(self) -> Verdict:
        memory, judge = peak_bytes() - self.before, self.case.task.judge
        return Verdict(judge and judge(self.problem, self.result), memory)
