"""The program, run in this process, and small tables to run it on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import COUNTS, Outcome, Run
from scipy import sparse
from scipy.io import mmwrite

from cofactor.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the program with these words."""
    monkeypatch.setenv("COLUMNS", "80")
    before = signal.getsignal(signal.SIGTERM)

    def run(*words: object) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        return Outcome(int(caught.value.code or 0), *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def counts(here: Path) -> Path:
    """A table of counts with names of rows and columns: two kinds of rows."""
    lines = [",".join([f"cell{i}", *map(str, row)]) for i, row in enumerate(COUNTS.tolist())]
    Path("counts.csv").write_text("\n".join(["cell,a,b,c,d,e", *lines]) + "\n")
    return Path("counts.csv")


@pytest.fixture
def turned(here: Path) -> Path:
    """The same counts, one sample per column, sparse and without names."""
    mmwrite("counts.mtx", sparse.coo_array(COUNTS.T))
    return Path("counts.mtx")
