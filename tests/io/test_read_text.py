"""Comma- and tab-separated text, with and without names, and where it goes wrong."""

from __future__ import annotations

import csv
import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cofactor.errors import InputError
from cofactor.io import Table, read


def read_csv(folder: Path, text: str, name: str = "x.csv") -> Table:
    (folder / name).write_text(text, encoding="utf-8")
    return read(folder / name)


def assert_table(table: Table, X: object, rows: object = None, columns: object = None) -> None:
    np.testing.assert_array_equal(table.X, np.asarray(X, dtype=float))
    assert table.X.flags.c_contiguous
    assert (table.row_names, table.column_names) == (rows, columns)


words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1).map(
    lambda text: "n" + text
)
tables = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)).flatmap(
    lambda X: st.tuples(
        st.just(X),
        st.none() | st.lists(words, min_size=X.shape[0], max_size=X.shape[0]),
        st.none() | st.lists(words, min_size=X.shape[1], max_size=X.shape[1]),
    )
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=tables, delimiter=st.sampled_from([",", "\t"]), hole=st.sampled_from(["nan", "", "NA"])
)
def test_round_trip(tmp_path: Path, table: tuple, delimiter: str, hole: str) -> None:
    X, rows, columns = table
    path = tmp_path / ("x.csv" if delimiter == "," else "x.tsv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        if columns is not None:
            writer.writerow(columns if rows is None else ["id", *columns])
        for i, row in enumerate(X.tolist()):
            cells = [hole if np.isnan(x) else repr(x) for x in row]
            writer.writerow(cells if rows is None else [rows[i], *cells])
    assert_table(read(path), X, rows, columns)


@pytest.mark.parametrize(
    ("text", "X", "rows", "columns"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]], None, None),
        ("1,2\r\n3,4", [[1, 2], [3, 4]], None, None),
        ("a,b\n1,2\n", [[1, 2]], None, ["a", "b"]),
        ("id,a,b\nr,1,2\ns,3,4\n", [[1, 2], [3, 4]], ["r", "s"], ["a", "b"]),
        ("r,1,2\ns,3,4\n", [[1, 2], [3, 4]], ["r", "s"], None),
        ("r,1,2\n", [[1, 2]], ["r"], None),
        ('"a","b"\n"r",1,2\n', [[1, 2]], ["r"], ["a", "b"]),
        ("height\n1\n2\n", [[1], [2]], None, ["height"]),
        ("x,1,2\n1,2,3\n", [[1, 2, 3]], None, ["x", "1", "2"]),
        (",a\n7,1\n8,2\n", [[1], [2]], ["7", "8"], ["a"]),
        (",2001,2002\nr,1,2\n", [[1, 2]], ["r"], ["2001", "2002"]),
        (",1\n2,3\n", [[np.nan, 1], [2, 3]], None, None),
        ("\n\n1,2\n\n3,4\n \n\n", [[1, 2], [3, 4]], None, None),
        ("a,b\n\n1,2\n\n3,\n", [[1, 2], [3, np.nan]], None, ["a", "b"]),
        ('"r, ""s""","1",2\nt,NA,NaN\n', [[1, 2], [np.nan, np.nan]], ['r, "s"', "t"], None),
        ('"r\ns",1,2\nt,,4\n', [[1, 2], [np.nan, 4]], ["r\ns", "t"], None),
        ("\ufeff1,2\n", [[1, 2]], None, None),
        ("#1,a\n# 2,3\n", [[3]], ["# 2"], ["a"]),
        ("1e3, -2.5 ,inf\n+1,.5,-Infinity\n", [[1e3, -2.5, np.inf], [1, 0.5, -np.inf]], None, None),
        ('1\n""\n3\n', [[1], [np.nan], [3]], None, None),
    ],
)
def test_layouts(tmp_path: Path, text: str, X: list, rows: list, columns: list) -> None:
    assert_table(read_csv(tmp_path, text), X, rows, columns)


def test_what_pandas_writes(tmp_path: Path) -> None:
    pd.DataFrame([[1.5, 2], [3, 4]]).to_csv(tmp_path / "x.csv")
    assert_table(read(tmp_path / "x.csv"), [[1.5, 2], [3, 4]], ["0", "1"], ["0", "1"])


def test_compressed_tsv(tmp_path: Path) -> None:
    (tmp_path / "x.tsv.gz").write_bytes(gzip.compress(b"g\ta\nr\t1\n"))
    assert_table(read(tmp_path / "x.tsv.gz"), [[1]], ["r"], ["a"])


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("a,b\n", ["header", "no rows", "line 1"]),
        ("1,2\n3,x\n", ["'x'", "line 2", "column 2", "a number"]),
        ("1,2\nx,3\n", ["'x'", "line 2", "column 1"]),
        ("id,a,b\nr,1,2\n\ns,3,4 kg\n", ["'4 kg'", "line 4", "column 3", "'b'"]),
        ("a,b\n1,2\n,\n3,4_0\n", ["'4_0'", "line 4", "column 2", "'b'"]),
        ("1,2\n3,4\n5\n", ["1 cells", "line 3", "expected 2"]),
        ("r,1,2\ns,3,4,5\n", ["4 cells", "line 2", "expected 3"]),
        ("a;b\n1;2\n", ["empty", "(2, 0)"]),
        ("a\nb\n", ["empty", "(2, 0)"]),
        ('1,2\n3,"4\n5,6\n', ["'4\\n5,6\\n'", "line 2", "column 2"]),
        ('1,2\n3,"4\n' + "5,6\n" * 50_000, ["from line 2 on", "quotes"]),
        ("1,2\n3,٤\n", ["UTF-8 text", "row 1, column 2"]),
    ],
)
def test_bad_text_is_located(tmp_path: Path, text: str, facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_csv(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "x.csv"))
    assert [fact for fact in facts if fact not in message] == []


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"UTF-8 text .*0xf6"):
        read(tmp_path / "x.csv")


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_a_compressed_text_cut_short(tmp_path: Path, kept: float) -> None:
    rng = np.random.default_rng(0)
    rows = "\n".join(",".join(map(str, row)) for row in rng.normal(size=(500, 4)))
    whole = gzip.compress(rows.encode())
    (tmp_path / "x.csv.gz").write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match="cut short"):
        read(tmp_path / "x.csv.gz")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text("01.-e,\t\"'ax\n\r #\x00\x1f\u0664", max_size=30))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with suppress(InputError):
        table = read(path)
        assert table.X.size > 0
        assert len(table.row_names or table.X) == len(table.X)
        assert len(table.column_names or table.X[0]) == table.X.shape[1]
