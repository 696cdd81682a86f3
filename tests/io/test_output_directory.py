"""Results are written completely or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from cofactor.errors import InputError
from cofactor.io import OutputDirectory, output, read, to_json


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def write_one(path: Path, **options: bool) -> None:
    with OutputDirectory(path, **options) as results:
        results.write_json("a.json", [1])


def write_and_fail(path: Path, error: BaseException, **options: bool) -> None:
    with OutputDirectory(path, **options) as results:
        results.write_json("b.json", 1)
        raise error


@pytest.mark.parametrize("place", ["out", "new/deep/out"])
def test_it_appears_when_complete(tmp_path: Path, place: str) -> None:
    with OutputDirectory(tmp_path / place) as results:
        results.write_json("a.json", {"a": 1})
        assert not (tmp_path / place).exists()
    assert files(tmp_path) == {f"{place}/a.json", f"{place}/.cofactor-files"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["out", "new/deep/out"])
def test_a_failure_leaves_nothing(tmp_path: Path, place: str, error: type) -> None:
    with pytest.raises(error):
        write_and_fail(tmp_path / place, error())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    write_one(tmp_path / "out")
    with pytest.raises(OSError, match="full"):
        write_and_fail(tmp_path / "out", OSError("full"), overwrite=True)
    assert files(tmp_path) == {"out/a.json", "out/.cofactor-files"}


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_one(tmp_path / "out")
    assert "out/a.json" in files(tmp_path)


def test_overwriting_replaces_everything(tmp_path: Path) -> None:
    write_one(tmp_path / "out")
    with OutputDirectory(tmp_path / "out", overwrite=True) as results:
        results.write_json("b.json", 1)
    assert files(tmp_path) == {"out/b.json", "out/.cofactor-files"}


def refusal(path: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        write_one(path, overwrite=overwrite)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_results_are_not_overwritten_by_chance(tmp_path: Path) -> None:
    write_one(tmp_path / "out")
    assert "not empty" in refusal(tmp_path / "out")


def test_files_of_others_are_never_overwritten(tmp_path: Path) -> None:
    write_one(tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").touch()
    assert "'thesis.tex'" in refusal(tmp_path / "out", overwrite=True)
    assert "out/thesis.tex" in files(tmp_path)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is a file" in refusal(tmp_path / "file", overwrite=True)
    assert "cannot be written" in refusal(tmp_path / "file" / "out")


def test_names_stay_inside(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match=r"'\.\./a' is not a plain file name")
    with refused, OutputDirectory(tmp_path / "out") as results:
        results.write_json("../a", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [None, ["r", "s,t", '"u"']])
@pytest.mark.parametrize("columns", [None, ["a", "b"]])
def test_small_matrices_are_text(
    tmp_path: Path, dtype: type, rows: list | None, columns: list | None
) -> None:
    X = np.array([[0.1, 1 / 3], [np.nan, -np.inf], [1e-300, 3]]).astype(dtype)
    with OutputDirectory(tmp_path / "out") as results:
        results.write_matrix("x", X, rows, columns)
    table = read(tmp_path / "out" / "x.csv")
    np.testing.assert_array_equal(table.X.astype(dtype), X)
    assert table.row_names == rows
    assert table.column_names == (["0", "1"] if rows and not columns else columns)


def test_float32_is_written_short(tmp_path: Path) -> None:
    with OutputDirectory(tmp_path / "out") as results:
        results.write_matrix("x", np.full((1, 2), 0.1, dtype=np.float32))
    assert (tmp_path / "out" / "x.csv").read_text() == "0.1,0.1\n"


def test_sparse_matrices_stay_sparse(tmp_path: Path) -> None:
    with OutputDirectory(tmp_path / "out") as results:
        results.write_matrix("x", sparse.csr_array(np.eye(3)), ["r", "s", "t"])
    np.testing.assert_array_equal(read(tmp_path / "out" / "x.npz").X.toarray(), np.eye(3))
    names = json.loads((tmp_path / "out" / "x.names.json").read_text())
    assert names == {"rows": ["r", "s", "t"], "columns": None}


def test_large_matrices_are_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "CSV_CELLS", 8)
    with OutputDirectory(tmp_path / "out") as results:
        results.write_matrix("x", np.eye(3, dtype=np.float32))
    assert files(tmp_path) == {"out/x.npy", "out/.cofactor-files"}
    assert read(tmp_path / "out" / "x.npy").X.tobytes() == np.eye(3, dtype=np.float32).tobytes()


@pytest.mark.parametrize(("names", "first"), [(None, "0,2"), (["r", "s"], "r,2")])
def test_labels(tmp_path: Path, names: list | None, first: str) -> None:
    with OutputDirectory(tmp_path / "out") as results:
        results.write_labels("labels", np.array([2, 0]), names)
    lines = (tmp_path / "out" / "labels.csv").read_text().splitlines()
    assert lines[:2] == ["row,label", first]


def test_labels_need_as_many_names(tmp_path: Path) -> None:
    refused = pytest.raises(ValueError, match="argument 2")
    with refused, OutputDirectory(tmp_path / "out") as results:
        results.write_labels("labels", np.array([2, 0]), ["r"])
    assert list(tmp_path.iterdir()) == []


def test_json_is_strict() -> None:
    value = {"a": np.array([[1.5, np.nan]]), 2: (np.float32(0.5), np.int8(3), -np.inf, None, "x")}
    expected = {"a": [[1.5, None]], "2": [0.5, 3, None, None, "x"]}
    assert json.loads(to_json(value)) == expected
    with pytest.raises(TypeError):
        to_json(object())
