"""What the times were taken on, in general terms."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cofactor.kernels import implementation

PACKAGES = ("cofactor", "numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "faiss-cpu")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def describe(n_threads: int) -> dict[str, Any]:
    """Return cores, instruction set, threads and versions."""
    return {
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "kernels": implementation(),
        "threads": n_threads,
        "versions": {name: _version(name) for name in PACKAGES},
    }


def limit_threads(n_threads: int) -> None:
    """Hold the BLAS and OpenMP of processes started from here on to ``n_threads``.

    Threads that wait are to sleep, unless the environment says otherwise: those that spin take a
    core from whoever has the next turn, and on a busy machine slow their own library down.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
