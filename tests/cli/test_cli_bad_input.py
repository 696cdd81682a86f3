"""Whatever is wrong: exit code 2, one sentence, no traceback, nothing written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from program import Run, every_clustering, every_model
from scipy import sparse

from cofactor.cli import results
from cofactor.cli.plan import parameter
from cofactor.cli.words import ModelWord


def refusal(run: Run, *words: object) -> str:
    """Run a command that must fail, and return its one sentence."""
    before = set(Path().rglob("*"))
    outcome = run(*words)
    assert set(Path().rglob("*")) == before
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    return outcome.err


def refused_fit(run: Run, data: object, *more: object, model: str = "kmeans", k: int = 2) -> str:
    return refusal(run, "fit", data, "-m", model, "-k", k, "-o", "out", *more)


def test_no_file(run: Run, here: Path) -> None:
    assert "no file none.csv" in refused_fit(run, "none.csv")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("a,b\n1,2\n3,x\n", ["'x'", "line 3", "column 2"]),
        ("a,b\n1,2\n3\n", ["line 3"]),
        ("", ["empty"]),
        ("a,b\n1,2\n3,\n", ["nan", "row 2", "column 2 ('b')", "finite"]),
        ("a,b\n1,inf\n-inf,2\n", ["inf", "row 1", "column 2 ('b') and 1 more"]),
    ],
)
def test_bad_tables(run: Run, here: Path, text: str, facts: list[str]) -> None:
    Path("bad.csv").write_text(text)
    sentence = refused_fit(run, "bad.csv")
    assert [fact for fact in ["bad.csv", *facts] if fact not in sentence] == []


def test_a_bad_entry_of_a_sparse_table(run: Run, here: Path) -> None:
    table = sparse.csr_array(np.array([[1, 0, 2], [0, 0, np.nan], [1, 1, 1]]))
    sparse.save_npz("bad.npz", table)
    assert "bad.npz holds nan at row 2, column 3;" in refused_fit(run, "bad.npz")


def test_a_file_cut_short(run: Run, here: Path) -> None:
    np.save("short.npy", np.ones((50, 4)))
    Path("short.npy").write_bytes(Path("short.npy").read_bytes()[:-9])
    assert "short.npy" in refused_fit(run, "short.npy")


@pytest.mark.parametrize(
    ("noise", "value", "fact"),
    [
        ("poisson", -3, "lowest -3"),
        ("gamma", 0, "above 0"),
        ("bernoulli", 2, "0 and 1"),
        ("multinomial", -1, "lowest -1"),
    ],
)
def test_values_that_a_noise_forbids(
    run: Run, here: Path, noise: str, value: float, fact: str
) -> None:
    X = np.ones((9, 3))
    X[4, 1] = value
    np.save("x.npy", X)
    sentence = refused_fit(run, "x.npy", "--noise", noise, model="mixture")
    assert fact in sentence
    assert "noise=" not in sentence


@every_clustering
def test_fewer_rows_than_components(run: Run, counts: Path, model: ModelWord) -> None:
    sentence = refused_fit(run, counts, model=model, k=61)
    assert "61 components" in sentence
    assert "60" in sentence


def test_an_unknown_model(run: Run, counts: Path) -> None:
    sentence = refused_fit(run, counts, model="kmedoids")
    assert "'kmedoids' is not one of 'kmeans'" in sentence


def test_an_unknown_noise(run: Run, counts: Path) -> None:
    sentence = refused_fit(run, counts, "--noise", "laplace")
    assert "'laplace'" in sentence
    assert "poisson" in sentence
    assert "object" not in sentence


@pytest.mark.parametrize(("model", "noise"), [("nmf", "bernoulli"), ("nmf", "multinomial")])
def test_an_impossible_cell(run: Run, counts: Path, model: str, noise: str) -> None:
    assert noise in refused_fit(run, counts, "--noise", noise, model=model).lower()


@pytest.mark.parametrize("model", [word for word in ModelWord if parameter(word, "init")])
def test_an_unknown_start(run: Run, counts: Path, model: ModelWord) -> None:
    sentence = refused_fit(run, counts, "--init", "nowhere", model=model)
    assert f"--init of {model} must be" in sentence


def test_a_setting_of_another_model(run: Run, counts: Path) -> None:
    sentence = refused_fit(run, counts, "--covariance", "diag", model="nmf")
    assert "nmf has no --covariance" in sentence
    assert "(gmm)" in sentence


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("-k", "0"),
        ("-k", "two"),
        ("--seed", "-1"),
        ("--threads", "0"),
        ("--tol", "-1"),
        ("--max-iter", "0"),
        ("--time-limit", "0"),
        ("--closest", "0"),
        ("--sed", "1"),
    ],
)
def test_bad_options(run: Run, counts: Path, option: str, value: str) -> None:
    assert option in refused_fit(run, counts, option, value)


@pytest.mark.parametrize("missing", ["-m", "-k", "-o", "DATA"])
def test_missing_words(run: Run, counts: Path, missing: str) -> None:
    words = {"-m": ("-m", "nmf"), "-k": ("-k", 2), "-o": ("-o", "out"), "DATA": (counts,)}
    given = [part for name, parts in words.items() if name != missing for part in parts]
    assert missing in refusal(run, "fit", *given)


def test_an_unknown_command(run: Run, here: Path) -> None:
    assert "fitt" in refusal(run, "fitt")


@pytest.mark.parametrize(
    ("weights", "fact"),
    [
        (np.ones((59, 1)), "59 × 1"),
        (np.ones((60, 2)), "60 × 2"),
        (np.full((60, 1), -1.0), "weight -1 for row 1"),
        (np.full((1, 60), np.nan), "weight nan for row 1"),
        (np.zeros((60, 1)), "only zeros"),
    ],
)
def test_bad_weights(run: Run, counts: Path, weights: np.ndarray, fact: str) -> None:
    np.save("weights.npy", weights)
    assert fact in refused_fit(run, counts, "--weights", "weights.npy")


def test_a_layer_of_a_file_without_layers(run: Run, counts: Path) -> None:
    assert "layer" in refused_fit(run, counts, "--layer", "raw")


def test_results_of_others_are_safe(run: Run, counts: Path) -> None:
    Path("out").mkdir()
    Path("out/thesis.tex").touch()
    assert "not empty" in refused_fit(run, counts)
    assert "thesis.tex" in refused_fit(run, counts, "--overwrite")


def test_a_file_in_the_way(run: Run, counts: Path) -> None:
    Path("out").touch()
    assert "is a file" in refused_fit(run, counts)


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "out cannot be used"),
        (MemoryError(), "memory"),
    ],
)
def test_writing_that_fails(
    run: Run, counts: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, fact: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(results, "_write_trace", fail)
    assert fact in refused_fit(run, counts)


def test_duplicate_rows_are_a_warning(run: Run, here: Path) -> None:
    np.save("same.npy", np.ones((9, 3)))
    outcome = run("fit", "same.npy", "-m", "kmeans", "-k", 3, "-o", "out", "-q")
    assert outcome.code == 0
    assert "Warning: Number of distinct clusters (1)" in outcome.err


@every_model
@pytest.mark.parametrize("shape", [(1, 4), (4, 1)])
def test_one_row_or_one_column_either_works_or_is_refused(
    run: Run, here: Path, model: ModelWord, shape: tuple[int, int]
) -> None:
    np.save("thin.npy", np.ones(shape))
    outcome = run("fit", "thin.npy", "-m", model, "-k", 1, "-o", "out", "-q")
    assert outcome.code in {0, 2}
    assert Path("out").exists() == (outcome.code == 0)
    assert "Traceback" not in outcome.err


def test_a_fault_of_the_program_is_no_bad_input(
    run: Run, counts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_write_trace", None)
    with pytest.raises(TypeError):
        run("fit", counts, "-m", "kmeans", "-k", 2, "-o", "out")
    assert not Path("out").exists()
