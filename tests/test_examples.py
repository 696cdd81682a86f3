"""Examples run, on small data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parent.parent / "examples"


def loaded(name, monkeypatch):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def truncated(monkeypatch, tmp_path):
    """Return the module of the example, which draws into a directory of its own."""
    module = loaded("truncated_posteriors", monkeypatch)
    for constant, value in {"IMAGES": tmp_path, "SEEDS": range(1), "ITERATIONS": 3}.items():
        monkeypatch.setattr(module, constant, value)
    return module


def test_posteriors_are_truncated(truncated, capsys, tmp_path):
    small = truncated.grid(4, 20)
    truncated.print_table(small)
    truncated.print_annealed(small, 2)
    truncated.print_search(small, 2)
    truncated.draw_free_energies([small, small])
    truncated.draw_variances(small)
    lines = capsys.readouterr().out.splitlines()
    rows = [
        line
        for line in lines
        if line.startswith(("| 1 |", "| all |", "| 2, from 8", "| neighbors |"))
    ]
    assert len(rows) == 4
    assert {path.name for path in tmp_path.iterdir()} == {
        "truncated-free-energy.png",
        "truncated-variance.png",
    }


def figures(line):
    return [float(cell) for cell in line.split("|")[2:-1]]


@pytest.mark.filterwarnings("ignore")
def test_counts_are_factorized(monkeypatch, capsys):
    module = loaded("factorizing_counts", monkeypatch)
    monkeypatch.setattr(module, "SIZES", (4,))
    monkeypatch.setattr(module, "RUNS", 2)
    module.main()
    lines = capsys.readouterr().out.splitlines()
    alone, exposed, offset = (
        figures(next(line for line in lines if line.startswith(f"| {start}")))
        for start in ("counts alone", "`exposure=hours` ", "`exposure=hours, offset")
    )
    assert offset[0] < exposed[0] < alone[0]
    as_zeros, masked = (
        figures(next(line for line in lines if line.startswith(f"| {start}")))
        for start in ("as zeros", "`mask`")
    )
    assert masked[0] < 0.5 * as_zeros[0]
    assert sum(line.startswith("| 4 |") for line in lines) == 2
