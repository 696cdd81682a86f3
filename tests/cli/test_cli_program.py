"""The program as a whole: help, endings, and what it does to a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from program import Run

import cofactor
from cofactor import kernels

PROGRAM = [sys.executable, "-m", "cofactor"]
ENDLESS = ["-m", "nmf", "-k", "2", "--tol", "0", "--max-iter", "1000000000", "-o", "out"]


def heard() -> None:
    """Let a process hear interrupts, which jobs in the background ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(counts: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the program as a process of its own, on small data."""
    sources = str(Path(cofactor.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": sources, "COLUMNS": "80", "TERM": "xterm"}

    def start(*words: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PROGRAM, *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=heard,
        )

    return start


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(run: Run, words: list[str]) -> None:
    outcome = run(*words)
    assert (outcome.code, outcome.err) == (0, "")
    for command in ("fit", "predict", "certify", "report", "info", "lattice", "Examples"):
        assert command in outcome.out


@pytest.mark.parametrize("command", ["fit", "predict", "certify", "report", "info", "lattice"])
def test_help_fits_a_terminal(run: Run, command: str) -> None:
    outcome = run(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("cofactor ")


def test_the_package_has_the_version_of_its_program(run: Run) -> None:
    assert run("--version").out == f"cofactor {cofactor.__version__}\n"


def test_version_without_an_installation(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert run("--version").out == "cofactor unknown\n"


def test_info_tells_what_runs(run: Run) -> None:
    facts = json.loads(run("info", "--json").out)
    assert facts["instruction_set"] == kernels.implementation()
    assert facts["available"] == list(kernels.available())
    assert facts["kernels"] in {"native", "reference"}
    assert facts["threads"] >= 1
    printed = run("info").out
    assert kernels.implementation() in printed
    assert facts["numpy"] in printed


def wait_for_output(process: subprocess.Popen[bytes]) -> None:
    """Wait until results are in the making."""
    while not list(Path().glob(".out.*")):
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing(
    start: Callable[..., subprocess.Popen[bytes]], number: signal.Signals, code: int
) -> None:
    process = start("fit", "counts.csv", *ENDLESS)
    wait_for_output(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, b"", b"")
    assert [path.name for path in Path().iterdir()] == ["counts.csv"]


def test_a_terminal_gets_a_bar(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    ours, theirs = pty.openpty()
    process = start("fit", "counts.csv", *ENDLESS, "--time-limit", "0.5", "--json", stderr=theirs)
    os.close(theirs)
    shown = read_all(ours)
    out, _ = process.communicate(timeout=30)
    assert "iteration" in shown
    assert "nats per entry" in shown
    assert "Not converged" in shown
    assert json.loads(out)["converged"] is False


def read_all(terminal: int) -> str:
    """Read what is shown on a terminal until its last user leaves."""
    chunks = []
    with open(terminal, "rb", buffering=0) as file:
        while True:
            try:
                chunk = file.read(4096)
            except OSError:  # Linux's end of a terminal
                break
            if not chunk:
                break
            chunks.append(chunk)
    return b"".join(chunks).decode()
