"""Every implementation of the kernels against the reference, and the laws of the kernels.

Small whole numbers make all sums exact, so that implementations must agree to the last bit
whatever the order of their sums; rounding is tested apart, against its bounds.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from cofactor import kernels
from cofactor.errors import InputError
from cofactor.kernels import reference

COMPILED = [name for name in kernels.available() if name != "reference"]

every = pytest.mark.parametrize("name", kernels.available())
compiled = pytest.mark.parametrize("name", COMPILED)
quick = settings(max_examples=40, deadline=None)

dtypes = st.sampled_from([np.float32, np.float64])
index_dtypes = st.sampled_from([np.int32, np.int64])
rows = st.integers(0, 150)
columns = st.integers(1, 40)
components = st.integers(1, 40)
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def whole(rng, dtype, *shape):
    return rng.integers(-4, 5, size=shape).astype(dtype)


def random_csr(rng, dtype, index_dtype, n, d):
    """Whole counts in CSR form, with empty rows."""
    dense = rng.poisson(0.7, size=(n, d)) * (rng.random((n, 1)) < 0.8)
    X = sparse.csr_array(dense.astype(dtype))
    return X.indptr.astype(index_dtype), X.indices.astype(index_dtype), X.data


def top_losses(implementation, data, parts, offsets, keep):
    n = data[0].shape[0] - (len(data) == 3)
    index, loss = np.empty((n, keep), np.int32), np.empty((n, keep))
    kernel = implementation.top_losses_csr if len(data) == 3 else implementation.top_losses
    kernel(*data, parts, offsets, index, loss)
    return index, loss


def in_groups(components_t, offsets):
    """Pad components to what the kernels of sparse rows take."""
    padding = -offsets.size % 16
    return (
        np.pad(components_t, ((0, 0), (0, padding))),
        np.pad(offsets, (0, padding), constant_values=np.inf),
    )


def assert_same(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@st.composite
def offsets_and_keep(draw, k, dtype):
    values = st.sampled_from([-1.0, 0.0, 2.0, np.inf])
    offsets = np.array(draw(st.lists(values, min_size=k, max_size=k)), dtype)
    return offsets, draw(st.one_of(st.just(1), st.just(k), st.integers(1, k)))


@every
@quick
@given(st.data(), generators, dtypes, rows, columns, components)
def test_top_losses_breaks_ties_by_component(name, data, rng, dtype, n, d, k):
    offsets, keep = data.draw(offsets_and_keep(k, dtype))
    inputs = (whole(rng, dtype, n, d), whole(rng, dtype, d)), whole(rng, dtype, k, d), offsets
    assert_same(top_losses(kernels.load(name), *inputs, keep), top_losses(reference, *inputs, keep))


@every
@quick
@given(st.data(), generators, dtypes, index_dtypes, rows, columns, components)
def test_top_losses_csr_breaks_ties_by_component(name, data, rng, dtype, index, n, d, k):
    offsets, keep = data.draw(offsets_and_keep(k, dtype))
    inputs = random_csr(rng, dtype, index, n, d), *in_groups(whole(rng, dtype, d, k), offsets)
    assert_same(top_losses(kernels.load(name), *inputs, keep), top_losses(reference, *inputs, keep))


def test_components_of_sparse_rows_come_in_whole_groups():
    inputs = random_csr(np.random.default_rng(0), np.float32, np.int32, 5, 3)
    parts, offsets = np.zeros((3, 10), np.float32), np.zeros(10, np.float32)
    for name in kernels.available():
        if name != "reference":
            with pytest.raises(ValueError, match="multiple of 16"):
                top_losses(kernels.load(name), inputs, parts, offsets, 1)


@every
@quick
@given(generators, dtypes, rows, columns, components)
def test_top_losses_rounds_within_its_bound(name, rng, dtype, n, d, k):
    X, shift = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=d).astype(dtype)
    E, offsets = rng.normal(size=(k, d)).astype(dtype), rng.normal(size=k).astype(dtype)
    index, loss = top_losses(kernels.load(name), (X, shift), E, offsets, k)
    residuals = X.astype(float) - shift
    exact = np.take_along_axis(offsets - residuals @ E.astype(float).T, index, axis=1)
    size = np.abs(offsets) + (np.abs(X) + np.abs(shift)) @ np.abs(E).T
    bound = (d + 3) * np.finfo(dtype).eps * np.take_along_axis(size, index, axis=1)
    assert (np.abs(loss - exact) <= bound).all()
    assert (np.diff(loss, axis=1) >= 0).all()
    np.testing.assert_array_equal(np.sort(index, axis=1), np.broadcast_to(np.arange(k), (n, k)))


@every
@quick
@given(generators, rows, st.integers(1, 30), st.sampled_from([1e-3, 1.0, 300.0, 1e300]))
def test_soft_assign_matches_reference(name, rng, n, c, scale):
    losses = scale * rng.normal(size=(n, c))
    losses[rng.random((n, c)) < 0.2] = np.inf
    results = []
    for implementation in (kernels.load(name), reference):
        p, log_norm = losses.copy(), np.empty(n)
        implementation.soft_assign(p, log_norm)
        results.append((p, log_norm))
    eps = np.finfo(float).eps
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=(c + 8) * eps, atol=1e-300)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=8 * eps, atol=(c + 8) * eps)


@every
def test_soft_assign_of_an_impossible_row_is_uniform(name):
    loss, log_norm = np.full((1, 4), np.inf), np.empty(1)
    kernels.load(name).soft_assign(loss, log_norm)
    np.testing.assert_array_equal(loss, 0.25)
    assert log_norm[0] == -np.inf


def quarters(rng, n, k, c):
    """Components and exact weights of every row, some of them zero."""
    index = rng.integers(0, k, size=(n, c)).astype(np.int32)
    return index, rng.integers(0, 5, size=(n, c)) / 4.0


def statistics(implementation, data, members, k, d):
    suffix = "_csr" if len(data) == 3 else ""
    counts, sums, squares = np.ones(k), np.ones((k, d)), np.ones((k, d))
    getattr(implementation, "weighted_sums" + suffix)(*data, *members, counts, sums)
    getattr(implementation, "weighted_squares" + suffix)(*data, *members, squares)
    return counts, sums, squares


@every
@quick
@given(generators, dtypes, rows, columns, components, st.integers(1, 4))
def test_weighted_statistics(name, rng, dtype, n, d, k, c):
    data, members = (whole(rng, dtype, n, d), whole(rng, dtype, d)), quarters(rng, n, k, c)
    got = statistics(kernels.load(name), data, members, k, d)
    assert_same(got, statistics(reference, data, members, k, d))


@every
@quick
@given(generators, dtypes, index_dtypes, rows, columns, components, st.integers(1, 4))
def test_weighted_statistics_csr(name, rng, dtype, index, n, d, k, c):
    data, members = random_csr(rng, dtype, index, n, d), quarters(rng, n, k, c)
    got = statistics(kernels.load(name), data, members, k, d)
    assert_same(got, statistics(reference, data, members, k, d))


@every
@quick
@given(generators, dtypes, index_dtypes, rows, columns, components)
def test_norms_distances_and_products(name, rng, dtype, index_dtype, n, d, k):
    X, shift, centers = whole(rng, dtype, n, d), whole(rng, dtype, d), whole(rng, float, k, d)
    index = rng.integers(0, k, size=n).astype(np.int32)
    indptr, indices, data = random_csr(rng, dtype, index_dtype, n, d)
    codes, parts = whole(rng, dtype, n, k), whole(rng, dtype, d, k)
    results = []
    for implementation in (kernels.load(name), reference):
        norms, norms_csr, distances, products = (np.empty(s) for s in (n, n, n, data.size))
        implementation.squared_norms(X, shift, norms)
        implementation.squared_norms_csr(indptr, indices, data, norms_csr)
        implementation.squared_distances(X, centers, index, distances)
        implementation.sampled_products(indptr, indices, codes, parts, products)
        results.append((norms, norms_csr, distances, products))
    assert_same(*results)


@every
@quick
@given(generators, dtypes, index_dtypes, rows, columns, components)
def test_products_of_sparse_rows(name, rng, dtype, index_dtype, n, d, k):
    indptr, indices, data = random_csr(rng, dtype, index_dtype, n, d)
    matrix, out = rng.normal(size=(d, k)).astype(dtype), np.full((n, k), np.nan)
    padded = np.pad(matrix, ((0, 0), (0, -k % 16)))
    kernels.load(name).products_csr(indptr, indices, data, padded, out)
    X = sparse.csr_array((data, indices, indptr), shape=(n, d)).astype(float)
    error = 40 * np.finfo(dtype).eps * (abs(X) @ abs(matrix.astype(float)))
    assert (np.abs(out - X @ matrix.astype(float)) <= error).all()


@every
@quick
@given(generators, columns)
def test_squared_distances_keep_their_digits_near_a_center(name, rng, d):
    centers = 1e6 * rng.normal(size=(1, d))
    X = centers + 2.0**-10 * rng.integers(1, 5, size=(20, d))
    out = np.empty(20)
    kernels.load(name).squared_distances(X, centers, np.zeros(20, np.int32), out)
    np.testing.assert_allclose(out, ((X - centers) ** 2).sum(axis=1), rtol=1e-14 * d)


@compiled
@quick
@given(generators, dtypes, st.integers(0, 200), st.integers(1, 6))
def test_dense_results_do_not_depend_on_the_split(name, rng, dtype, cut, keep):
    n, d, k = 200, 17, 23
    native = kernels.load(name)
    X, shift = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=d).astype(dtype)
    E, offsets = rng.normal(size=(k, d)).astype(dtype), rng.normal(size=k).astype(dtype)

    def run(pieces):
        counts, sums, found = np.zeros(k), np.zeros((k, d)), []
        for piece in pieces:
            index, loss = top_losses(native, (piece, shift), E, offsets, keep)
            log_norm = np.empty(len(piece))
            native.soft_assign(loss, log_norm)
            native.weighted_sums(piece, shift, index, loss, counts, sums)
            found.append(np.column_stack([index, loss, log_norm]))
        return counts, sums, np.concatenate(found)

    assert_same(run([X]), run([X[:cut], X[cut:]]))


@compiled
@quick
@given(generators, dtypes, st.integers(0, 30))
def test_sparse_results_do_not_depend_on_the_split(name, rng, dtype, cut):
    indptr, indices, data = random_csr(rng, dtype, np.int32, 30, 25)
    parts = in_groups(rng.gamma(0.5, size=(25, 4)).astype(dtype), np.zeros(4, dtype))

    def run(cuts):
        found = []
        for begin, end in cuts:
            at = slice(indptr[begin], indptr[end])
            X = indptr[begin : end + 1] - indptr[begin], indices[at], data[at]
            found.append(np.column_stack(top_losses(kernels.load(name), X, *parts, 2)))
        return np.concatenate(found)

    np.testing.assert_array_equal(run([(0, 30)]), run([(0, cut), (cut, 30)]))


@compiled
def test_a_wrong_shape_is_named(name):
    X, index, loss = np.zeros((5, 3)), np.empty((5, 1), np.int32), np.empty((5, 1))
    with pytest.raises(ValueError, match=r"shift has shape \(2,\), expected \(3,\)"):
        kernels.load(name).top_losses(X, np.zeros(2), np.zeros((2, 3)), np.zeros(2), index, loss)


@compiled
def test_too_many_kept_components_are_named(name):
    X, index, loss = np.zeros((5, 3)), np.empty((5, 4), np.int32), np.empty((5, 4))
    with pytest.raises(ValueError, match=r"index has 4 columns, expected .* the 2 components"):
        kernels.load(name).top_losses(X, np.zeros(3), np.zeros((2, 3)), np.zeros(2), index, loss)


@compiled
def test_an_array_is_never_converted(name):
    with pytest.raises(TypeError, match="order='C'"):
        kernels.load(name).squared_norms(np.zeros((5, 3)).T, np.zeros(5), np.empty(3))
    with pytest.raises(TypeError, match="dtype=float32"):
        kernels.load(name).squared_norms(np.zeros((5, 3), int), np.zeros(3), np.empty(5))


@every
def test_the_environment_chooses_the_implementation(name, monkeypatch):
    monkeypatch.setenv("COFACTOR_ISA", name)
    assert kernels.implementation.__wrapped__() == name


def test_an_unknown_implementation_is_refused(monkeypatch):
    monkeypatch.setenv("COFACTOR_ISA", "abacus")
    with pytest.raises(InputError, match=r"'abacus' on this machine; choose one of: .*reference"):
        kernels.implementation.__wrapped__()


def test_the_package_offers_every_kernel_of_every_implementation():
    for name in kernels.available():
        for kernel in reference.__all__:
            assert callable(getattr(kernels.load(name), kernel))
            assert hasattr(kernels, kernel)


odd_values = st.sampled_from([-1.0, -0.5, 0.5, 4097.0, 2.0**40, np.inf, -np.inf, np.nan])


@every
@quick
@given(generators, dtypes, st.integers(0, 40), st.none() | odd_values)
def test_the_largest_whole_number(name, rng, dtype, n, odd):
    values = rng.integers(0, 4097, size=n).astype(dtype)
    expected = int(values.max(initial=0))
    if odd is not None and n:
        values[rng.integers(n)], expected = odd, -1
    for implementation in (kernels.load(name), reference):
        assert implementation.largest_whole(values, 4096) == expected


@every
@quick
@given(generators, dtypes, index_dtypes, rows, columns)
def test_sums_of_a_table(name, rng, dtype, index_dtype, n, d):
    indptr, _, data = random_csr(rng, dtype, index_dtype, n, d)
    table, results = rng.integers(-9, 10, size=64).astype(float), []
    for implementation in (kernels.load(name), reference):
        out = np.full(n, np.nan)
        implementation.table_sums(indptr, data, table, out)
        results.append(out)
    assert_same(*results)
