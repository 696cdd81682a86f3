"""``cofactor predict`` says of rows what the fit said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame
from program import COUNTS, Outcome, Run, every_clustering, every_factorization

from cofactor.cli.words import ModelWord
from cofactor.io import load_model, read


def fit(run: Run, data: Path, model: str, *more: object) -> None:
    assert run("fit", data, "-m", model, "-k", 2, "-o", "out", "-q", *more).code == 0


@pytest.fixture
def fitted(run: Run, counts: Path) -> Path:
    """A model of two clusters."""
    fit(run, counts, "kmeans")
    return Path("out")


def refusal(outcome: Outcome) -> str:
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    return outcome.err


@every_clustering
def test_the_same_rows_get_the_labels_written(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    outcome = run("predict", "out", counts)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == Path("out/labels.csv").read_text()


@every_factorization
def test_the_same_rows_get_codes_as_good(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model, "--max-iter", 2000, "--tol", 1e-12)
    assert run("predict", "out", counts, "-o", "codes.csv").code == 0
    written, predicted = read("out/codes.csv"), read("codes.csv")
    assert predicted.row_names == written.row_names
    assert predicted.column_names == written.column_names
    np.testing.assert_allclose(predicted.X, written.X, atol=0.01 * written.X.max())


@every_factorization
def test_codes_are_the_models_own_to_the_bit(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    codes = json.loads(run("predict", "out", counts, "--json").out)["codes"]
    estimator = load_model("out/model.safetensors")
    table = DataFrame(COUNTS.astype(float), columns=list("abcde"))
    np.testing.assert_array_equal(codes, estimator.transform(table))


def test_a_file_gets_what_stdout_gets(run: Run, counts: Path, fitted: Path) -> None:
    printed = run("predict", fitted / "model.safetensors", counts, "--threads", 1).out
    outcome = run("predict", fitted, counts, "-o", "new.csv")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert Path("new.csv").read_text() == printed


def test_json_has_labels_and_names(run: Run, counts: Path, fitted: Path) -> None:
    found = json.loads(run("predict", fitted, counts, "--json").out)
    assert found["rows"] == [f"cell{i}" for i in range(60)]
    assert sorted(found["labels"]) == [0] * 30 + [1] * 30


def test_rows_without_names(run: Run, turned: Path, fitted: Path) -> None:
    outcome = run("predict", fitted, turned, "--transpose")
    assert outcome.err == ""
    assert outcome.out.splitlines()[1].startswith("0,")


def test_other_numbers_of_columns(run: Run, turned: Path, fitted: Path) -> None:
    sentence = refusal(run("predict", fitted, turned))
    assert "counts.mtx has 60 columns, but the model was fitted to 5" in sentence
    assert "--transpose" in sentence


def test_other_names_of_columns(run: Run, counts: Path, fitted: Path) -> None:
    Path("other.csv").write_text("a,b,d,c,e\n1,2,3,4,5\n")
    sentence = refusal(run("predict", fitted, "other.csv"))
    assert "has 'd' as column 3, where the model was fitted to 'c'" in sentence


@pytest.mark.parametrize(
    ("model", "fact"), [("none", "no file none"), ("counts.csv", "model of cofactor")]
)
def test_no_model(run: Run, counts: Path, model: str, fact: str) -> None:
    assert fact in refusal(run("predict", model, counts))


def test_a_model_cut_short(run: Run, counts: Path, fitted: Path) -> None:
    model = fitted / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-20])
    assert "cut short" in refusal(run("predict", fitted, counts))


def test_a_place_that_cannot_be_written(run: Run, counts: Path, fitted: Path) -> None:
    assert "none/x.csv" in refusal(run("predict", fitted, counts, "-o", "none/x.csv"))


def test_bad_rows_leave_the_old_file(run: Run, counts: Path, fitted: Path) -> None:
    Path("old.csv").write_text("old")
    Path("bad.csv").write_text("a,b,c,d,e\n1,2,3,4,\n")
    refusal(run("predict", fitted, "bad.csv", "-o", "old.csv"))
    assert Path("old.csv").read_text() == "old"
