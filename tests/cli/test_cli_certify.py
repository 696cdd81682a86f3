"""``cofactor certify`` proves how far a saved clustering can be from the best one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import COUNTS, Run

from cofactor import KMeans, certify, load_model
from cofactor.cli.certification import facts


def fit(run: Run, data: Path, model: str, *more: object) -> None:
    words = ("fit", data, "-m", model, "-k", 2, "-o", "out", "-q", *more)
    assert run(*words).code == 0


def test_it_says_what_is_proved(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans", "--polish")
    outcome = run("certify", "out", counts, "--gap", 0.01)
    assert (outcome.code, outcome.err) == (0, "")
    for words in ("inertia", "best possible", "at least", "could be saved", "at most"):
        assert words in outcome.out


def test_programs_get_the_bounds(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans", "--polish")
    found = json.loads(run("certify", "out", counts, "--gap", 0.01, "--json").out)
    inertia = KMeans(2, n_init=5, polish=True, random_state=0).fit(COUNTS.astype(float)).inertia_
    assert found["kind"] == "rigorous"
    assert found["lower"] <= inertia <= found["upper"] * (1 + 1e-9)
    assert found["gap"] <= 0.01
    assert found["trace"][-1]["lower"] == found["lower"]


def test_programs_get_a_better_clustering() -> None:
    found = json.loads(json.dumps(facts(certify([0, 1, 0, 1], [[0.0], [0.1], [5.0], [5.1]]))))
    assert found["ending"] == "solved"
    assert found["best_labels"] in ([0, 0, 1, 1], [1, 1, 0, 0])


def test_people_are_told_of_a_better_clustering() -> None:
    found = dict(certify([0, 1, 0, 1], [[0.0], [0.1], [5.0], [5.1]]).facts)
    assert found["a better one"] == "of 0.01 was met"


def test_a_probabilistic_proof_says_how_sure_it_is(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans")
    asked = ("--method", "sketch", "--confidence", 0.9, "--time-limit", 1)
    outcome = run("certify", "out", counts, *asked)
    assert (outcome.code, outcome.err) == (0, "")
    assert "confidence 0.9" in outcome.out


def test_weights_and_methods(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans")
    Path("weights.csv").write_text("\n".join(["weight", *["2"] * len(COUNTS)]))
    once, twice = (
        json.loads(run("certify", "out", counts, "--method", "principal", "--json", *more).out)
        for more in ((), ("--weights", "weights.csv"))
    )
    assert twice["lower"] == pytest.approx(2 * once["lower"], rel=1e-9)
    assert once["method"] == "principal"


@pytest.mark.parametrize(
    ("model", "more", "fact"),
    [
        ("kmeans", ("--method", "magic"), "expected one of auto"),
        ("kmeans", ("--method", "line"), "of which one column varies"),
        ("kmeans", ("--confidence", 1.5), "confidence is 1.5; expected"),
        ("kmeans", ("--transpose",), "columns"),
    ],
)
def test_what_cannot_be_proved(
    run: Run, counts: Path, model: str, more: tuple[str, ...], fact: str
) -> None:
    fit(run, counts, model)
    outcome = run("certify", "out", counts, *more)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert fact in outcome.err


@pytest.mark.parametrize(
    ("model", "more", "facts"),
    [
        ("kmeans", ("--noise", "poisson"), ("KL divergence", "best possible", "at least")),
        ("nmf", (), ("squared error", "stationary", "singular values")),
        ("nmf", ("--noise", "poisson"), ("KL divergence", "stationary", "no bound is known")),
        ("topics", (), ("KL divergence", "stationary", "no bound is known")),
        ("gmm", (), ("log-likelihood", "left out", "no bound is known")),
        ("mixture", ("--closest", 1), ("free energy", "of its posterior", "no bound is known")),
    ],
)
def test_every_model_says_what_is_known(
    run: Run, counts: Path, model: str, more: tuple[object, ...], facts: tuple[str, ...]
) -> None:
    fit(run, counts, model, *more)
    outcome = run("certify", "out", counts, "--gap", 0.01)
    assert (outcome.code, outcome.err) == (0, "")
    for fact in facts:
        assert fact in " ".join(outcome.out.split())


def test_it_can_be_kept_for_reports(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans", "--polish")
    assert run("report", "out", "-o", "before.html").code == 0
    before = load_model("out/model.safetensors")
    found = json.loads(run("certify", "out", counts, "--save", "--gap", 0.01, "--json").out)
    after = load_model("out/model.safetensors")
    assert after.certificate_.lower == found["lower"]
    assert (after.labels_ == before.labels_).all()
    assert run("report", "out", "-o", "after.html").code == 0
    title = "How far from the best"
    assert title not in Path("before.html").read_text()
    assert title in Path("after.html").read_text()
    assert str(after.certificate_) in Path("after.html").read_text()


def test_a_fit_can_end_with_a_proof(run: Run, counts: Path) -> None:
    outcome = run("fit", counts, "-m", "kmeans", "-k", 2, "-o", "out", "--certify", 2)
    assert outcome.code == 0
    assert "could be saved" in outcome.out
    assert load_model("out/model.safetensors").certificate_.kind == "rigorous"
