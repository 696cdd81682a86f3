"""``python -m benchmarks``: time cofactor against the peers that are installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import gate, machine, report
from benchmarks.cases import CASES, Case, select
from benchmarks.contest import Comparison, Effort, contest
from benchmarks.peers import PEERS
from benchmarks.worker import ContenderError
from benchmarks.workloads import WORKLOADS, load

RESULTS = Path(__file__).parent / "results"
JSON = "benchmarks.json"
MOST_ROUNDS = 8
QUICK = Effort(seconds=1.5, least=3, most=MOST_ROUNDS)

TABLE_WIDTH = 128  # where output is no terminal, which would say its own

console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)


def main(
    only: Annotated[str, typer.Option(help="Run the cases whose names hold this.")] = "",
    quick: Annotated[bool, typer.Option(help="A minute's subset, held to the baseline.")] = False,
    seconds: Annotated[float, typer.Option(help="About how long to time a case.")] = 45.0,
    threads: Annotated[int, typer.Option(help="Threads for every contender.", min=1)] = 2,
    out: Annotated[Path, typer.Option(help="Where to write JSON and the plot.")] = RESULTS,
    store_baseline: Annotated[bool, typer.Option(help="Make the ratios the baseline.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the last run to this file.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Name the cases and stop.")] = False,
) -> None:
    """Time cofactor against its peers: same data, start and threads, in alternation.

    Ends with 1 if results disagree, a contender fails or, with --quick, a ratio regresses.
    """
    if plot:
        report.draw(plot, report.read_json(out / JSON))
        return
    cases = select(only, quick)
    if not cases:
        raise typer.BadParameter(f"no case's name holds {only!r}; try one of: {_task_names()}")
    if show:
        console.print(*(case.name for case in cases), sep="\n")
        return
    machine.limit_threads(threads)
    effort = QUICK if quick else Effort(seconds, least=1, most=MOST_ROUNDS)
    comparisons, complaints = _run(cases, threads, effort)
    if comparisons:
        _tell(comparisons, threads, out)
    if store_baseline:
        gate.store(comparisons)
    elif quick:
        complaints += gate.regressions(comparisons, gate.stored())
    _end(complaints)


def _run(cases: list[Case], n_threads: int, effort: Effort) -> tuple[list[Comparison], list[str]]:
    """Run what can be run, and return the comparisons and what went wrong."""
    comparisons: list[Comparison] = []
    complaints: list[str] = []
    for case in _possible(cases):
        with console.status(case.name):
            try:
                comparisons += contest(case, _installed(case), n_threads, effort)
            except ContenderError as error:
                complaints.append(f"{case.name}: {error}")
    complaints += [
        f"{c.case}: cofactor's loss is {c.losses[0]:.8g}, that of {c.peer} {c.losses[1]:.8g}"
        for c in comparisons
        if not c.agree
    ]
    return comparisons, complaints


def _possible(cases: list[Case]) -> list[Case]:
    """Return the cases whose data are there, say which are not, and fill the cache."""
    missing = {name: WORKLOADS[name].missing() for name in dict.fromkeys(c.workload for c in cases)}
    for name, reason in missing.items():
        if reason:
            console.print(f"{name} is left out: {reason}")
        else:
            with console.status(f"making {name}"):
                load(name)
    absent = {peer for case in cases for peer in case.peers if not PEERS[peer].installed}
    for peer in sorted(absent):
        console.print(f"{peer} is left out: the package {PEERS[peer].package} is not installed")
    return [case for case in cases if not missing[case.workload] and _installed(case)]


def _installed(case: Case) -> list[str]:
    return [peer for peer in case.peers if PEERS[peer].installed]


def _tell(comparisons: list[Comparison], n_threads: int, out: Path) -> None:
    console.print(report.table(comparisons))
    out.mkdir(parents=True, exist_ok=True)
    report.write_json(out / JSON, machine.describe(n_threads), comparisons)
    report.draw(out / "benchmarks.svg", comparisons)
    console.print(f"Written to {out}/: {JSON}, benchmarks.svg")


def _end(complaints: list[str]) -> None:
    for complaint in complaints:
        console.print(f"[red]{complaint}[/]", highlight=False)
    raise typer.Exit(bool(complaints))


def _task_names() -> str:
    return ", ".join(dict.fromkeys(case.task.name for case in CASES))


if __name__ == "__main__":
    typer.run(main)
