"""NumPy, SciPy and Matrix Market files come back as they were written."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.io import mmwrite

from cofactor.io import read

same_folder = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
matrices = hnp.arrays(np.float64, shapes)
counts = hnp.arrays(np.float64, shapes, elements=st.integers(0, 3).map(float))
SPARSE_FORMATS = ["csr", "csc", "coo"]


@same_folder
@given(X=matrices)
def test_npy_keeps_every_bit(tmp_path: Path, X: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", X)
    assert read(tmp_path / "x.npy").X.tobytes() == X.tobytes()


@same_folder
@given(X=counts, form=st.sampled_from(SPARSE_FORMATS))
def test_sparse_npz_round_trip(tmp_path: Path, X: np.ndarray, form: str) -> None:
    sparse.save_npz(tmp_path / "x.npz", sparse.coo_array(X).asformat(form))
    read_back = read(tmp_path / "x.npz").X
    assert isinstance(read_back, sparse.csr_array)
    assert read_back.has_canonical_format
    np.testing.assert_array_equal(read_back.toarray(), X)


@same_folder
@given(X=matrices.filter(lambda X: bool(np.isfinite(X).all())))
def test_mtx_round_trip(tmp_path: Path, X: np.ndarray) -> None:
    mmwrite(tmp_path / "x.mtx", sparse.coo_array(X), precision=17, symmetry="general")
    np.testing.assert_array_equal(read(tmp_path / "x.mtx").X.toarray(), X)


LOWER = np.tril(np.arange(9.0).reshape(3, 3))


@pytest.mark.parametrize(
    ("X", "symmetry"),
    [
        (np.arange(6.0).reshape(2, 3), "general"),
        (LOWER + LOWER.T, "symmetric"),
        (LOWER - LOWER.T, "skew-symmetric"),
    ],
)
@pytest.mark.parametrize("convert", [np.asarray, sparse.coo_array])
def test_mtx_symmetries(tmp_path: Path, X: np.ndarray, symmetry: str, convert: object) -> None:
    mmwrite(tmp_path / "x.mtx", convert(X), symmetry=symmetry)
    read_back = read(tmp_path / "x.mtx").X
    assert sparse.issparse(read_back) == (convert is sparse.coo_array)
    np.testing.assert_array_equal(sparse.coo_array(read_back).toarray(), X)


def test_duplicate_entries_of_mtx_are_summed(tmp_path: Path) -> None:
    text = (
        "%%MatrixMarket matrix coordinate integer general\n% a remark\n1 2 3\n1 2 3\n1 1 1\n1 2 4"
    )
    (tmp_path / "x.mtx").write_text(text)
    np.testing.assert_array_equal(read(tmp_path / "x.mtx").X.toarray(), [[1, 7]])


def test_compressed_pattern_mtx(tmp_path: Path) -> None:
    text = "%%MatrixMarket matrix coordinate pattern general\n2 3 2\n1 1\n2 3\n"
    (tmp_path / "x.mtx.gz").write_bytes(gzip.compress(text.encode()))
    X = read(tmp_path / "x.mtx.gz").X
    np.testing.assert_array_equal(X.toarray(), [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.int16, np.float64),
        (np.uint64, np.float64),
        (np.bool_, np.float64),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.dtype(">f4"), np.float32),
        (np.longdouble, np.float64),
    ],
)
def test_numbers_become_floats(tmp_path: Path, stored: np.dtype, expected: np.dtype) -> None:
    np.save(tmp_path / "x.npy", np.eye(3, dtype=stored))
    X = read(tmp_path / "x.npy").X
    assert X.dtype == expected
    np.testing.assert_array_equal(X, np.eye(3))


def test_fortran_order_becomes_contiguous_rows(tmp_path: Path) -> None:
    X = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(tmp_path / "x.npy", X)
    read_back = read(str(tmp_path / "x.npy")).X
    assert read_back.flags.c_contiguous
    np.testing.assert_array_equal(read_back, X)


def test_npz_with_one_dense_array(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", anything=np.eye(2, dtype=np.float32))
    X = read(tmp_path / "x.npz").X
    assert X.dtype == np.float32
    np.testing.assert_array_equal(X, np.eye(2))


def test_raw_csr_is_sorted_and_duplicates_are_summed(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "x.npz",
        data=np.array([1, 2, 4, 8]),
        indices=np.array([2, 0, 2, 1]),
        indptr=np.array([0, 3, 4]),
        shape=np.array([2, 3]),
    )
    X = read(tmp_path / "x.npz").X
    np.testing.assert_array_equal(X.indices, [0, 2, 1])
    np.testing.assert_array_equal(X.data, [2.0, 5.0, 8.0])
    assert X.dtype == np.float64


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_wide_and_narrow_indices_agree(tmp_path: Path, index: type) -> None:
    X = sparse.csr_array(np.eye(3))
    parts = {"indices": X.indices.astype(index), "indptr": X.indptr.astype(index)}
    np.savez(tmp_path / "x.npz", data=X.data, shape=np.array(X.shape), **parts)
    np.testing.assert_array_equal(read(tmp_path / "x.npz").X.toarray(), np.eye(3))
