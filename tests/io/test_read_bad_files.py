"""Every file that cannot be used gets one sentence that helps."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anndata
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.io import mmwrite

from cofactor.errors import InputError
from cofactor.io import read
from cofactor.io.readers import READERS

X = np.arange(1.0, 601.0).reshape(200, 3)
CSR = {
    "data": np.ones(2),
    "indices": np.array([0, 2]),
    "indptr": np.array([0, 1, 2]),
    "shape": np.array([2, 3]),
}


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def saved(path: Path, array: object) -> Path:
    np.save(path, array)
    return path


def test_a_missing_file(tmp_path: Path) -> None:
    assert "There is no file" in refusal(tmp_path / "x.npy")


def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path)


def test_an_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").touch()
    message = refusal(tmp_path / "x.xlsx")
    assert ".xlsx" in message
    assert all(suffix in message for suffix in READERS)


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "X.CSV").write_text("1,2\n")
    np.testing.assert_array_equal(read(tmp_path / "X.CSV").X, [[1, 2]])


def test_a_layer_for_a_format_without_layers(tmp_path: Path) -> None:
    message = refusal(saved(tmp_path / "x.npy", X), layer="raw")
    assert "'raw'" in message
    assert ".h5ad" in message


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (np.ones(3), ["1 dimensions", "(3,)", "expected 2"]),
        (np.ones((2, 3, 4)), ["3 dimensions", "(2, 3, 4)", "expected 2"]),
        (np.ones((2, 2), complex), ["complex128", "real numbers"]),
        (np.array([["a", "b"]]), ["<U1", "real numbers"]),
        (np.array([["2020-01-01"]], "M8[D]"), ["datetime64[D]", "real numbers"]),
        (np.ones((0, 3)), ["empty", "(0, 3)"]),
        (np.ones((3, 0)), ["empty", "(3, 0)"]),
        (np.array([[{}]]), ["numeric array", "allow_pickle=False"]),
    ],
)
def test_arrays_that_are_no_matrix(tmp_path: Path, array: np.ndarray, facts: list[str]) -> None:
    message = refusal(saved(tmp_path / "x.npy", array))
    assert [fact for fact in facts if fact not in message] == []


@pytest.mark.parametrize(
    ("change", "facts"),
    [
        ({"indices": np.array([0, 3])}, ["index 3", "entry 1", "0 to 2"]),
        ({"indices": np.array([-1, 0])}, ["index -1", "entry 0", "0 to 2"]),
        ({"indptr": np.array([0, 2, 1])}, ["indptr", "from 2 to 1", "position 2"]),
        ({"indptr": np.array([0, 2])}, ["cannot be read", "index pointer size 2 should be 3"]),
        ({"indptr": np.array([1, 1, 2])}, ["cannot be read", "start with 0"]),
        ({"indices": np.array([0])}, ["cannot be read", "same size"]),
        ({"data": np.ones(2, complex)}, ["complex128"]),
        ({"data": np.array([{}, {}])}, ["allow_pickle=False"]),
        ({"shape": np.array([2, 0])}, ["empty", "(2, 0)"]),
        ({"shape": np.array([-2, 3])}, ["cannot be read"]),
    ],
)
def test_raw_csr_that_is_invalid(tmp_path: Path, change: dict, facts: list[str]) -> None:
    np.savez(tmp_path / "x.npz", **(CSR | change))
    message = refusal(tmp_path / "x.npz")
    assert [fact for fact in facts if fact not in message] == []


def test_scipy_files_are_checked_as_well(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **(CSR | {"format": b"csc", "shape": np.array([2, 2])}))
    assert "index 2" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("names", [["a", "b"], []])
def test_archives_without_one_array(tmp_path: Path, names: list[str]) -> None:
    np.savez(tmp_path / "x.npz", **dict.fromkeys(names, X))
    message = refusal(tmp_path / "x.npz")
    assert f"{len(names)} arrays" in message
    assert all(name in message for name in names)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("coordinate real general\n2 2 1\n3 1 5\n", ["position 3", "entry 1", "1 to 2"]),
        ("coordinate real general\n2 2 1\n1 0 5\n", ["position 0", "entry 1", "1 to 2"]),
        ("coordinate real general\n%\n2 2 2\n1 1 5\n1 x 5\n", ["'1 x 5'", "line 5", "3 numbers"]),
        ("coordinate real general\n2 2 2\n1 1 5\n\n11", ["'11'", "line 5", "3 numbers"]),
        ("coordinate real general\n2 2 2\n1 1 5\n", ["1 entries", "expected 2", "cut short"]),
        ("coordinate real general\n2 2 2\n", ["0 entries", "expected 2"]),
        ("coordinate pattern general\n2 2 1\n1 1 5\n", ["'1 1 5'", "line 3", "2 numbers"]),
        ("coordinate real general\n2 2\n1 1 5\n", ["size line '2 2'", "3 counts"]),
        ("coordinate real general\n%\n", ["ends within its header"]),
        ("array real general\n2 2\n1\n2\n3\n", ["3 entries", "expected 4"]),
        ("array real general\n2 2\n1\n2\n3\nx\n", ["'x'", "line 6", "1 numbers"]),
        ("array complex general\n1 1\n1 1\n", ["'complex'", "real, integer, pattern"]),
        ("tree real general\n1 1\n1\n", ["'tree'", "coordinate, array"]),
    ],
)
def test_bad_mtx_is_located(tmp_path: Path, text: str, facts: list[str]) -> None:
    (tmp_path / "x.mtx").write_text(f"%%MatrixMarket matrix {text}")
    message = refusal(tmp_path / "x.mtx")
    assert [fact for fact in facts if fact not in message] == []


def write_csv(path: Path) -> None:
    text = "\n".join(",".join(map(str, row)) for row in X.tolist())
    path.write_bytes(gzip.compress(text.encode()))


def write_mtx(path: Path) -> None:
    mmwrite(path, sparse.coo_array(X))


def write_mtx_gz(path: Path) -> None:
    plain = path.with_name("plain.mtx")
    write_mtx(plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))


WRITERS: dict[str, Callable[[Path], object]] = {
    "x.npy": lambda path: np.save(path, X),
    "dense.npz": lambda path: np.savez(path, X),
    "sparse.npz": lambda path: sparse.save_npz(path, sparse.csr_array(X)),
    "x.csv.gz": write_csv,
    "x.mtx": write_mtx,
    "x.mtx.gz": write_mtx_gz,
    "x.parquet": lambda path: pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path),
    "x.h5ad": lambda path: anndata.AnnData(X).write_h5ad(path),
}


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.98])
@pytest.mark.parametrize("name", WRITERS)
def test_files_cut_short(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert "expected" in refusal(path) or "cut short" in refusal(path)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv.gz", "x.mtx.gz", "x.parquet", "x.h5ad"])
def test_files_of_another_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"This is no data, but a letter to you.\n" * 20)
    assert "of another kind" in refusal(tmp_path / name)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["x.npy", "dense.npz", "sparse.npz", "x.mtx", "x.mtx.gz"])
@given(data=st.data())
def test_damage_is_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    damaged = bytearray(path.read_bytes())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    with suppress(InputError):
        assert read(path).X.ndim == 2
