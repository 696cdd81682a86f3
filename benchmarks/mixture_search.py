"""What ``search="global"`` of mixtures finds: ``python -m benchmarks.mixture_search``.

Of each data set three quarters of the rows are fitted, by the search and by as many restarts as fit
into the time, of cofactor and of scikit-learn; the rest tells whether what is better in likelihood
is better at all. Likelihoods are means of a row, in nats.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture as Peer
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.machine import limit_threads
from benchmarks.workloads import Array
from cofactor import GaussianMixture, Mixture

N_THREADS = 1
AS_GOOD = 1e-3  # nats of a row: differences of this size are EM that stopped sooner
TOL = 1e-4
LARGEST = 10**6


class Track(NamedTuple):
    """Data, the number of components, and what kind they are: a shape of covariances or a noise."""

    make: Callable[[], Array]
    k: int
    kind: str


class Found(NamedTuple):
    """A mixture, what it says of rows fitted and left out, and of how many starts it is best."""

    fitted: float
    left_out: float
    lightest: float
    starts: int


def gaussians(n: int, d: int, k: int, kind: str, apart: float, seed: int) -> Array:
    """Return rows of overlapping Gaussians of uneven weights."""
    rng = np.random.RandomState(seed)
    labels = rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0)))
    centers = apart * np.sqrt(2.0 / d) * rng.normal(size=(k, d))
    make = {
        "full": lambda: rng.normal(size=(d, d)) / np.sqrt(d) + 0.3 * np.eye(d),
        "diag": lambda: np.diag(rng.uniform(0.3, 1.5, d)),
        "spherical": lambda: rng.uniform(0.3, 1.5) * np.eye(d),
        "tied": lambda: np.diag(np.linspace(0.4, 1.4, d)),
    }[kind]
    factors = np.stack([make() for _ in range(k)])
    return centers[labels] + np.einsum("nd,ned->ne", rng.normal(size=(n, d)), factors[labels])


def counts(n: int, d: int, k: int, seed: int) -> Array:
    """Return rows of Poisson counts."""
    rng = np.random.RandomState(seed)
    rates = rng.gamma(1.0, 1.0, (k, d)) * rng.uniform(0.5, 2.0, (k, 1))
    return rng.poisson(rates[rng.randint(k, size=n)]).astype(float)


def scaled(load: Callable[[], Any], columns: int | None = None) -> Array:
    """Return standardised data, or their first principal components."""
    X = StandardScaler().fit_transform(load().data)
    return X if columns is None else PCA(columns, random_state=0).fit_transform(X)


def digits(columns: int) -> Array:
    """Return the first principal components of digits."""
    return np.asarray(PCA(columns, random_state=0).fit_transform(load_digits().data))


TRACKS = {
    "plane-10": Track(partial(gaussians, 2000, 2, 10, "full", 3.0, 0), 10, "full"),
    "space-15": Track(partial(gaussians, 4000, 5, 15, "full", 3.0, 1), 15, "full"),
    "space-30": Track(partial(gaussians, 6000, 5, 30, "full", 3.0, 4), 30, "full"),
    "axes-20": Track(partial(gaussians, 4000, 10, 20, "diag", 3.0, 2), 20, "diag"),
    "axes-40": Track(partial(gaussians, 6000, 6, 40, "diag", 3.0, 5), 40, "diag"),
    "balls-30": Track(partial(gaussians, 5000, 2, 30, "spherical", 6.0, 3), 30, "spherical"),
    "tied-20": Track(partial(gaussians, 3000, 4, 20, "tied", 3.0, 6), 20, "tied"),
    "iris-full": Track(lambda: load_iris().data, 4, "full"),
    "iris-diag": Track(lambda: load_iris().data, 6, "diag"),
    "iris-tied": Track(lambda: load_iris().data, 6, "tied"),
    "wine-diag": Track(partial(scaled, load_wine), 6, "diag"),
    "wine-tied": Track(partial(scaled, load_wine), 6, "tied"),
    "cancer-full": Track(partial(scaled, load_breast_cancer, 5), 8, "full"),
    "cancer-diag": Track(partial(scaled, load_breast_cancer), 8, "diag"),
    "digits-full": Track(partial(digits, 10), 10, "full"),
    "digits-diag": Track(partial(digits, 16), 20, "diag"),
    "digits-spherical": Track(partial(digits, 16), 20, "spherical"),
    "counts-10": Track(partial(counts, 2000, 20, 10, 0), 10, "poisson"),
    "counts-30": Track(partial(counts, 3000, 8, 30, 1), 30, "poisson"),
    "digits-poisson": Track(lambda: load_digits().data, 15, "poisson"),
    "digits-multinomial": Track(lambda: load_digits().data, 15, "multinomial"),
    "digits-bernoulli": Track(lambda: (load_digits().data > 7).astype(float), 15, "bernoulli"),
}


def model_of(track: Track, **settings: Any) -> Any:
    """Return a mixture of a track's kind."""
    settings = {"n_threads": N_THREADS, "tol": TOL, **settings}
    if track.kind in ("full", "tied", "diag", "spherical"):
        return GaussianMixture(track.k, covariance_type=track.kind, **settings)
    return Mixture(track.k, noise=track.kind, **settings)


def restarted(make: Callable[[int], Any], X: Array, seconds: float, seed: int) -> tuple[Any, int]:
    """Return the best of as many fits as the time allows, at least one, and their number."""
    begin, best, starts = perf_counter(), None, 0
    while best is None or perf_counter() - begin < seconds:
        model = make(LARGEST * seed + starts).fit(X)
        best = model if best is None or model.score(X) > best.score(X) else best
        starts += 1
    return best, starts


def contest(track: Track, X: Array, left_out: Array, seconds: float, seed: int) -> list[Found]:
    """Return what the search, restarts and scikit-learn's restarts find in the same time."""
    begin = perf_counter()
    searched = model_of(
        track, search="global", random_state=seed, time_limit=seconds, max_iter=LARGEST
    ).fit(X)
    spent = perf_counter() - begin

    def peer(number: int) -> Any:
        return Peer(track.k, covariance_type=track.kind, tol=TOL, max_iter=300, random_state=number)

    def own(number: int) -> Any:
        return model_of(track, max_iter=300, random_state=number)

    has_peer = isinstance(searched, GaussianMixture)
    others = [restarted(make, X, spent, seed) for make in (own, peer)[: 1 + has_peer]]
    return [judged(*found, X, left_out) for found in ((searched, 1), *others)]


def judged(model: Any, starts: int, X: Array, left_out: Array) -> Found:
    """Return what a mixture says of rows."""
    lightest = len(X) * float(model.weights_.min())
    return Found(model.score(X), model.score(left_out), lightest, starts)


def rows_of(track: Track, seed: int) -> tuple[Array, Array]:
    """Return rows to fit and rows to leave out."""
    X = track.make()
    order = np.random.RandomState(seed).permutation(len(X))
    return X[order[len(X) // 4 :]], X[order[: len(X) // 4]]


def verdicts(found: Sequence[Found], place: int) -> list[str]:
    """Return whether the first is better than each other one, worse or alike."""
    gaps = [found[0][place] - other[place] for other in found[1:]]
    return ["=" if abs(gap) <= AS_GOOD else "+" if gap > 0 else "-" for gap in gaps]


def main(
    only: Annotated[str, typer.Option(help="Data whose names hold this.")] = "",
    seconds: Annotated[float, typer.Option(help="Of each contender.")] = 1.0,
    seeds: Annotated[int, typer.Option(help="Starts, and ways to leave rows out.")] = 3,
) -> None:
    """Print what the search and restarts find."""
    warnings.simplefilter("ignore")
    limit_threads(N_THREADS)
    print("log-likelihood of a row fitted / left out (rows of the lightest component; starts)")
    fitted, left_out = [], []
    with threadpool_limits(N_THREADS):
        for name, track in TRACKS.items():
            for seed in range(seeds if only in name else 0):
                found = contest(track, *rows_of(track, seed), seconds, seed)
                fitted.append(verdicts(found, 0))
                left_out.append(verdicts(found, 1))
                told = "  ".join(f"{a:9.4f} /{b:9.4f} ({c:5.1f};{n:4d})" for a, b, c, n in found)
                print(f"{name:18s} {track.k:3d} {seed} {told}  {''.join(fitted[-1])}", flush=True)
    for words, said in (("fitted", fitted), ("left out", left_out)):
        for place, other in enumerate(("restarts", "scikit-learn's")):
            signs = [signs[place] for signs in said if len(signs) > place]
            better, alike, worse = (signs.count(sign) for sign in "+=-")
            print(f"rows {words}, against {other}: {better} better, {alike} alike, {worse} worse")


if __name__ == "__main__":
    typer.run(main)
