"""``cofactor fit`` writes what it found, and tells it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import anndata
import numpy as np
import pytest
from program import COUNTS, Run, every_clustering, every_model

from cofactor.cli.words import ModelWord
from cofactor.io import load_model, read

FILES = {"model.safetensors", "components.csv", "trace.csv", "summary.json", ".cofactor-files"}


def fit(run: Run, data: Path, model: str, *more: object, out: str = "out") -> dict:
    """Fit two components and return the summary."""
    outcome = run("fit", data, "-m", model, "-k", 2, "-o", out, "--json", *more)
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


def labels(path: str | Path) -> list[tuple[str, int]]:
    with Path(path).open(newline="") as file:
        return [(line["row"], int(line["label"])) for line in csv.DictReader(file)]


@every_model
def test_everything_is_written(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    rows = {"labels.csv"} if Path("out/labels.csv").exists() else {"codes.csv"}
    assert {path.name for path in Path("out").iterdir()} == FILES | rows


@every_clustering
def test_labels_find_the_two_kinds_of_rows(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    names, found = zip(*labels("out/labels.csv"), strict=True)
    assert list(names) == [f"cell{i}" for i in range(60)]
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert found[0] != found[1]


@pytest.mark.parametrize("model", [ModelWord.NMF, ModelWord.TOPICS, ModelWord.SVD])
def test_codes_and_components_multiply_to_the_data(
    run: Run, counts: Path, model: ModelWord
) -> None:
    fit(run, counts, model, "--max-iter", 500)
    codes, components = read("out/codes.csv"), read("out/components.csv")
    assert codes.row_names == [f"cell{i}" for i in range(60)]
    assert codes.column_names == ["component_0", "component_1"]
    found = codes.X @ components.X
    found *= COUNTS.sum(axis=1, keepdims=True) / found.sum(axis=1, keepdims=True)
    for kind in (slice(0, None, 2), slice(1, None, 2)):
        expected = COUNTS[kind].mean(axis=0)
        np.testing.assert_allclose(found[kind].mean(axis=0), expected, rtol=0.3)


@every_model
def test_components_have_the_names_of_the_columns(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    components = read("out/components.csv")
    assert components.column_names == list("abcde")
    assert components.row_names == ["0", "1"]


@every_model
def test_the_trace_falls(run: Run, counts: Path, model: ModelWord) -> None:
    fit(run, counts, model)
    steps = read("out/trace.csv")
    assert steps.column_names == ["iteration", "loss_nats", "loss_nats_per_entry", "seconds"]
    assert np.diff(steps.X[:, 1]).max() <= 1e-9 * abs(steps.X[0, 1])
    np.testing.assert_allclose(steps.X[:, 1], steps.X[:, 2] * COUNTS.size)


@pytest.mark.parametrize("model", [word for word in ModelWord if word != ModelWord.TOPICS])
def test_the_trace_ends_at_the_likelihood(run: Run, counts: Path, model: ModelWord) -> None:
    per_entry = fit(run, counts, model)["likelihood"]["nats_per_entry"]
    assert read("out/trace.csv").X[-1, 2] == pytest.approx(-per_entry, rel=1e-9)


@every_model
def test_json_is_the_summary_that_is_written(run: Run, counts: Path, model: ModelWord) -> None:
    summary = fit(run, counts, model)
    assert summary.pop("output") == "out"
    assert summary == json.loads(Path("out/summary.json").read_text())
    assert (summary["rows"], summary["columns"], summary["components"]) == (60, 5, 2)
    assert sum(summary["shares"]) == pytest.approx(1)


@every_model
def test_threads_leave_no_trace(run: Run, counts: Path, model: ModelWord) -> None:
    for threads in (1, 2):
        fit(run, counts, model, "--threads", threads, out=f"out{threads}")
    first, second = (timeless(Path(f"out{threads}")) for threads in (1, 2))
    assert first == second


def timeless(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files, without the clock's."""
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    contents["trace.csv"] = re.sub(rb",[\d.]+$", b"", contents["trace.csv"], flags=re.MULTILINE)
    contents["summary.json"] = re.sub(rb'"seconds": .*', b"", contents["summary.json"])
    model = contents["model.safetensors"]
    end = 8 + int.from_bytes(model[:8], "little")  # of the header, which is padded with spaces
    header = re.sub(rb'(seconds|started)\\": [\d.e-]+', rb"\1", model[8:end]).rstrip()
    return contents | {"model.safetensors": header + model[end:]}


def test_seeds_matter_and_repeat(run: Run, counts: Path) -> None:
    options = ("--init", "random", "--max-iter", 1)
    runs = [
        fit(run, counts, "nmf", *options, "--seed", seed, "--overwrite", "--tol", 1e9)
        for seed in (0, 1, 0)
    ]
    first, other, again = (summary["likelihood"]["nats"] for summary in runs)
    assert first == again
    assert first != other


def test_transposed_sparse_data(run: Run, turned: Path, counts: Path) -> None:
    turned_fit = fit(run, turned, "kmeans", "--transpose", out="turned")
    assert turned_fit["rows"] == 60
    fit(run, counts, "kmeans")
    found, expected = labels("turned/labels.csv"), labels("out/labels.csv")
    assert [label for _, label in found] == [label for _, label in expected]
    assert found[0][0] == "0"


def test_a_layer(run: Run, here: Path) -> None:
    data = anndata.AnnData(np.zeros((60, 5)), layers={"counts": COUNTS})
    data.write_h5ad("cells.h5ad")
    assert fit(run, "cells.h5ad", "kmeans", "--layer", "counts")["converged"]
    assert len({label for _, label in labels("out/labels.csv")}) == 2


def test_weights_are_repetitions(run: Run, counts: Path) -> None:
    weights = np.arange(60) % 3
    np.save("weights.npy", weights[:, None])
    np.save("repeated.npy", np.repeat(COUNTS, weights, axis=0))
    weighted = fit(run, counts, "mixture", "--weights", "weights.npy", "--init", "random")
    assert weighted["likelihood"]["nats_per_entry"] == pytest.approx(
        weighted["likelihood"]["nats"] / (5 * weights.sum())
    )
    one = ("-m", "mixture", "-k", 1, "--json", "-o")
    first = json.loads(run("fit", counts, "--weights", "weights.npy", *one, "a").out)
    second = json.loads(run("fit", "repeated.npy", *one, "b").out)
    assert first["likelihood"]["nats"] == pytest.approx(second["likelihood"]["nats"])


def test_settings_reach_the_model(run: Run, counts: Path) -> None:
    settings = ("--noise", "poisson", "--closest", 2, "--init", "random", "--starts", 3)
    more = ("--max-iter", 7, "--tol", 0.5, "--seed", 11, "--time-limit", 60)
    fit(run, counts, "kmeans-c", *settings, *more)
    found = load_model("out/model.safetensors").get_params()
    expected = {"noise": "poisson", "n_closest": 2, "init": "random", "n_init": 3}
    expected |= {"max_iter": 7, "tol": 0.5, "random_state": 11, "time_limit": 60}
    assert {name: found[name] for name in expected} == expected


def test_covariance(run: Run, counts: Path) -> None:
    fit(run, counts, "gmm", "--covariance", "diag")
    assert load_model("out/model.safetensors").covariances_.shape == (2, 5)


def test_a_model_keeps_nothing_of_the_machine(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans", "--threads", 2)
    model = load_model("out/model.safetensors")
    assert model.n_threads is None
    assert list(model.feature_names_in_) == list("abcde")


def test_tables_tell_what_matters(run: Run, counts: Path) -> None:
    outcome = run("fit", counts, "-m", "kmeans", "-k", 2, "--noise", "poisson", "-o", "out")
    assert (outcome.code, outcome.err) == (0, "")
    for fact in ("60 rows × 5 columns", "Poisson", "nats per entry", "converged", "50.0%", "a, b"):
        assert fact in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_many_components_are_cut_short(run: Run, counts: Path) -> None:
    assert "and 10 smaller ones" in run("fit", counts, "-m", "kmeans", "-k", 30, "-o", "out").out


def test_quiet_says_nothing(run: Run, counts: Path) -> None:
    outcome = run("fit", counts, "-m", "kmeans", "-k", 2, "-o", "out", "-q")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


@every_model
def test_not_converged_is_a_warning(run: Run, counts: Path, model: ModelWord) -> None:
    options = ("-k", 4, "--max-iter", 1, "--tol", 0, "-q")
    outcome = run("fit", counts, "-m", model, *options, "-o", "out")
    assert outcome.code == 0
    assert re.fullmatch(r"Warning: Not converged after 1 iterations: .*--max-iter.*\n", outcome.err)
    assert json.loads(Path("out/summary.json").read_text())["converged"] is False


def test_overwriting_needs_a_word(run: Run, counts: Path) -> None:
    fit(run, counts, "kmeans")
    assert run("fit", counts, "-m", "kmeans", "-k", 3, "-o", "out").code == 2
    assert fit(run, counts, "kmeans", "--overwrite")["components"] == 2


def test_polish_is_for_hard_clusters(run: Run, counts: Path) -> None:
    plain, polished = (
        fit(run, counts, "kmeans", *more, out=str(place))
        for place, more in enumerate(([], ["--polish"]))
    )
    assert polished["likelihood"]["nats"] >= plain["likelihood"]["nats"]
    assert polished["parameters"]["polish"]
    outcome = run("fit", counts, "-m", "nmf", "-k", 2, "-o", "other", "--polish")
    assert outcome.code != 0
    assert "has no --polish" in outcome.err


@pytest.mark.parametrize("model", [("kmeans",), ("gmm",), ("mixture", "--noise", "poisson")])
def test_a_global_search_ends_at_or_above_a_plain_fit(
    run: Run, counts: Path, model: tuple[str, ...]
) -> None:
    plain, searched = (
        fit(run, counts, *model, *more, out=str(place))
        for place, more in enumerate(([], ["--search", "global", "--max-iter", 2000]))
    )
    assert searched["likelihood"]["nats"] >= plain["likelihood"]["nats"]
    assert (searched["parameters"]["search"], searched["converged"]) == ("global", True)
    outcome = run("fit", counts, "-m", "gmm", "-k", 2, "-o", "other", "--search", "best")
    assert outcome.code != 0
    assert "--search of gmm must be" in outcome.err
    outcome = run("fit", counts, "-m", "nmf", "-k", 2, "-o", "other", "--search", "global")
    assert "has no --search" in outcome.err
