"""Laws of exposures and offsets on every nonnegative cell: ``a = e (ZW) + o``."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from cells import CELLS, numbers, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson
from strategies import seeds

from cofactor.codes import MultiplicativeNonnegative, Nonnegative
from cofactor.codes.stationarity import stationarity
from cofactor.data import Baseline, DenseOffset, FactoredOffset, SparseOffset, open_blocks
from cofactor.engine import ThreadEngine
from cofactor.engine.pool import Pool
from cofactor.errors import InputError
from cofactor.noise import Gaussian, Poisson
from cofactor.noise.linear import FixedFactor

nonnegative_cells = [cell for cell in CELLS if isinstance(cell.codes, Nonnegative)]
incomplete_cells = [cell for cell in CELLS if cell.codes.takes_missing]
every_cell = pytest.mark.parametrize("cell", incomplete_cells, ids=repr)
poisson_cells = [cell for cell in nonnegative_cells if cell.source.noise == Poisson()]
# Where rows with and without a baseline are encoded by the same steps.
same_steps = [
    cell
    for cell in nonnegative_cells
    if isinstance(cell.codes, MultiplicativeNonnegative) or cell.source.noise != Poisson()
    if cell.source.noise != Gaussian() or isinstance(cell.codes, MultiplicativeNonnegative)
]
plain = [c for c in same_steps if c.codes.penalty.l1 == 0]
few = settings(max_examples=3)

OFFSETS = {
    "none": lambda rng, n, d: None,
    "columns": lambda rng, n, d: FactoredOffset(np.ones((n, 1)), rng.gamma(0.5, size=(1, d))),
    "batches": lambda rng, n, d: FactoredOffset(
        np.eye(2)[rng.integers(2, size=n)], rng.gamma(0.5, size=(2, d))
    ),
    "dense": lambda rng, n, d: DenseOffset(rng.gamma(0.5, size=(n, d))),
    "sparse": lambda rng, n, d: SparseOffset(
        sp.csr_array(rng.gamma(0.5, size=(n, d)) * (rng.uniform(size=(n, d)) < 0.4))
    ),
}
every_offset = pytest.mark.parametrize("offset", OFFSETS)


def with_baseline(problem, offset, seed=0):
    rng, (n, d) = np.random.default_rng(seed), problem.X.shape
    return replace(
        problem, baseline=Baseline(rng.choice([0.5, 1.0, 3.0], n), OFFSETS[offset](rng, n, d))
    )


def assert_close(got, expected, rtol):
    assert got.objective == pytest.approx(expected.objective, rel=rtol)
    expected = numbers(expected.params)
    for path, value in numbers(got.params).items():
        np.testing.assert_allclose(value, expected[path], rtol, rtol, err_msg=path)


def observed_part(problem, seed=1):
    return np.random.default_rng(seed).uniform(size=problem.X.shape) < 0.8


@every_offset
@every_cell
@few
@given(seed=seeds, n=st.integers(10, 40), masked=st.booleans())
def test_objective_never_rises(cell, offset, seed, n, masked):
    problem = with_baseline(cell.problem(seed, n, 5, 2), offset, seed)
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 2.0], n)
    observed = observed_part(problem, seed) if masked else None
    fitted = replace(problem, weights=weights, observed=observed, block_rows=7).fit(10)
    objective = np.array(fitted.trace.objective)
    assert np.isfinite(objective).all()
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@every_offset
@every_cell
def test_storage_does_not_matter(cell, offset):
    problem = with_baseline(cell.problem(seed=4), offset)
    assert_close(replace(problem, X=sp.csr_array(problem.X)).fit(3), problem.fit(3), 1e-7)


@every_offset
@every_cell
def test_statistics_of_blocks_sum_to_those_of_the_whole(cell, offset):
    problem = with_baseline(cell.problem(seed=2), offset)
    whole, cut = problem.fit(0), replace(problem, block_rows=7).fit(0)
    assert cut.statistics.divergence == pytest.approx(whole.statistics.divergence, rel=1e-9)
    np.testing.assert_allclose(cut.statistics.constants, whole.statistics.constants, rtol=1e-9)


@every_offset
@every_cell
def test_any_number_of_threads_gives_the_same_bits(cell, offset):
    problem = with_baseline(replace(cell.problem(seed=3), block_rows=4), offset)
    serial = problem.fit(4)
    for n_threads in (2, 3, 7):
        with Pool(n_threads) as pool:
            threaded = replace(problem, engine=ThreadEngine(pool, n_threads)).fit(4)
        np.testing.assert_array_equal(threaded.params.components, serial.params.components)
        np.testing.assert_array_equal(row_state(threaded, "codes"), row_state(serial, "codes"))
        assert threaded.trace.objective == serial.trace.objective


@every_offset
@every_cell
def test_integer_weights_are_repeated_rows(cell, offset):
    problem = with_baseline(cell.problem(seed=6), offset)
    times = np.random.default_rng(0).integers(0, 4, len(problem.X))
    again = np.repeat(np.arange(len(problem.X)), times)
    repeated = replace(
        problem,
        X=problem.X[again],
        start=problem.start.take(again),
        baseline=problem.baseline.take(again),
    )
    assert_close(replace(problem, weights=times.astype(float)).fit(4), repeated.fit(4), 1e-6)


@every_cell
def test_offsets_are_the_same_in_every_form(cell):
    problem = with_baseline(cell.problem(seed=8), "batches")
    dense = problem.baseline.offset.dense()
    for form in (DenseOffset(dense), SparseOffset(sp.csr_array(dense))):
        other = replace(problem, baseline=Baseline(problem.baseline.exposures, form))
        assert_close(other.fit(4), problem.fit(4), 1e-9)


@pytest.mark.parametrize("cell", same_steps, ids=repr)
def test_a_baseline_of_ones_and_zeros_is_none(cell):
    problem = cell.problem(seed=9)
    n, d = problem.X.shape
    for offset in (None, FactoredOffset(np.zeros((n, 1)), np.zeros((1, d)))):
        beside = replace(problem, baseline=Baseline(np.ones(n), offset))
        assert_close(beside.fit(5), problem.fit(5), 1e-9)


@pytest.mark.parametrize("cell", poisson_cells, ids=repr)
def test_exposures_of_one_change_no_bit(cell):
    problem = cell.problem(seed=9)
    beside = replace(problem, baseline=Baseline(np.ones(len(problem.X)))).fit(6)
    np.testing.assert_array_equal(beside.params.components, problem.fit(6).params.components)


@every_offset
@pytest.mark.parametrize("cell", plain, ids=repr)
def test_codes_take_up_exposures(cell, offset):
    """``e (ZW) + o`` with codes Z is ``(eZ)W + o``: exposures only give codes another unit."""
    problem = with_baseline(cell.problem(seed=10), offset)
    exposures = problem.baseline.exposures
    start = replace(problem.start, codes=problem.start.codes / exposures[:, None])
    exposed = replace(problem, start=start).fit(5)
    unexposed = replace(problem, baseline=Baseline(None, problem.baseline.offset)).fit(5)
    assert_close(exposed, unexposed, 1e-7)
    np.testing.assert_allclose(
        row_state(exposed, "codes") * exposures[:, None], row_state(unexposed, "codes"), rtol=1e-6
    )


@every_offset
@pytest.mark.parametrize("cell", poisson_cells, ids=repr)
@few
@given(seed=seeds, masked=st.booleans())
def test_objective_is_minus_the_log_likelihood(cell, offset, seed, masked):
    problem = with_baseline(cell.problem(seed, 20, 5, 2), offset, seed)
    observed = observed_part(problem, seed) if masked else np.ones(problem.X.shape, bool)
    fitted = replace(problem, observed=observed if masked else None).fit(3)
    Z, W = row_state(fitted, "codes"), fitted.params.components
    logs = poisson.logpmf(problem.X, problem.baseline.mean(Z @ W))
    penalty = cell.codes.penalty.of(Z).sum() + cell.codes.components_penalties.of(W).sum()
    assert fitted.objective == pytest.approx(penalty - logs[observed].sum(), rel=1e-10)


@every_offset
@pytest.mark.parametrize(
    "cell", [c for c in incomplete_cells if c.source.noise == Gaussian()], ids=repr
)
@few
@given(seed=seeds, masked=st.booleans())
def test_gaussian_divergences_are_those_of_the_residuals(cell, offset, seed, masked):
    problem = with_baseline(cell.problem(seed, 20, 5, 2), offset, seed)
    observed = observed_part(problem, seed) if masked else np.ones(problem.X.shape, bool)
    fitted = replace(problem, observed=observed if masked else None).fit(3)
    left = problem.X - problem.baseline.mean(row_state(fitted, "codes") @ fitted.params.components)
    expected = 0.5 * np.square(left)[observed].sum()
    assert fitted.statistics.divergence == pytest.approx(expected, rel=1e-9)


@every_offset
@pytest.mark.parametrize("kind", [Poisson(), Gaussian()], ids=lambda kind: kind.name)
@pytest.mark.parametrize("masked", [False, True])
@few
@given(seed=seeds, weighted=st.booleans())
def test_pulls_are_the_derivative(kind, masked, offset, seed, weighted):
    rng = np.random.default_rng(seed)
    observed = rng.uniform(size=(7, 5)) < 0.7 if masked else np.ones((7, 5), dtype=bool)
    X, Z, W = rng.poisson(2.0, (7, 5)) * 1.0, rng.gamma(2, size=(7, 3)), rng.gamma(2, size=(3, 5))
    u = rng.uniform(0.5, 2.0, 5) if weighted else np.ones(5)
    baseline = Baseline(rng.uniform(0.5, 2.0, 7), OFFSETS[offset](rng, 7, 5))
    (block,) = open_blocks(X, observed=observed if masked else None, baseline=baseline)
    down, up = kind.pulls(block, FixedFactor(W.T, column_weights=u), Z)
    step = 1e-6 * np.eye(3)

    def loss(codes):
        return (observed * u * kind.divergence(X, baseline.mean(codes @ W))).sum(axis=1)

    slope = np.stack([(loss(Z + h) - loss(Z - h)) / 2e-6 for h in step], axis=1)
    np.testing.assert_allclose(up - down, slope, rtol=1e-5, atol=1e-4)


@every_offset
def test_fits_come_to_rest(offset):
    cell = next(c for c in poisson_cells if c.name == "nonnegative")
    problem = with_baseline(cell.problem(seed=11, n=30, d=8, k=2), offset)
    fitted = problem.fit(400)
    left = stationarity(fitted.model.codes, Poisson(), fitted.rows, fitted.params)
    assert left.residual < 1e-3


@pytest.mark.parametrize("cell", [c for c in CELLS if c not in incomplete_cells], ids=repr)
def test_codes_without_baselines_say_so(cell):
    problem = cell.problem(seed=12)
    with pytest.raises(InputError, match=f"which {cell.codes.name} codes do not know"):
        replace(problem, baseline=Baseline(np.ones(len(problem.X)))).fit(1)


@every_offset
@few
@given(seed=seeds)
def test_a_multiplicative_step_is_an_em_step(offset, seed):
    """Counts are shared out among components and offset; each code gets its own."""
    rng = np.random.default_rng(seed)
    X, Z, W = rng.poisson(2.0, (6, 5)) * 1.0, rng.gamma(2, size=(6, 3)), rng.gamma(2, size=(3, 5))
    exposures = rng.uniform(0.5, 2.0, 6)
    baseline = Baseline(exposures, OFFSETS[offset](rng, 6, 5))
    (block,) = open_blocks(X, baseline=baseline)
    step = Poisson().multiplicative_codes(block, FixedFactor(W.T), Z).codes
    parts = exposures[:, None, None] * Z[:, :, None] * W
    own = X[:, None, :] * parts / baseline.mean(Z @ W)[:, None, :]
    np.testing.assert_allclose(step, own.sum(axis=2) / np.outer(exposures, W.sum(axis=1)))
    np.testing.assert_allclose(
        baseline.exposed(step @ W).sum(axis=1), own.sum(axis=(1, 2)), rtol=1e-12
    )
    a, b = 1.0, 0.0  # of a Gamma prior
    map_step = (a - 1.0 + own.sum(axis=2)) / (b + np.outer(exposures, W.sum(axis=1)))
    np.testing.assert_allclose(step, map_step, rtol=1e-12)


def test_rank_one_fit_is_the_product_of_marginals_whatever_the_exposures():
    cell = next(c for c in poisson_cells if c.name == "nonnegative")
    problem = cell.problem(seed=13, k=1)
    exposures = np.random.default_rng(0).uniform(0.5, 3.0, len(problem.X))
    fitted = replace(problem, baseline=Baseline(exposures)).fit(5)
    mean = exposures[:, None] * (row_state(fitted, "codes") @ fitted.params.components)
    X = problem.X
    np.testing.assert_allclose(mean, np.outer(X.sum(axis=1), X.sum(axis=0)) / X.sum(), rtol=1e-9)


@every_offset
@pytest.mark.parametrize("store", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_likelihood_has_all_its_digits(offset, store, dtype, tolerance):
    cell = next(c for c in poisson_cells if c.name == "nonnegative")
    problem = with_baseline(cell.problem(seed=14, n=20), offset)
    weights, observed = np.random.default_rng(1).choice([0.5, 2.0], 20), observed_part(problem)
    stored = store(problem.X.astype(dtype))
    fitted = replace(problem, X=stored, weights=weights, observed=observed).fit(4)
    codes, W = row_state(fitted, "codes").astype(dtype), fitted.params.components.astype(dtype)
    beside = problem.baseline.offset
    offsets = np.zeros(problem.X.shape) if beside is None else beside.dense()
    with mpmath.workdps(50):
        mean = mpmath.matrix(codes.tolist()) * mpmath.matrix(W.tolist())
        exact = mpmath.fsum(
            weights[i] * (x * mpmath.log(a) - a - mpmath.loggamma(x + 1))
            for i, j in zip(*np.nonzero(observed), strict=True)
            for x in [mpmath.mpf(problem.X[i, j])]
            for a in [problem.baseline.exposures[i] * mean[int(i), int(j)] + offsets[i, j]]
        )
    assert fitted.objective == pytest.approx(-float(exact), rel=tolerance)
