"""The contenders: each class does the tasks that its library can do, on one problem.

A task's method takes what the task varies (a number of iterations, or nothing), and returns what
the judge of the task asks for: means, labels, factors or a mixture.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Peer:
    """Where a contender is found: its class here, and the package that it needs."""

    module: str
    class_name: str
    package: str

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None

    def load(self) -> Any:
        return getattr(import_module(f"benchmarks.peers.{self.module}"), self.class_name)


OURS = "cofactor"
PEERS = {
    OURS: Peer("ours", "Cofactor", "cofactor"),
    "cofactor float64": Peer("ours", "CofactorFloat64", "cofactor"),
    "scikit-learn": Peer("scikit_learn", "ScikitLearn", "sklearn"),
    "scikit-learn-intelex": Peer("intelex", "Intelex", "sklearnex"),
    "faiss": Peer("faiss", "Faiss", "faiss"),
    "numba coordinate Newton": Peer("numba_newton", "NumbaNewton", "numba"),
    "sgemm": Peer("sgemm", "Sgemm", "numpy"),
}
