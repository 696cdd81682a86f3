"""Parquet and annotated matrices."""

from __future__ import annotations

import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io import read


def write_parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_with_row_names(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", gene=["r", "s"], a=[1, 2], b=[0.5, None])
    table = read(path)
    np.testing.assert_array_equal(table.X, [[1, 0.5], [2, np.nan]])
    assert (table.row_names, table.column_names) == (["r", "s"], ["a", "b"])
    assert table.X.dtype == np.float64
    assert table.X.flags.c_contiguous


def test_parquet_types_that_count_as_numbers(tmp_path: Path) -> None:
    decimals = pa.array([1, 2]).cast(pa.decimal128(20, 1))
    path = write_parquet(
        tmp_path / "x.parquet", a=[True, False], b=decimals, c=pa.nulls(2), d=pa.array([1, None])
    )
    np.testing.assert_array_equal(read(path).X, [[1, 1, np.nan, 1], [0, 2, np.nan, np.nan]])


def test_parquet_of_float32_stays_float32(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32)
    path = write_parquet(tmp_path / "x.parquet", **{f"c{j}": X[:, j] for j in range(3)})
    table = read(path)
    assert table.X.dtype == np.float32
    np.testing.assert_array_equal(table.X, X)


@pytest.mark.parametrize("index", [["r", "s"], [10, 20]])
def test_the_index_of_pandas_names_the_rows(tmp_path: Path, index: list) -> None:
    pd.DataFrame({"a": [1.0, 2.0]}, index=index).to_parquet(tmp_path / "x.parquet")
    table = read(tmp_path / "x.parquet")
    assert table.row_names == [str(name) for name in index]
    assert table.column_names == ["a"]


def test_a_folder_name_is_not_a_column(tmp_path: Path) -> None:
    folder = tmp_path / "k=3"
    folder.mkdir()
    assert read(write_parquet(folder / "x.parquet", a=[1.0])).column_names == ["a"]


def test_text_in_a_later_parquet_column(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", a=[1.0], colour=["red"])
    with pytest.raises(InputError, match=r"column 'colour' of type string; expected numbers"):
        read(path)


def annotated(path: Path) -> Path:
    X = sparse.csr_matrix(np.array([[0, 1], [2, 0], [0, 3]], dtype=np.float32))
    data = anndata.AnnData(
        X,
        obs=pd.DataFrame(index=["c1", "c2", "c3"]),
        var=pd.DataFrame(index=["g1", "g2"]),
        layers={"dense": X.toarray() + 1, "columns": sparse.csc_matrix(X)},
    )
    data.write_h5ad(path)
    return path


def test_h5ad_with_names(tmp_path: Path) -> None:
    table = read(annotated(tmp_path / "x.h5ad"))
    assert isinstance(table.X, sparse.csr_array)
    assert table.X.dtype == np.float32
    np.testing.assert_array_equal(table.X.toarray(), [[0, 1], [2, 0], [0, 3]])
    assert (table.row_names, table.column_names) == (["c1", "c2", "c3"], ["g1", "g2"])


def test_h5ad_layers(tmp_path: Path) -> None:
    path = annotated(tmp_path / "x.h5ad")
    np.testing.assert_array_equal(read(path, layer="dense").X, [[1, 2], [3, 1], [1, 4]])
    columns = read(path, layer="columns").X
    assert isinstance(columns, sparse.csr_array)
    np.testing.assert_array_equal(columns.toarray(), [[0, 1], [2, 0], [0, 3]])


def test_h5ad_names_its_layers(tmp_path: Path) -> None:
    path = annotated(tmp_path / "x.h5ad")
    with pytest.raises(InputError, match=r"no layers/raw: .*columns, dense"):
        read(path, layer="raw")


def test_h5ad_without_x(tmp_path: Path) -> None:
    obs = pd.DataFrame(index=["a", "b"])
    anndata.AnnData(obs=obs, layers={"l": np.eye(2)}).write_h5ad(tmp_path / "x.h5ad")
    with pytest.raises(InputError, match=r"no X: .*\(l\)"):
        read(tmp_path / "x.h5ad")


@pytest.mark.parametrize(
    ("suffix", "module", "extra"),
    [("parquet", "pyarrow", "parquet"), ("h5ad", "anndata.io", "h5ad")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / f"x.{suffix}").touch()
    with pytest.raises(InputError) as caught:
        read(tmp_path / f"x.{suffix}")
    assert f'pip install "cofactor[{extra}]"' in str(caught.value)
    assert module.partition(".")[0] in str(caught.value)
