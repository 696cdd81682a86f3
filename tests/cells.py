"""The table of cells: every noise with every kind of code that it suits.

A new noise is one line in ``NOISES``, new codes one line in ``CODES``: the laws of
``test_laws.py`` then hold for all their cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cofactor import codes, noise
from cofactor.codes import Codes
from cofactor.data import Baseline, RowBlock, open_blocks, open_columns
from cofactor.engine import Engine, SerialEngine
from cofactor.fit import Fit, first_rows, fit
from cofactor.model import Model
from cofactor.noise import Noise, Params, Penalty
from cofactor.noise.beta import Beta
from cofactor.start import first_factors, from_means
from cofactor.start.factors import STARTS
from cofactor.stop import Stop

Array = NDArray[Any]
PENALTY = Penalty(l1=0.2, l2=0.3)
PRIOR = Penalty(l1=0.2, l2=0.3, log=0.4)


@dataclass(frozen=True)
class Source:
    """A noise and the data to try it on.

    Means are ``high`` in the columns that belong to a component, ``low`` elsewhere; a row is the
    sum of ``draws`` draws of the noise, or of ``like`` if the noise is no density.
    """

    noise: Noise
    low: float
    high: float
    draws: int = 1
    like: Any = None

    @property
    def sampler(self) -> Any:
        """The noise that the data are drawn from."""
        return self.like or self.noise

    def means(self, k: int, d: int) -> Array:
        """Return well-separated means (k, d)."""
        own = np.arange(d) % k == np.arange(k)[:, None]
        return self.sampler.legal_means(np.where(own, self.high, self.low))

    def rows(self, rng: Generator, labels: Array, k: int, d: int) -> Array:
        """Draw one row for each label."""
        means = self.means(k, d)
        spread = self.sampler.first_dispersion(k, d)
        params = Params(means, np.full(k, -np.log(k)), spread, np.zeros(d))
        draws = [self.sampler.sample(means[labels], labels, params, rng) for _ in range(self.draws)]
        return np.sum(draws, axis=0)


NOISES = [
    Source(noise.Gaussian(), 4, 14),
    Source(noise.SphericalGaussian(), 4, 14),
    Source(noise.DiagonalGaussian(), 4, 14),
    Source(noise.TiedGaussian(), 4, 14),
    Source(noise.FullGaussian(), 4, 14),
    Source(noise.Poisson(), 2, 20),
    Source(noise.NegativeBinomial(size=10.0), 2, 40),
    Source(noise.Bernoulli(), 0.1, 0.9),
    Source(noise.Multinomial(), 1, 9, draws=60),
    Source(noise.Gamma(), 1, 60),
    Source(noise.VonMisesFisher(), 1, 9),
    Source(Beta(0.5), 1, 60, like=noise.Gamma()),
    Source(Beta(2.5), 1, 20, like=noise.Poisson()),
]


@dataclass(frozen=True)
class Start:
    """First parameters, and first codes where the codes are linear."""

    params: Params
    codes: Array | None = None

    def take(self, rows: Any) -> Start:
        """Return the start of some of the rows."""
        return replace(self, codes=None if self.codes is None else self.codes[rows])

    def permuted(self, order: Array) -> Start:
        """Return the start with its components in another order; they share one dispersion."""
        params = replace(self.params, components=self.params.components[order])
        return Start(params, None if self.codes is None else self.codes[:, order])


Starter = Callable[[Noise, Sequence[RowBlock], Array, int, Generator], Start]


def at_rows(noise: Any, blocks: Sequence[RowBlock], X: Array, k: int, rng: Generator) -> Start:
    """Start one-hot codes from means near rows of the data."""
    share = rng.uniform(0.5, 0.8, (k, 1))  # no two alike, even at equal rows: ties would be left
    means = share * X[rng.choice(len(X), k)] + (1 - share) * X.mean(axis=0)
    params = from_means(noise, blocks, means)
    return Start(replace(params, dispersion=16 * params.dispersion))  # wide: none collapses


def at_multiples(noise: Any, blocks: Sequence[RowBlock], X: Array, k: int, rng: Generator) -> Start:
    """Start scaled one-hot codes from directions near rows of the data."""
    params = at_rows(noise, blocks, X, k, rng).params
    return Start(replace(params, components=noise.legal_multiples(params.components)))


def at_factors(noise: Any, blocks: Sequence[RowBlock], X: Array, k: int, rng: Generator) -> Start:
    """Start linear codes from random positive factors of about the right size."""
    n, d = X.shape
    scale = np.sqrt(X.mean() / k) + 0.01
    W = scale * rng.uniform(0.5, 1.5, (k, d))
    spread = noise.linear_dispersion(float(X.size), noise.constants(blocks[0]))
    return Start(Params(W, np.zeros(k), spread, np.zeros(d)), scale * rng.uniform(0.5, 1.5, (n, k)))


def at_init(
    init: str, noise: Any, blocks: Sequence[RowBlock], X: Array, k: int, rng: Generator
) -> Start:
    """Start linear codes where `NMF(init=…)` does; few columns have no room for that."""
    start = at_factors(noise, blocks, X, k, rng)
    if k > min(X.shape):
        return start
    seed = int(rng.integers(2**31))
    Z, W = first_factors(np.maximum(X, 0.0), k, init, seed)
    return Start(replace(start.params, components=W), Z)


def at_averages(noise: Any, blocks: Sequence[RowBlock], X: Array, k: int, rng: Generator) -> Start:
    """Start simplex codes from random averages of means near rows of the data."""
    means = at_rows(noise, blocks, X + 0.01, k, rng).params
    Z = rng.uniform(0.5, 1.5, (len(X), k))
    return Start(replace(means, reference=np.zeros(X.shape[1])), Z / Z.sum(axis=1, keepdims=True))


CODES: list[tuple[str, Codes, Starter]] = [
    ("hard", codes.OneHot(1), at_rows),
    ("hard, sized", codes.OneHot(1, learn_weights=True), at_rows),
    ("truncated", codes.OneHot(2), at_rows),
    ("full", codes.OneHot(None, learn_weights=True), at_rows),
    ("scaled", codes.ScaledOneHot(), at_multiples),
    ("simplex", codes.Simplex(), at_averages),
    ("nonnegative", codes.Nonnegative(), at_factors),
    ("nonnegative, penalised", codes.Nonnegative(PENALTY, PENALTY), at_factors),
    ("striding", codes.StridingNonnegative(PENALTY, PENALTY), at_factors),
    ("multiplicative", codes.MultiplicativeNonnegative(), at_factors),
    ("multiplicative, penalised", codes.MultiplicativeNonnegative(PENALTY, PENALTY), at_factors),
    ("semi-nonnegative", codes.SemiNonnegative(), at_factors),
    ("free", codes.Free(), at_factors),
]


@dataclass(frozen=True)
class Cell:
    """One cell: a model, the data to try it on, and how to start."""

    name: str
    source: Source
    codes: Codes
    starter: Starter

    @property
    def model(self) -> Model:
        """The noise with the codes."""
        return Model(self.source.noise, self.codes)

    def __repr__(self) -> str:
        return f"{self.source.noise.name}-{self.name}"

    def problem(self, seed: int, n: int = 45, d: int = 6, k: int = 3) -> Problem:
        """Draw data about planted means, and a start."""
        rng = np.random.default_rng(seed)
        labels = rng.permutation(np.arange(n) % k)
        X = self.source.rows(rng, labels, k, d)
        start = self.starter(self.source.noise, open_blocks(X), X, k, rng)
        return Problem(self.model, X, labels, start)


CELLS = (
    [
        Cell(name, source, kind, starter)
        for source in NOISES
        for name, kind, starter in CODES
        if kind.suit(source.noise)
    ]
    + [
        Cell(f"nonnegative, from {init}", source, codes.Nonnegative(), partial(at_init, init))
        for source in NOISES
        for init in STARTS
        if codes.Nonnegative.suit(source.noise)
    ]
    + [
        Cell(f"{name}, prior", source, kind(PRIOR, PRIOR), at_factors)
        for source in NOISES
        for name, kind in (
            ("nonnegative", codes.Nonnegative),
            ("multiplicative", codes.MultiplicativeNonnegative),
        )
        if getattr(source.noise, "takes_priors", False)
    ]
)


@dataclass(frozen=True)
class Problem:
    """A model, data with planted labels, and a start."""

    model: Model
    X: Any
    labels: Array
    start: Start
    weights: Array | None = None
    observed: Any = None
    baseline: Baseline | None = None
    block_rows: int = 10**6
    engine: Engine = field(default_factory=SerialEngine)

    @cached_property
    def blocks(self) -> list[RowBlock]:
        """The data in blocks of at most ``block_rows`` rows."""
        return _cut(
            open_blocks(self.X, self.weights, self.observed, self.baseline), self.block_rows
        )

    @cached_property
    def columns(self) -> list[RowBlock]:
        """The transposed data, cut likewise, if the codes need them."""
        if not self.model.codes.reads_columns(self.observed is None and self.baseline is None):
            return []
        return _cut(open_columns(self.X, self.observed, self.baseline), self.block_rows)

    def fit(self, n_steps: int = 8) -> Fit:
        """Take a number of M-steps from the start."""
        rows = first_rows(
            self.model, self.blocks, self.start.params, self.engine, self.start.codes, self.columns
        )
        return fit(self.model, rows, self.start.params, Stop(n_steps))


def _cut(blocks: list[RowBlock], size: int) -> list[RowBlock]:
    (whole,) = blocks
    return [whole.take(slice(i, i + size)) for i in range(0, whole.n_rows, size)]


def numbers(value: Any, path: str = "") -> dict[str, Array]:
    """Return every number and array in nested dataclasses and lists, by path."""
    if is_dataclass(value):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
    elif isinstance(value, list):
        parts = dict(enumerate(value))
    else:
        return {path: np.asarray(value)}
    return {
        k: v for name, part in parts.items() for k, v in numbers(part, f"{path}.{name}").items()
    }


def row_state(fitted: Fit, field_name: str) -> Array:
    """Return one field of the row states of a fit, all blocks together."""
    return np.concatenate([getattr(state, field_name) for state in fitted.rows.states])
