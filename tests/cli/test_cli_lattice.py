"""``cofactor lattice`` tells the truth: its words fit the cells that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from program import Run

from cofactor.cli.cells import words
from cofactor.lattice import lattice

FITTED = [cell for cell in lattice() if words(cell)]


@pytest.mark.parametrize("width", [80, 120])
def test_every_cell_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = run("lattice")
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= width
    for fact in ("k-means-C'", "-m topics", "negative_binomial noise", "impossible"):
        assert fact in outcome.out


def test_json_says_why_a_cell_is_impossible(run: Run) -> None:
    cells = json.loads(run("lattice", "--json").out)
    assert len(cells) == len(lattice())
    assert all(cell["available"] == (not cell["reason"]) for cell in cells)
    assert {"noise", "codes", "name", "call", "words"} < set(cells[0])


@pytest.mark.parametrize("cell", FITTED, ids=lambda cell: f"{cell.noise}-{cell.codes}")
def test_the_words_fit_the_cell(run: Run, here: Path, cell: object) -> None:
    positive = cell.noise in ("gamma", "von_mises_fisher")
    X = np.random.default_rng(0).integers(0, 2, (40, 4)) + positive
    np.save("x.npy", X)
    given = words(cell).replace(" C", " 2").split()
    outcome = run("fit", "x.npy", "-k", 3, "-o", "out", "--json", *given)
    assert outcome.code == 0, outcome.err
    fitted = json.loads(outcome.out)
    assert re.sub("[ -]", "_", fitted["noise"].lower()) == cell.noise
    assert fitted["codes"].split()[0] == cell.codes.replace(",", "").split()[0]
    kept = {"keep 1": "codes", "keep C'": "kept", "keep all": "all kept"}
    assert fitted["codes"].endswith(kept.get(cell.codes.partition(", ")[2], "codes"))
