"""What is compared: tasks, and the workloads that each is tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks import judges
from benchmarks.clocks import Clock, PerCall, PerIteration, PerOperation
from benchmarks.problem import Problem
from benchmarks.workloads import WORKLOADS

Judge = Callable[[Problem, Any], float]


@dataclass(frozen=True)
class Task:
    """Something that several libraries can do.

    Attributes
    ----------
    name : str
    method : str
        Of the peers' classes.
    clock : callable
        Makes the clock that times the method.
    peers : tuple of str
        Contenders beside cofactor.
    judge : callable, optional
        Gives each result a loss; without one the results are not comparable.
    tolerance : float
        cofactor's loss may exceed a peer's by this fraction.
    start : str
        What of the problem the contenders start from.
    same : bool
        Whether it must not be lower than that either: the same steps from the same start.
    """

    name: str
    method: str
    clock: Callable[[], Clock]
    peers: tuple[str, ...]
    judge: Judge | None = None
    tolerance: float = 0.0
    start: str = "means"
    same: bool = False

    def agree(self, ours: float | None, theirs: float | None) -> bool:
        """Return whether cofactor's loss is what a peer's lets one expect."""
        if ours is None or theirs is None:
            return True
        excess = ours - theirs
        return (abs(excess) if self.same else excess) <= self.tolerance * abs(theirs)


@dataclass(frozen=True)
class Case:
    """A task on a workload.

    Attributes
    ----------
    task : Task
    workload : str
    variant : str
        What distinguishes cases on the same workload.
    k : int, optional
        Number of components; the workload's own by default.
    without : tuple of str
        Peers that cannot do this case.
    choices : dict
        Further fields of :class:`Problem`.
    quick : bool
        Whether it belongs to the subset that guards against regressions.
    """

    task: Task
    workload: str
    variant: str = ""
    k: int | None = None
    without: tuple[str, ...] = ()
    choices: dict[str, Any] = field(default_factory=dict)
    quick: bool = False

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.task.name, self.workload, self.variant)))

    @property
    def peers(self) -> list[str]:
        return [peer for peer in self.task.peers if peer not in self.without]

    def problem(self, n_threads: int) -> Problem:
        k = self.k or WORKLOADS[self.workload].k
        return Problem(self.workload, k, n_threads, **self.choices)


KINDS = ("hard", "blobs")
DENSE = [f"{letter}-{kind}" for letter in "abcd" for kind in KINDS]

ASSIGNMENT = Task("assignment", "products", PerOperation, ("sgemm",))
ITERATION = Task(
    "kmeans-iteration",
    "lloyd",
    PerIteration,
    ("scikit-learn", "scikit-learn-intelex", "faiss"),
    judges.inertia,
    tolerance=1e-3,
    same=True,
)
UNPRUNED = Task(
    "kmeans-unpruned",
    "full_iterations",
    PerIteration,
    ("scikit-learn", "faiss"),
    judges.inertia,
    tolerance=1e-3,
    same=True,
)
FLOAT64 = Task(
    "kmeans-float64",
    "lloyd",
    PerIteration,
    ("cofactor float64",),
    judges.inertia,
    tolerance=1e-3,
    same=True,
)
CONVERGENCE = Task(
    "kmeans-convergence",
    "lloyd_to_convergence",
    PerCall,
    ("scikit-learn", "scikit-learn-intelex"),
    judges.inertia,
    tolerance=2e-3,  # rounding leads to other fixed points
    same=True,
)
SEARCH = Task(
    "kmeans-search",
    "descend",
    PerCall,
    ("scikit-learn",),
    judges.inertia,
    tolerance=2e-3,  # each stops somewhere below the same goal
    start="goal",
)
OPTIMUM = Task("kmeans-optimum", "optimum", PerCall, ("scikit-learn",), judges.inertia)
MANY_CLUSTERS = Task("kmeans-many", "many_clusters", PerCall, ("faiss",), judges.inertia)
SEEDING = Task(
    "kmeans-seeding", "seeds", PerCall, ("scikit-learn",), judges.inertia, tolerance=0.05
)
DEFAULT_FIT = Task(
    "kmeans-fit",
    "default_fit",
    PerCall,
    ("scikit-learn", "scikit-learn-intelex"),
    judges.inertia,
    tolerance=0.05,  # starts are random
)
MINIBATCH = Task(
    "kmeans-minibatch",
    "mini_batches",
    PerCall,
    ("scikit-learn",),
    judges.inertia,
    tolerance=1e-2,  # the same batches, but rounding grows
    same=True,
)
MIXTURE = Task(
    "mixture-iteration",
    "mixture",
    partial(PerIteration, 1, 5),
    ("scikit-learn",),
    judges.surprise,
    tolerance=1e-3,
    same=True,
)
POISSON_FACTORS = Task(
    "poisson-iteration",
    "poisson_factors",
    partial(PerIteration, 1, 6),
    ("scikit-learn",),
    judges.divergence,
    tolerance=1e-3,
    start="factors",
)
POISSON_STEPS = Task(
    "poisson-multiplicative",
    "poisson_steps",
    partial(PerIteration, 1, 21),
    ("scikit-learn",),
    judges.divergence,
    tolerance=1e-3,
    same=True,
    start="factors",
)
POISSON_REACH = Task(
    "poisson-reach",
    "poisson_reach",
    PerCall,
    ("scikit-learn",),
    judges.divergence,
    tolerance=1e-4,  # rounding: the goal is what the peer comes to
    start="multiplied",
)
POISSON_DESCENT = Task(
    "poisson-descent",
    "poisson_descent",
    PerCall,
    ("numba coordinate Newton",),
    judges.divergence,
    tolerance=1e-2,  # each stops somewhere below the same goal
    start="factors",
)
POISSON_DEPTH = Task(
    "poisson-depth",
    "poisson_depth",
    PerCall,
    ("numba coordinate Newton",),
    judges.divergence,  # at most the peer's: all are given the same time
    start="factors",
)
FROBENIUS_DESCENT = Task(
    "frobenius-descent",
    "frobenius_descent",
    PerCall,
    ("scikit-learn",),
    judges.residual,
    tolerance=1e-6,
    start="residual_goal",
)


def _mixture(covariance_type: str, k: int, quick: bool = False) -> Case:
    choices = {"covariance_type": covariance_type}
    return Case(MIXTURE, "a-hard", f"{covariance_type}-{k}", k, choices=choices, quick=quick)


def _small_fits(workload: str) -> list[Case]:
    starts = {"1-start": 1, "10-starts": 10}
    return [
        Case(DEFAULT_FIT, workload, variant, choices={"n_init": n}, quick=n == 1)
        for variant, n in starts.items()
    ]


CASES = [
    *(Case(ASSIGNMENT, f"{letter}-hard", quick=letter == "a") for letter in "abcd"),
    *(Case(ITERATION, workload, quick=workload == "a-hard") for workload in DENSE),
    Case(ITERATION, "e", without=("faiss",), quick=True),
    *(Case(UNPRUNED, workload) for workload in DENSE),
    *(Case(FLOAT64, f"{letter}-hard") for letter in "abcd"),
    *(Case(CONVERGENCE, workload) for workload in DENSE),
    *(Case(task, f"{w}-{kind}") for task in (SEARCH, OPTIMUM) for w in "bd" for kind in KINDS),
    Case(MANY_CLUSTERS, "g-hard"),
    *(Case(SEEDING, workload) for workload in DENSE if workload[0] in "bd"),
    *(Case(DEFAULT_FIT, workload) for workload in DENSE),
    *(Case(MINIBATCH, workload) for workload in ("b-hard", "c-hard")),
    Case(MINIBATCH, "e", choices={"passes": 5}),
    *(case for workload in ("iris", "digits", "plane") for case in _small_fits(workload)),
    *(_mixture(shape, k=100) for shape in ("spherical", "diag")),
    *(_mixture(shape, k=20) for shape in ("tied", "full")),
    _mixture("diag", k=5, quick=True),
    Case(POISSON_FACTORS, "syn-small", quick=True),
    *(Case(POISSON_FACTORS, name) for name in ("reuters", "pbmc", "syn", "dense-counts")),
    Case(POISSON_STEPS, "syn-small", quick=True),
    *(
        Case(POISSON_STEPS, name)
        for name in ("reuters", "pbmc", "syn", "dense-counts", "dense-many")
    ),
    *(Case(POISSON_REACH, name) for name in ("pbmc", "syn")),
    *(
        Case(POISSON_DESCENT, name, f"{k}-{percent}%", k, choices={"excess": percent / 100})
        for name, k in (
            ("pbmc", 20),
            ("syn", 20),
            ("syn", 50),
            ("reuters", 20),
            ("text", 20),
            ("dense-counts", 30),
        )
        for percent in (1.0, 0.1)
    ),
    *(
        Case(POISSON_DEPTH, name, f"{k}-{seconds:g}s", k, choices={"seconds": seconds})
        for name, k, times in (
            ("pbmc", 20, (1.0, 5.0)),
            ("syn", 20, (1.0, 3.0)),
            ("syn", 50, (3.0, 9.0)),
            ("reuters", 20, (0.3, 1.0)),
            ("text", 20, (1.0, 3.0)),
            ("dense-counts", 30, (1.0, 3.0)),
        )
        for seconds in times
    ),
    *(Case(FROBENIUS_DESCENT, name) for name in ("pbmc", "dense-many")),
]


def select(only: str, quick: bool) -> list[Case]:
    """Return the cases whose names hold ``only``, of the quick ones if they are meant."""
    return [case for case in CASES if only in case.name and (case.quick or not quick)]
