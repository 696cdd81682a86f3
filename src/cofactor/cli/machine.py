"""What ``cofactor info`` says: what is installed, and what runs on this machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
import sklearn
from rich.table import Table
from threadpoolctl import threadpool_info

from cofactor import kernels
from cofactor.cli.console import grid
from cofactor.engine.threads import resolve_threads
from cofactor.version import version


def facts() -> dict[str, Any]:
    """Return versions, kernels, threads and BLAS libraries."""
    instructions = kernels.implementation()
    return {
        "cofactor": version(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "kernels": "reference" if instructions == "reference" else "native",
        "instruction_set": instructions,
        "available": kernels.available(),
        "threads": resolve_threads(None),
        "blas": [_library(pool) for pool in threadpool_info() if pool["user_api"] == "blas"],
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit_learn": sklearn.__version__,
    }


def _library(pool: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("internal_api", "version", "architecture", "num_threads")
    return {key: pool.get(key) for key in keys}


def as_table(facts: Mapping[str, Any]) -> Table:
    """Lay the facts out for a person."""
    table = grid()
    table.add_row("cofactor", facts["cofactor"])
    table.add_row("Python", f"{facts['python']}, {facts['platform']}")
    table.add_row("kernels", f"{facts['kernels']}, {facts['instruction_set']}")
    table.add_row("available", ", ".join(facts["available"]))
    table.add_row("threads", f"{facts['threads']}, unless --threads says otherwise")
    table.add_row("BLAS", "\n".join(dict.fromkeys(map(_blas, facts["blas"]))) or "none found")
    libraries = ("numpy", "NumPy"), ("scipy", "SciPy"), ("scikit_learn", "scikit-learn")
    table.add_row("libraries", ", ".join(f"{name} {facts[key]}" for key, name in libraries))
    return table


def _blas(library: Mapping[str, Any]) -> str:
    parts = (library["internal_api"], library["version"], library["architecture"])
    return " ".join(str(part) for part in parts if part)
