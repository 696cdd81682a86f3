"""Every law on every cell."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from cells import CELLS, numbers, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.codes import (
    Nonnegative,
    OneHot,
    ScaledOneHot,
    SemiNonnegative,
    StridingNonnegative,
)
from cofactor.codes.linear import LinearCodes
from cofactor.codes.onehot import assign_all, assign_top
from cofactor.codes.posterior import Full
from cofactor.data import MissingEntries
from cofactor.engine import ThreadEngine
from cofactor.engine.pool import Pool
from cofactor.errors import InputError
from cofactor.model import Model
from cofactor.noise import Gaussian, Multinomial, Penalty

every_cell = pytest.mark.parametrize("cell", CELLS, ids=repr)
clusterings = [cell for cell in CELLS if not isinstance(cell.codes, LinearCodes)]
linear_cells = [cell for cell in CELLS if isinstance(cell.codes, LinearCodes)]
soft_cells = [cell for cell in clusterings if cell.name == "full"]
nonnegative_cells = [cell for cell in linear_cells if isinstance(cell.codes, Nonnegative)]
incomplete_cells = [cell for cell in linear_cells if cell.codes.takes_missing]
# Coordinate sweeps visit the components in their order; everything else treats them alike.
in_order = (Nonnegative, StridingNonnegative, SemiNonnegative)
symmetric_cells = [cell for cell in CELLS if type(cell.codes) not in in_order]
few = settings(max_examples=3)


def assert_same_bits(got, expected):
    expected = numbers(expected)
    for path, value in numbers(got).items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)


def assert_close(got, expected, rtol=1e-9, atol=1e-9):
    expected = numbers(expected)
    for path, value in numbers(got).items():
        np.testing.assert_allclose(value, expected[path], rtol, atol, err_msg=path)


def assert_same_fit(got, expected, rtol=1e-7):
    assert got.objective == pytest.approx(expected.objective, rel=rtol)
    assert_close(got.params, expected.params, rtol, atol=rtol)


def keeping(cell, keep):
    return Model(cell.source.noise, OneHot(keep, learn_weights=keep != 1))


def unpenalised(cell):
    plain = {name: Penalty() for name in ("penalty", "components_penalties")}
    penalised = isinstance(cell.codes, Nonnegative)
    return Model(cell.source.noise, replace(cell.codes, **plain) if penalised else cell.codes)


def near_the_truth(problem):
    """Start at the means of rows drawn from each planted cluster, mixed with those of others."""
    own = np.array([problem.X[problem.labels == c].mean(axis=0) for c in range(3)])
    means = problem.model.noise.legal_means(0.6 * own + 0.4 * own.mean(axis=0))
    return replace(problem.start, params=replace(problem.start.params, components=means))


@every_cell
@few
@given(seed=seeds, n=st.integers(40, 80), d=st.integers(2, 6), k=st.integers(1, 3))
def test_objective_never_rises(cell, seed, n, d, k):
    weights = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 2.0], n, p=[0.1, 0.3, 0.3, 0.3])
    problem = replace(cell.problem(seed, n, d, k), weights=weights, block_rows=13)
    objective = np.array(problem.fit(12).trace.objective)
    assert np.isfinite(objective).all()
    assert np.diff(objective).max() <= 1e-9 * np.abs(objective).max()


@every_cell
def test_objective_falls(cell):
    trace = cell.problem(seed=1).fit(12).trace
    assert trace[-1].objective < trace[0].objective


@every_cell
def test_statistics_of_blocks_sum_to_those_of_the_whole(cell):
    problem = cell.problem(seed=2)
    whole, cut = problem.fit(0), replace(problem, block_rows=7).fit(0)
    assert_close(cut.statistics, whole.statistics)


@every_cell
def test_any_number_of_threads_gives_the_same_bits(cell):
    problem = replace(cell.problem(seed=3), block_rows=4)
    serial = problem.fit(5)
    for n_threads in (1, 2, 3, 7):
        with Pool(n_threads) as pool:
            threaded = replace(problem, engine=ThreadEngine(pool, n_threads)).fit(5)
        assert_same_bits(threaded.params, serial.params)
        assert_same_bits(threaded.rows.states, serial.rows.states)
        assert threaded.trace.objective == serial.trace.objective


def with_int64(X):
    csr = sp.csr_array(X)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


@pytest.mark.parametrize(
    "store", [sp.csr_array, sp.csr_matrix, with_int64, np.asfortranarray], ids=lambda f: f.__name__
)
@every_cell
def test_storage_does_not_matter(cell, store):
    problem = cell.problem(seed=4)
    stored = replace(problem, X=store(problem.X))
    assert_close(stored.fit(0).statistics, problem.fit(0).statistics)
    assert_same_fit(stored.fit(2), problem.fit(2))


@every_cell
def test_float32_is_close_after_one_step(cell):
    problem = cell.problem(seed=5)
    single = replace(problem, X=problem.X.astype(np.float32))
    assert_same_fit(single.fit(1), problem.fit(1), rtol=2e-4)


@every_cell
@pytest.mark.parametrize("n_steps", [0, 6])
def test_integer_weights_are_repeated_rows(cell, n_steps):
    problem = cell.problem(seed=6)
    times = np.random.default_rng(0).integers(1, 4, len(problem.X))
    again = np.repeat(np.arange(len(problem.X)), times)
    repeated = replace(problem, X=problem.X[again], start=problem.start.take(again))
    weighted = replace(problem, weights=times.astype(float))
    assert_same_fit(weighted.fit(n_steps), repeated.fit(n_steps), rtol=1e-6)


@every_cell
@pytest.mark.parametrize("n_steps", [0, 6])
def test_zero_weight_is_a_removed_row(cell, n_steps):
    problem = cell.problem(seed=7)
    kept = np.random.default_rng(0).uniform(size=len(problem.X)) < 0.8
    removed = replace(problem, X=problem.X[kept], start=problem.start.take(kept))
    weightless = replace(problem, weights=kept.astype(float))
    assert_same_fit(weightless.fit(n_steps), removed.fit(n_steps), rtol=1e-6)


@pytest.mark.parametrize("cell", symmetric_cells, ids=repr)
def test_permuted_components_give_permuted_results(cell):
    problem, order = cell.problem(seed=8), np.array([2, 0, 1])
    fitted = problem.fit(4)
    permuted = replace(problem, start=problem.start.permuted(order)).fit(4)
    assert permuted.objective == pytest.approx(fitted.objective, rel=1e-9)
    assert_close(permuted.params.components, fitted.params.components[order], 1e-7)
    assert_close(permuted.params.log_weights, fitted.params.log_weights[order], 1e-7)


@pytest.mark.parametrize("cell", soft_cells, ids=repr)
@few
@given(seed=seeds, k=st.integers(1, 4), more=st.integers(0, 2))
def test_keeping_every_component_is_full_em(cell, seed, k, more):
    problem = cell.problem(seed, n=50, k=k)
    whole = replace(problem, model=keeping(cell, None)).fit(5)
    kept = replace(problem, model=keeping(cell, k + more)).fit(5)
    assert_same_bits(kept.params, whole.params)
    assert kept.trace.objective == whole.trace.objective


@pytest.mark.parametrize("cell", soft_cells, ids=repr)
def test_keeping_all_but_none_agrees_with_the_full_posterior(cell):
    """The two ways to sum a posterior, by kept components and whole, give the same M-step."""
    problem = cell.problem(seed=9)
    fitted = replace(problem, model=keeping(cell, None)).fit(3)
    block = fitted.rows.blocks[0]
    scorer = cell.source.noise.scorer(fitted.params)
    shift = fitted.params.reference
    cached = cell.source.noise.row_statistic(block, shift)
    _, all_loss, summed = assign_all(scorer, block, cached)
    _, top_loss, kept = assign_top(scorer, 3, 3, block, cached)
    full = Full(scorer.posterior(block, block.weights, cached).probability)
    np.testing.assert_allclose(top_loss, all_loss, rtol=1e-9)
    assert_close(list(summed.sums(block, shift)), list(full.sums(block, shift)))
    assert_close(list(kept.sums(block, shift)), list(full.sums(block, shift)))
    assert_close(kept.squares(block, shift), full.squares(block, shift))
    assert_close(kept.squared_norms(block, shift), full.squared_norms(block, shift))
    assert_close(kept.grams(block, shift), full.grams(block, shift))


@pytest.mark.parametrize("cell", soft_cells, ids=repr)
def test_keeping_one_component_assigns_rows_to_the_most_probable(cell):
    fitted = replace(cell.problem(seed=10), model=keeping(cell, 1)).fit(3)
    block = fitted.rows.blocks[0]
    loss = cell.source.noise.scorer(fitted.params).all(block)
    np.testing.assert_array_equal(row_state(fitted, "labels"), loss.argmin(axis=1))


@pytest.mark.parametrize("cell", clusterings, ids=repr)
def test_planted_clusters_are_found(cell):
    problem = cell.problem(seed=11, n=300, d=12)
    problem = replace(problem, start=near_the_truth(problem))
    fitted = problem.fit(15)
    labels = row_state(fitted, "labels")
    assert np.mean(labels == problem.labels) > 0.99
    truth = cell.source.means(3, 12)
    if isinstance(cell.codes, ScaledOneHot):  # known up to scale
        truth = cell.source.noise.legal_multiples(truth)
    error = np.abs(np.abs(fitted.params.components) - truth)
    assert error.max() < 0.25 * truth.max()


@pytest.mark.parametrize("cell", linear_cells, ids=repr)
def test_planted_factors_are_found(cell):
    problem = cell.problem(seed=12, n=60, d=12)
    planted, params = problem.start.codes @ problem.start.params.components, problem.start.params
    nudge = np.random.default_rng(0).uniform(0.8, 1.25, params.components.shape)
    start = replace(problem.start, params=replace(params, components=params.components * nudge))
    exact = replace(problem, X=30 * planted, start=start)
    fitted = replace(exact, model=unpenalised(cell)).fit(1000)
    mean = row_state(fitted, "codes") @ fitted.params.components
    if isinstance(cell.source.noise, Multinomial):
        mean *= exact.X.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mean, exact.X, rtol=0.06)


@every_cell
def test_pickles_are_equal(cell):
    fitted = cell.problem(seed=13).fit(2)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.model == fitted.model
    assert again.trace == fitted.trace
    assert_same_bits(again.params, fitted.params)
    assert_same_bits(again.rows.states, fitted.rows.states)


@pytest.mark.parametrize("cell", nonnegative_cells, ids=repr)
def test_mask_of_ones_is_no_mask(cell):
    problem = cell.problem(seed=14)
    if isinstance(cell.source.noise, Gaussian):  # else by more sweeps where a mask is given
        problem = replace(problem, model=Model(Gaussian(sweeps=1), cell.codes))
    masked = replace(problem, observed=np.ones(problem.X.shape, dtype=bool))
    assert_same_fit(masked.fit(4), problem.fit(4))


@pytest.mark.parametrize("cell", [c for c in CELLS if c not in incomplete_cells], ids=repr)
def test_codes_that_need_every_entry_say_so(cell):
    problem = cell.problem(seed=16)
    with pytest.raises(InputError, match=f"missing, and {cell.codes.name} codes need them all"):
        replace(problem, observed=problem.X.min() < problem.X).fit(1)


@pytest.mark.parametrize("cell", incomplete_cells, ids=repr)
def test_masked_entries_do_not_matter(cell):
    problem = cell.problem(seed=15)
    observed = np.random.default_rng(0).uniform(size=problem.X.shape) < 0.8
    one, other = (
        replace(problem, X=np.where(observed, problem.X, fill), observed=observed).fit(4)
        for fill in (1e3, np.nan)
    )
    assert_same_bits(one.params, other.params)
    assert np.diff(one.trace.objective).max() <= 1e-9 * abs(one.objective)


@pytest.mark.parametrize("cell", incomplete_cells, ids=repr)
def test_little_and_much_may_be_missing_in_any_storage(cell):
    problem = replace(cell.problem(seed=17), block_rows=13)
    for share in (0.4, 0.9):
        observed = np.random.default_rng(1).uniform(size=problem.X.shape) < share
        dense = replace(problem, observed=observed)
        sparse = replace(dense, X=sp.csr_array(problem.X * observed))
        listed = replace(sparse, observed=sp.csr_array(observed))
        gaps = MissingEntries(sp.csr_array((~observed).astype(float)))
        expected = dense.fit(3)
        for other in (sparse, listed, replace(sparse, observed=gaps)):
            assert_same_fit(other.fit(3), expected)


@pytest.mark.parametrize("cell", incomplete_cells, ids=repr)
def test_weights_repeat_incomplete_rows_as_others(cell):
    problem = cell.problem(seed=18)
    observed = np.random.default_rng(2).uniform(size=problem.X.shape) < 0.7
    times = np.random.default_rng(0).integers(0, 4, len(problem.X))
    again = np.repeat(np.arange(len(problem.X)), times)
    repeated = replace(
        problem, X=problem.X[again], start=problem.start.take(again), observed=observed[again]
    )
    weighted = replace(problem, weights=times.astype(float), observed=observed)
    assert_same_fit(weighted.fit(4), repeated.fit(4), rtol=1e-6)
