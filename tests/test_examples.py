"""Examples run, on small data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def truncated(monkeypatch, tmp_path):
    """Return the module of the example, which draws into a directory of its own."""
    name = "truncated_posteriors"
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
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
