"""Factorizing counts: the figures of docs/factorizing-counts.md.

``python examples/factorizing_counts.py`` prints them. Takes about half a minute.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from cofactor import NMF, TopicModel, consensus

Floats = NDArray[np.float64]

RUNS = 10
SIZES = (4, 6, 8)
HOURS = (1.0, 20.0)


def planted(n: int = 400, d: int = 60, k: int = 4) -> tuple[np.random.Generator, Floats, Floats]:
    """Return codes and components whose profiles hardly overlap."""
    rng = np.random.default_rng(0)
    own = np.kron(np.eye(k), np.ones(d // k)) + 0.05
    return rng, rng.gamma(0.4, 3.0, (n, k)), own * rng.gamma(2.0, 0.5, (k, d))


def error(found: Floats, truth: Floats) -> float:
    """Return the mean absolute error as a share of the mean."""
    return float(np.abs(found - truth).mean() / truth.mean())


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as Markdown."""
    print("|", " | ".join(head), "|")
    print("|" + "---|" * len(head))
    for row in rows:
        print("|", " | ".join(f"{x:.3f}" if isinstance(x, float) else str(x) for x in row), "|")
    print()


def print_exposures() -> None:
    """Rows that were watched for different times, over a known background."""
    rng, Z, W = planted()
    hours, background = rng.choice(HOURS, len(Z)), rng.gamma(1.0, 0.5, W.shape[1])
    X = rng.poisson(hours[:, None] * (Z @ W) + background).astype(float)
    model = NMF(4, noise="poisson", init="random", random_state=0, max_iter=500)
    cases: dict[str, dict[str, object]] = {
        "counts alone": {},
        "`exposure=hours`": {"exposure": hours},
        "`exposure=hours, offset=background`": {"exposure": hours, "offset": background},
    }
    rows = []
    for name, beside in cases.items():
        rates = model.fit_transform(X, **beside) @ model.components_
        rows.append([name, error(rates, Z @ W), model.log_likelihood_ / X.size])
    table(["fit", "error of the rates per hour", "nats/entry"], rows)


def print_missing() -> None:
    """Sparse counts of which only some entries were observed."""
    rng, Z, W = planted()
    observed = rng.uniform(size=(len(Z), W.shape[1])) < 0.3
    X = sp.csr_array(rng.poisson(Z @ W) * observed).astype(float)
    model = NMF(4, noise="poisson", init="random", random_state=0, max_iter=500)
    rows = []
    for name, mask in (("as zeros", None), ("`mask`", sp.csr_array(observed))):
        found = model.fit_transform(X, mask=mask) @ model.components_
        rows.append([name, error(found[~observed], (Z @ W)[~observed])])
    table(["missing entries", "error of their means"], rows)
    top = model.recommend(X, 3, mask=sp.csr_array(observed))
    print("Best unseen columns of the first row:", *top.items[0].tolist(), "\n")


def print_consensus() -> None:
    """How stable components are, for several numbers of them."""
    rng, Z, W = planted()
    X = rng.poisson(Z @ W).astype(float)
    rows = []
    for k in SIZES:
        found = consensus(NMF(k, noise="poisson"), X, RUNS, random_state=0)
        stability = " ".join(f"{value:.2f}" for value in found.stability)
        best = float(found.log_likelihoods.max())
        rows.append([k, stability, round(best), round(float(found.model.log_likelihood_))])
    table(["k", "stability", "best of the runs, nats", "from the consensus"], rows)


def print_topics() -> None:
    """Digits as documents of pixels: held-out words and coherence."""
    X = load_digits().data
    rows = []
    for k in SIZES:
        model = TopicModel(k, random_state=0).fit(X[:1200])
        held = model.completion_score(X[1200:], random_state=0)
        rows.append([k, model.perplexity(X[1200:]), held, float(model.coherence(X, 8).mean())])
    table(["topics", "perplexity", "nats of a held-out word", "coherence"], rows)


def main() -> None:
    """Print every table."""
    warnings.simplefilter("ignore")
    print_exposures()
    print_missing()
    print_consensus()
    print_topics()


if __name__ == "__main__":
    main()
