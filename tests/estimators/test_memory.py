"""A fit takes little memory beside its data: at most 2.2 times the data and the model together."""

from __future__ import annotations

import subprocess
import sys

import pytest

MOST = 2.2
SCRIPT = r"""
import re
from pathlib import Path
import numpy as np
import scipy.sparse as sp
from cofactor import GaussianMixture, KMeans

def peak():
    status = Path("/proc/self/status").read_text()  # ru_maxrss begins with the parent's
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status)[1])

def dense(dtype, n, d):
    return np.random.default_rng(0).standard_normal((n, d), dtype=dtype)

def sparse(dtype, n, d, filled):
    rng, step = np.random.default_rng(0), d // filled
    columns = rng.integers(0, step, (n, filled), dtype=np.int32)
    columns += np.arange(0, d, step, dtype=np.int32)
    starts = np.arange(0, columns.size + 1, filled, dtype=np.int32)
    entries = rng.standard_normal(columns.size, dtype=dtype)
    return sp.csr_array((entries, columns.ravel(), starts), shape=(n, d))

def size(X):
    return sum(a.nbytes for a in ([X.data, X.indices, X.indptr] if sp.issparse(X) else [X]))

small = dense(np.float64, 2_000, 3)
KMeans(3, n_threads=2).fit(small)  # what a first fit loads and starts
before = peak()
X = DATA
model = MODEL(20, max_iter=3, random_state=0, n_threads=2, **SETTINGS).fit(X)
print((peak() - before) / size(X))  # the model is small
"""
DATA = {
    "dense float32": "dense(np.float32, 600_000, 32)",
    "dense float64": "dense(np.float64, 300_000, 32)",
    "sparse float32": "sparse(np.float32, 400_000, 1_000, 20)",
    "sparse float64": "sparse(np.float64, 300_000, 1_000, 20)",
}
SETTINGS = {
    "Lloyd's": {"init": "random", "n_init": 1},
    "polished": {"init": "random", "n_init": 1, "polish": True},
    "from greedy seeds": {},
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux counts")
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_peak_memory_of_a_fit(data, settings):
    assert peak_over_data(data, settings) <= MOST


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux counts")
def test_peak_memory_of_greedy_seeds_of_rows_with_few_columns():
    assert peak_over_data("dense(np.float32, 1_000_000, 16)", {}) <= MOST


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux counts")
@pytest.mark.parametrize("init", ["random", "kmeans"])
@pytest.mark.parametrize("covariance_type", ["diag", "full"])
def test_peak_memory_of_a_mixture(covariance_type, init):
    settings = {"covariance_type": covariance_type, "init_params": init}
    peak = peak_over_data(DATA["dense float32"], settings, "GaussianMixture")
    assert peak <= MOST


def peak_over_data(data, settings, model="KMeans"):
    """Fit in a process of its own."""
    words = {"DATA": data, "SETTINGS": repr(settings), "MODEL": model}
    script = SCRIPT
    for word, meaning in words.items():
        script = script.replace(word, meaning)
    command = [sys.executable, "-W", "ignore", "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return float(run.stdout)
