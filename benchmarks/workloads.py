"""The data of the benchmarks: seeded generators, and real data where they are installed.

Generated data are kept in ``benchmarks/.cache``, under names that change with this file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.preprocessing import normalize

CACHE = Path(__file__).parent / ".cache"
DATA_VARIABLE = "COFACTOR_DATA"
PBMC_FILE = "pbmc_facs.npz"

Array = NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """Data, how many components to look for in them, and what they lack to be used, if anything."""

    make: Callable[[], Any]
    k: int
    missing: Callable[[], str | None] = lambda: None


def hard(n: int, d: int, seed: int) -> Array:
    """Return mixed and shifted digits in a random projection, with noise: no true clusters."""
    rng = np.random.default_rng(seed)
    digits = load_digits().data.astype(np.float32)
    projection = np.eye(64) if d == 64 else rng.standard_normal((64, d)) / 8
    clean = _shifted(_mixed(digits, n, rng), rng) @ projection.astype(np.float32)
    return clean + 0.1 * clean.std() * rng.standard_normal((n, d), dtype=np.float32)


def _mixed(digits: Array, n: int, rng: np.random.Generator) -> Array:
    first, second = rng.integers(0, len(digits), (2, n))
    share = rng.random((n, 1), dtype=np.float32)
    return share * digits[first] + (1 - share) * digits[second]


def _shifted(rows: Array, rng: np.random.Generator) -> Array:
    """Return the images, each moved sideways by up to two pixels."""
    images, shifts = rows.reshape(-1, 8, 8), rng.integers(-2, 3, len(rows))
    for shift in range(-2, 3):
        images[shifts == shift] = np.roll(images[shifts == shift], shift, axis=2)
    return images.reshape(rows.shape)


def blobs(n: int, d: int, k: int, seed: int, std: float = 3.0) -> Array:
    """Return overlapping Gaussian blobs."""
    box = (-4, 4) if d > 20 else (-10, 10)
    rows, _ = make_blobs(n, d, centers=k, cluster_std=std, center_box=box, random_state=seed)
    return rows.astype(np.float32)


def documents(n: int, d: int, n_topics: int, n_words: int, seed: int) -> sp.csr_matrix:
    """Return log counts of documents with topics and Zipf's law, of length 1."""
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(d) for _ in range(n_topics)])
    topic = rng.integers(0, n_topics, (n, 1))
    common = np.minimum((5 * rng.pareto(0.9, (n, n_words))).astype(int), d - 1)
    words = np.where(rng.random((n, n_words)) < 0.6, orders[topic, common], common)
    counts = _counted(np.repeat(np.arange(n), n_words), words.ravel(), (n, d))
    counts.data = np.log1p(counts.data)
    return normalize(counts)


def gamma_poisson(n: int, d: int, k: int, n_events: int, seed: int) -> sp.csr_matrix:
    """Return Poisson counts of ``n_events`` expected events, with ``k`` planted Gamma factors."""
    rng = np.random.default_rng(seed)
    codes = rng.gamma(0.3, size=(n, k))
    components = rng.gamma(0.3, size=(k, d)) * rng.lognormal(0.0, 1.5, d)  # some columns are common
    components /= components.sum(axis=1, keepdims=True)
    codes *= n_events / codes.sum()
    events = [_events(*factor, rng) for factor in zip(codes.T, components, strict=True)]
    rows, columns = (np.concatenate(part) for part in zip(*events, strict=True))
    return _counted(rows, columns, (n, d))


def vocabulary(n: int, d: int, k: int, n_words: int, seed: int) -> sp.csr_matrix:
    """Return word counts of documents about a few topics each, with Zipf's law of words."""
    rng = np.random.default_rng(seed)
    zipf = 1.0 / np.arange(1, d + 1)
    topics = rng.gamma(0.1, size=(k, d)) * zipf
    topics /= topics.sum(axis=1, keepdims=True)
    shares = rng.dirichlet(np.full(k, 0.1), n) * rng.poisson(n_words * 1.4, (n, 1))
    events = [_events(*factor, rng) for factor in zip(shares.T, topics, strict=True)]
    rows, columns = (np.concatenate(part) for part in zip(*events, strict=True))
    return _counted(rows, columns, (n, d))


def _events(rates: Array, odds: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the row and the column of every event of one factor."""
    rows = np.repeat(np.arange(len(rates)), rng.poisson(rates))
    columns = np.searchsorted(odds.cumsum(), rng.random(len(rows)) * odds.sum())
    return rows, np.minimum(columns, len(odds) - 1)


def _counted(rows: Array, columns: Array, shape: tuple[int, int]) -> sp.csr_matrix:
    """Return how often each pair of a row and a column occurs."""
    counts = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    counts.sum_duplicates()
    return counts


def planted_counts(n: int, d: int, k: int, mean: float, seed: int) -> Array:
    """Return dense Poisson counts with ``k`` planted Gamma factors."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.5, size=(n, k)) @ rng.gamma(0.5, size=(k, d))
    return rng.poisson(rate * (mean / rate.mean())).astype(np.float32)


def small_blobs() -> Array:
    """Return 1,000 rows in the plane."""
    return blobs(1_000, 2, 8, seed=5, std=1.0).astype(np.float64)


def pbmc() -> sp.csr_matrix:
    """Return gene counts of sorted blood cells [Zheng et al. 2017]."""
    with np.load(_pbmc_file()) as file:
        counts, columns = file["data"].astype(np.float32), file["indices"].astype(np.int32)
        return sp.csr_matrix((counts, columns, file["indptr"]), shape=tuple(file["shape"]))


def reuters() -> sp.csr_matrix:
    """Return word counts of 395 news stories."""
    from lda.datasets import load_reuters

    return sp.csr_matrix(load_reuters().astype(np.float32))


def _pbmc_file() -> Path:
    return Path(os.environ.get(DATA_VARIABLE, "")) / PBMC_FILE


def _without_pbmc() -> str | None:
    present = _pbmc_file().is_file()
    return None if present else f"{PBMC_FILE} is not in the directory that {DATA_VARIABLE} names"


def _without_reuters() -> str | None:
    return None if find_spec("lda") else "the package lda is not installed"


WORKLOADS = {
    "a-hard": Workload(partial(hard, 100_000, 32, seed=2), 100),
    "a-blobs": Workload(partial(blobs, 100_000, 32, 100, seed=1), 100),
    "b-hard": Workload(partial(hard, 100_000, 128, seed=2), 1000),
    "b-blobs": Workload(partial(blobs, 100_000, 128, 1000, seed=1), 1000),
    "c-hard": Workload(partial(hard, 1_000_000, 16, seed=2), 64),
    "c-blobs": Workload(partial(blobs, 1_000_000, 16, 64, seed=1), 64),
    "d-hard": Workload(partial(hard, 50_000, 64, seed=2), 5000),
    "d-blobs": Workload(partial(blobs, 50_000, 64, 5000, seed=1), 5000),
    "g-hard": Workload(partial(hard, 400_000, 50, seed=2), 10_000),
    "e": Workload(partial(documents, 20_000, 10_000, 50, 50, seed=4), 50),
    "iris": Workload(lambda: load_iris().data, 3),
    "digits": Workload(lambda: load_digits().data, 10),
    "plane": Workload(small_blobs, 8),
    "syn": Workload(partial(gamma_poisson, 20_000, 10_000, 20, 5_250_000, seed=7), 20),
    "syn-small": Workload(partial(gamma_poisson, 2_000, 2_000, 20, 250_000, seed=7), 20),
    "dense-counts": Workload(partial(planted_counts, 2_000, 1_000, 30, 2.0, seed=8), 30),
    "dense-many": Workload(partial(planted_counts, 10_000, 2_000, 50, 2.0, seed=9), 50),
    "text": Workload(partial(vocabulary, 20_000, 50_000, 20, 100, seed=9), 20),
    "pbmc": Workload(pbmc, 20, _without_pbmc),
    "reuters": Workload(reuters, 20, _without_reuters),
}

# What the control comes to from the shared start, in nats; fits that end lower pass by.
BEST_DIVERGENCE = {
    ("pbmc", 20): 5_183_183.0,
    ("syn", 20): 12_180_201.0,
    ("syn", 50): 11_872_808.0,
    ("reuters", 20): 148_343.0,
    ("text", 20): 7_436_606.0,
    ("dense-counts", 30): 1_088_736.0,
}


@cache
def load(name: str) -> Any:
    """Return a workload's data, C-contiguous or CSR, made only if they are not in the cache."""
    file = _cached(name)
    if not any(map(Path.exists, _forms(file))):
        _save(file, WORKLOADS[name].make())
    dense, sparse = _forms(file)
    return np.load(dense) if dense.exists() else sp.csr_matrix(sp.load_npz(sparse))


def _save(file: Path, data: Any) -> None:
    CACHE.mkdir(exist_ok=True)
    for outdated in CACHE.glob(f"{file.name.split('_')[0]}_*"):
        outdated.unlink()
    dense, sparse = _forms(file)
    if sp.issparse(data):
        sp.save_npz(sparse, data, compressed=False)
    else:
        np.save(dense, np.ascontiguousarray(data))


def _forms(file: Path) -> tuple[Path, Path]:
    return file.with_suffix(".npy"), file.with_suffix(".npz")


def _cached(name: str) -> Path:
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    return CACHE / f"{name}_{version}"


def distinct_rows(X: Any, k: int) -> Array:
    """Return ``k`` rows of the data to start clusterings from, dense."""
    rows = X[np.random.default_rng(0).choice(X.shape[0], k, replace=False)]
    return np.ascontiguousarray(rows.toarray() if sp.issparse(rows) else rows)


def random_factors(X: Any, k: int) -> tuple[Array, Array]:
    """Return positive codes (n, k) and components (k, d) to start factorizations from."""
    rng = np.random.default_rng(0)
    scale = np.sqrt(X.mean() / k)
    codes, components = (
        rng.gamma(4.0, 0.25, shape) for shape in ((X.shape[0], k), (k, X.shape[1]))
    )
    return (scale * codes).astype(X.dtype), (scale * components).astype(X.dtype)
