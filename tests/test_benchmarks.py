"""The benchmarks' arithmetic, and one real contest; times themselves are never judged."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import kl_div
from typer import Typer
from typer.testing import CliRunner

pytest.importorskip("benchmarks", reason="needs the repository's root on the path")

from benchmarks import gate, global_search, report, workloads
from benchmarks.cases import CASES, CONVERGENCE, ITERATION, Case, select
from benchmarks.clocks import PerIteration
from benchmarks.contest import Comparison, Effort, Spread, contest
from benchmarks.judges import divergence
from benchmarks.peers import OURS, PEERS
from benchmarks.problem import Factors, Problem, half_residual
from benchmarks.worker import ContenderError, contender


def comparison(ratio: float) -> Comparison:
    spread = Spread.of([ratio])
    return Comparison("task/data", "peer", spread, 1.0, ratio, (1.0, 1.0), (0, 0), agree=True)


def test_names_of_cases_are_distinct() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_case_names_peers_and_workloads_that_exist() -> None:
    for case in CASES:
        assert case.workload in workloads.WORKLOADS
        assert set(case.peers) <= set(PEERS)


def test_the_quick_cases_are_some_of_all() -> None:
    assert 0 < len(select("", quick=True)) < len(select("", quick=False)) == len(CASES)


@pytest.mark.parametrize(("ratio", "found"), [(10.0, 0), (4.1, 0), (3.9, 1)])
def test_a_ratio_far_below_the_baseline_is_a_regression(ratio: float, found: int) -> None:
    baseline = {"task/data": {"peer": 4.0 * gate.GENEROSITY}}
    assert len(gate.regressions([comparison(ratio)], baseline)) == found


def test_a_case_without_baseline_is_no_regression() -> None:
    assert gate.regressions([comparison(0.1)], {}) == []


@pytest.mark.parametrize(("theirs", "agree"), [(1.0, True), (1.0009, True), (1.1, False)])
def test_the_same_steps_must_give_the_same_loss(theirs: float, agree: bool) -> None:
    assert ITERATION.agree(1.0, theirs) is agree


def test_the_clock_subtracts_what_sets_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = {"now": 0.0}

    def run(n_iter: int) -> int:
        ticks["now"] += 100.0 + 2.0 * n_iter
        return n_iter

    monkeypatch.setattr("benchmarks.clocks.perf_counter", lambda: ticks["now"])
    reading = PerIteration(1, 9)(run)
    assert (reading.seconds, reading.result) == (2.0, 9)


def test_the_clock_reads_short_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, noise = {"now": 0.0}, iter([0.0, 0.0, 0.5])

    def run(n_iter: int) -> int:
        ticks["now"] += 0.01 * n_iter + next(noise, 0.0)
        return n_iter

    monkeypatch.setattr("benchmarks.clocks.perf_counter", lambda: ticks["now"])
    reading = PerIteration(1, 9)(run)
    assert reading.seconds == pytest.approx(0.01)
    assert reading.result == 9


def test_generators_are_seeded() -> None:
    np.testing.assert_array_equal(workloads.hard(50, 8, seed=1), workloads.hard(50, 8, seed=1))
    once, again = (workloads.gamma_poisson(30, 20, 3, 200, seed=1) for _ in range(2))
    assert (once != again).nnz == 0


@pytest.mark.parametrize("method", ["seeds", "default_fit", "lloyd_to_convergence", "mini_batches"])
def test_cofactor_does_what_tasks_ask_for(method: str) -> None:
    contender = PEERS[OURS].load()(Problem("iris", 3, n_threads=1))
    assert getattr(contender, method)().shape == (3, 4)


def test_the_divergence_of_sparse_data_is_that_of_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    X = workloads.gamma_poisson(30, 20, 3, 200, seed=1)
    monkeypatch.setattr("benchmarks.workloads.load", lambda name: X)
    factors = Factors(*workloads.random_factors(X, 3))
    expected = kl_div(X.toarray(), factors.codes @ factors.components).sum()
    assert divergence(Problem("any", 3, 1), factors) == pytest.approx(expected, rel=1e-5)


def test_a_run_can_be_drawn_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    peers = [peer for peer in PEERS if peer != OURS]
    found = [comparison(0.5)] + [
        replace(comparison(20.0), case="other/data", peer=peer) for peer in peers
    ]
    report.write_json(tmp_path / "run.json", {}, found)
    assert report.read_json(tmp_path / "run.json") == found
    report.draw(tmp_path / "run.svg", found)
    text = (tmp_path / "run.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {word} -->" in text for word in ("task", "other", "data", "peer", *peers))


def test_a_contest_compares_results() -> None:
    effort = Effort(seconds=0.0, least=1, most=1)
    (found,) = contest(Case(CONVERGENCE, "iris"), ["scikit-learn"], 1, effort)
    assert found.agree
    assert found.losses[0] == pytest.approx(found.losses[1])


def test_a_contender_that_fails_says_why() -> None:
    with (
        contender("nobody", Case(ITERATION, "iris"), 1) as nobody,
        pytest.raises(ContenderError, match="nobody: KeyError"),
    ):
        nobody.ready()


@pytest.mark.parametrize("store", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_the_residual_is_half_the_squared_norm(store) -> None:
    rng = np.random.default_rng(0)
    X, factors = rng.poisson(1.0, (2100, 7)), Factors(rng.random((2100, 2)), rng.random((2, 7)))
    by_hand = 0.5 * np.square(X - factors.codes @ factors.components).sum()
    stored = store(X.astype(np.float32))
    assert half_residual(stored, factors) == pytest.approx(by_hand, rel=1e-9)


def test_the_global_search_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    global_search.compare_known("iris-2", seeds=2)
    assert "2/2" in capsys.readouterr().out
    global_search.compare_race("wine", 0.01, briefly=True)
    assert "at or below scikit-learn on 1 of 1" in capsys.readouterr().out
    assert len(global_search.TRACKS) == 20


@pytest.mark.parametrize(
    "name",
    [
        "certificates",
        "global_search",
        "large_counts",
        "many_clusters",
        "memory",
        "other_noises",
        "search_quality",
        "seeding_quality",
    ],
)
def test_a_benchmark_that_stands_alone_explains_itself(name: str) -> None:
    app, main = Typer(), import_module(f"benchmarks.{name}").main
    app.command()(main)
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert main.__doc__.splitlines()[0] in " ".join(shown.output.split())
