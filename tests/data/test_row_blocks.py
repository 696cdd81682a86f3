"""Every product of every storage against plain NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, logsumexp
from strategies import generators

from cofactor.data import (
    DenseRows,
    MaskedRows,
    MaskedSparseRows,
    MissingEntries,
    SparseRows,
    cut,
    mean_row,
    n_blocks,
    open_blocks,
    open_columns,
    open_rows,
)
from cofactor.data.aligned import Columns
from cofactor.data.cut import (
    ALIGNED_ROWS,
    EVEN_BLOCKS,
    EVEN_COST,
    MAX_BLOCKS,
    MIN_BLOCK_ROWS,
    ROW_COST,
    cut_evenly,
)
from cofactor.data.gaussians import Scaled, Whitened
from cofactor.data.losses import Affine
from cofactor.data.mask import DenseMask

STORAGES = {
    "dense": lambda X, w: DenseRows(X, w),
    "sparse": lambda X, w: SparseRows(sp.csr_array(X), w),
    "masked": lambda X, w: MaskedRows(X, w, DenseMask(np.ones(X.shape))),
    "masked, sparse": lambda X, w: MaskedSparseRows(
        sp.csr_array(X), w, MissingEntries(sp.csr_array(X.shape))
    ),
}
close = np.testing.assert_allclose


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(name="X")
def data(rng):
    return rng.poisson(0.8, (17, 5)) * rng.uniform(0.5, 2.0, (17, 5))


@pytest.fixture(params=[0.0, 3.0], ids=["no shift", "shift"])
def shift(request, rng):
    return request.param * rng.standard_normal(5)


@pytest.fixture(params=STORAGES.values(), ids=STORAGES)
def block(request, X):
    return request.param(X, np.linspace(0.0, 2.0, len(X)))


@pytest.fixture
def kept(rng):
    index = np.array([rng.permutation(4)[:2] for _ in range(17)], dtype=np.int32)
    weight = rng.uniform(size=(17, 2))
    posterior = np.zeros((17, 4))
    np.put_along_axis(posterior, index, weight, axis=1)
    return index, weight, posterior


def test_shape_and_entries(block, X):
    assert (block.n_rows, block.n_columns) == X.shape
    close(block.dense(), X)
    close(np.broadcast_to(block.observed, X.shape), 1.0)
    close(block.row_entries(), 5.0)
    assert np.isin(block.stored, X).all()


def test_take_and_reweight(block, X):
    part = block.take(np.array([4, 2])).reweighted(np.array([5.0, 6.0]))
    close(part.dense(), X[[4, 2]])
    close(part.weights, [5.0, 6.0])
    close(block.take(slice(3, 6)).weights, block.weights[3:6])


def test_sums(block, X):
    close(block.weighted_total(), block.weights @ X)
    close(block.row_sums(np.square), np.square(X).sum(axis=1))


def test_squared_norms_and_distances(block, X, shift, rng):
    close(block.squared_norms(shift), np.square(X - shift).sum(axis=1), rtol=1e-12)
    centers, index = rng.uniform(size=(3, 5)), rng.integers(3, size=17).astype(np.int32)
    close(block.squared_distances(centers, index), np.square(X - centers[index]).sum(axis=1))


def test_products(block, X, shift, rng):
    B, R = rng.standard_normal((5, 3)), rng.uniform(size=(17, 3))
    close(block.times(Columns(B)), X @ B, atol=1e-12)
    close(block.transpose_times(R, shift), R.T @ (X - shift), atol=1e-12)


def test_moments_of_components(block, X, shift, rng):
    weight, centred = rng.uniform(size=(3, 17)), X - shift
    second = {
        0: np.zeros((3, 0)),
        1: weight @ np.square(centred).sum(axis=1, keepdims=True),
        5: weight @ np.square(centred),
        25: [(centred.T @ np.diag(own) @ centred).ravel() for own in weight],
    }
    for size, expected in second.items():
        counts, sums, moments = block.component_moments(weight, shift, size)
        close(counts, weight.sum(axis=1))
        close(sums, weight @ centred, atol=1e-12)
        close(moments, expected, atol=1e-11)
    close(block.gram(weight[0], shift).ravel(), second[25][0], atol=1e-11)


def test_losses(block, X, shift, rng):
    affine = Affine(rng.standard_normal((4, 5)), rng.standard_normal(4), shift)
    expected = affine.offsets - (X - shift) @ affine.components.T
    close(block.losses(affine), expected, atol=1e-12)
    index, loss = block.top_losses(affine, 3)
    np.testing.assert_array_equal(index, np.argsort(expected, axis=1)[:, :3])
    close(loss, np.sort(expected, axis=1)[:, :3], atol=1e-12)


def test_infinite_offsets_are_never_chosen(block, rng):
    offsets = np.array([np.inf, 0.0, np.inf, 1.0])
    index, _ = block.top_losses(Affine(rng.standard_normal((4, 5)), offsets, np.zeros(5)), 2)
    assert set(index.ravel()) == {1, 3}


def test_scatter(block, X, shift, kept):
    index, weight, posterior = kept
    counts, sums = block.scatter_sums(index, weight, 4, shift)
    close(counts, posterior.sum(axis=0))
    close(sums, posterior.T @ (X - shift), atol=1e-12)
    squares = block.scatter_squares(index, weight, 4, shift)
    close(squares, posterior.T @ np.square(X - shift), atol=1e-11)


def axes(rng, shift):
    return Scaled(rng.uniform(1, 2, (4, 5)), rng.normal(size=(4, 5)), rng.normal(size=4), shift)


def spheres(rng, shift):
    return replace(axes(rng, shift), scales=rng.uniform(1, 2, (4, 1)))


def any_shape(rng, shift):
    factors, centers = np.triu(rng.normal(size=(4, 5, 5))), rng.normal(size=(4, 5))
    return Whitened(factors, centers, rng.normal(size=4), shift)


def planes(rng, shift):
    return Affine(rng.normal(size=(4, 5)), rng.normal(size=4), shift)


def of_distances(model, residuals):
    return model.offsets + 0.5 * np.square(residuals).sum(axis=2)


LOSSES = {
    axes: lambda rows, m: of_distances(m, (rows[:, None] - m.centers) * m.scales),
    spheres: lambda rows, m: of_distances(m, (rows[:, None] - m.centers) * m.scales),
    any_shape: lambda rows, m: of_distances(
        m, np.einsum("nd,kde->nke", rows, m.factors) - m.centers
    ),
    planes: lambda rows, m: m.offsets - rows @ m.components.T,
}


@pytest.mark.parametrize("make", LOSSES)
def test_posterior(block, X, shift, rng, make):
    model, weights = make(rng, shift), rng.uniform(size=17)
    loss, found = LOSSES[make](X - shift, model), block.posterior(model, weights)
    norm = logsumexp(-loss, axis=1)
    close(found.probability, (weights[:, None] * np.exp(-loss - norm[:, None])).T, atol=1e-11)
    close(found.loss, -norm, atol=1e-11)
    np.testing.assert_array_equal(found.best, loss.argmin(axis=1))
    close(found.plus(3.0).loss, 3.0 - norm, atol=1e-11)


@pytest.mark.parametrize("make", LOSSES)
@pytest.mark.parametrize("second", [0, 1, 5, 25])
def test_moments_are_those_of_the_posterior(block, shift, rng, make, second):
    model, weights = make(rng, shift), rng.uniform(size=17)
    found, posterior = block.moments(model, weights, second), block.posterior(model, weights)
    expected = block.component_moments(posterior.probability, shift, second)
    for own, other in zip((found.counts, found.sums, found.second), expected, strict=True):
        close(own, other, atol=1e-11)
    close(found.plus(3.0).loss, posterior.plus(3.0).loss)
    np.testing.assert_array_equal(found.best, posterior.best)


@pytest.mark.parametrize("make", [axes, spheres, any_shape])
def test_lowest_losses(block, X, shift, rng, make):
    model = make(rng, shift)
    expected = LOSSES[make](X - shift, model)
    index, loss = block.lowest(model, 3)
    np.testing.assert_array_equal(index, np.argsort(expected, axis=1)[:, :3])
    close(loss, np.sort(expected, axis=1)[:, :3], rtol=1e-11)


def test_sparse_twin(block, X):
    close(block.as_sparse().dense(), X)
    close(block.as_sparse().weights, block.weights)


def test_reference_is_free_for_dense_rows_alone(X):
    mean = X.mean(axis=0)
    close(STORAGES["dense"](X, np.ones(17)).reference(mean), mean)
    close(STORAGES["sparse"](X, np.ones(17)).reference(mean), 0.0)


def test_masked_rows_count_observed_entries(X, rng):
    mask = rng.uniform(size=X.shape) < 0.6
    (block,) = open_blocks(np.where(mask, X, np.nan), observed=mask)
    assert not block.complete
    close(block.row_entries(), mask.sum(axis=1))
    close(block.row_sums(np.exp), np.where(mask, np.exp(X), 0).sum(axis=1))
    close(block.dense(), np.where(mask, X, 0))


@given(n_rows=st.integers(0, 10**8), row_entries=st.integers(0, 10**5))
def test_blocks_cover_all_rows_and_are_not_too_small(n_rows, row_entries):
    rows = DenseRows(np.broadcast_to(0.0, (n_rows, row_entries)), np.broadcast_to(1.0, n_rows))
    sizes = np.array([block.n_rows for block in cut(rows)])
    assert sizes.sum() == n_rows
    assert len(sizes) == n_blocks(rows) <= MAX_BLOCKS
    assert (sizes[:-1] >= MIN_BLOCK_ROWS).all()
    assert len(sizes) == 1 or len(sizes) % 2 == 0
    assert (sizes > 0).all() or n_rows == 0


@given(rng=generators, n_rows=st.integers(1, 5000), exponent=st.floats(0.0, 2.0))
def test_even_blocks_cover_all_rows_and_cost_alike(rng, n_rows, exponent):
    sizes = np.minimum(4000.0 / np.arange(1.0, n_rows + 1) ** exponent, 4000).astype(int)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    places = np.concatenate([np.arange(size) for size in sizes])
    X = sp.csr_array((np.ones(len(places)), places, indptr), shape=(n_rows, 4000))
    blocks = cut_evenly(open_rows(X))
    assert len(blocks) <= EVEN_BLOCKS
    assert sum(block.n_rows for block in blocks) == n_rows
    assert all(block.n_rows % ALIGNED_ROWS == 0 for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate([b.stored for b in blocks]), X.data)
    cost = np.array([block.stored.size + ROW_COST * block.n_rows for block in blocks])
    most = (sizes.max() + ROW_COST) * ALIGNED_ROWS  # of rows that stay together
    assert cost.max() <= max(cost.mean(), 2 * EVEN_COST) + 2 * most


@given(n_rows=st.integers(1, 3000), n_columns=st.integers(1, 3000))
def test_even_blocks_of_dense_rows(n_rows, n_columns):
    X = np.broadcast_to(np.float32(1.0), (n_rows, n_columns))  # takes no room
    sizes = np.array([block.n_rows for block in cut_evenly(DenseRows(X, np.ones(n_rows)))])
    assert sizes.sum() == n_rows
    assert len(sizes) <= EVEN_BLOCKS
    assert len(sizes) == 1 or len(sizes) % 2 == 0 or sizes.max() <= 2 * ALIGNED_ROWS
    assert sizes.max() - sizes.min() <= 2 * ALIGNED_ROWS


@given(rng=generators, n_rows=st.integers(1, 2000))
def test_blocks_depend_on_the_shape_alone(rng, n_rows):
    one, other = rng.standard_normal((2, n_rows, 200))
    blocks, others = open_blocks(one), open_blocks(np.asfortranarray(other), rng.random(n_rows))
    assert [b.n_rows for b in blocks] == [b.n_rows for b in others]
    np.testing.assert_array_equal(np.vstack([b.dense() for b in blocks]), one)


def test_columns_are_rows_of_the_transpose(X):
    for data in (X, sp.csr_matrix(X)):
        (columns,) = open_columns(data)
        close(columns.dense(), X.T)


def test_mean_row_is_weighted(X, rng):
    weights = rng.uniform(size=len(X))
    close(mean_row(open_blocks(X, weights)), np.average(X, axis=0, weights=weights))


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_consecutive_sparse_rows_share_their_entries(index_type):
    matrix = sp.csr_array(np.random.default_rng(0).integers(-1, 2, (9, 5)).astype(float))
    matrix.indices, matrix.indptr = (
        places.astype(index_type) for places in (matrix.indices, matrix.indptr)
    )
    part = SparseRows(matrix, np.ones(9)).take(slice(2, 7)).matrix
    assert np.shares_memory(part.data, matrix.data)
    assert np.shares_memory(part.indices, matrix.indices)
    np.testing.assert_array_equal(part.toarray(), matrix.toarray()[2:7])


@pytest.mark.parametrize("rows", [slice(0, 0), slice(5, 99), slice(9, 12)])
def test_slices_of_sparse_rows_may_be_empty_or_end_early(rows):
    matrix = sp.csr_array(np.random.default_rng(0).integers(-1, 2, (9, 5)).astype(float))
    part = SparseRows(matrix, np.ones(9)).take(rows)
    np.testing.assert_array_equal(part.dense(), matrix.toarray()[rows])
    assert part.weights.size == part.n_rows


@pytest.mark.parametrize("store", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("values", ["whole", "large", "fractions"])
def test_functions_of_counts_are_looked_up_without_a_difference(store, values):
    rng = np.random.default_rng(0)
    X = rng.poisson(2.0, (300, 100)) * {"whole": 1.0, "large": 9_999.0, "fractions": 0.37}[values]
    (block,) = open_blocks(store(X.astype(np.float32)))
    expected = gammaln(X.astype(np.float32).astype(float) + 1.0).sum(axis=1)
    found = block.row_sums(lambda x: gammaln(x + 1.0))
    np.testing.assert_allclose(found, expected, rtol=1e-13)
