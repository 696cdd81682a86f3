"""The demo prints and writes what its models say."""

from __future__ import annotations

import io

import pytest
from pages import as_number, read
from rich.console import Console
from sklearn.datasets import load_digits

from cofactor import demo
from cofactor.estimators import KMeans
from cofactor.report import result_of

PNG_LIMIT = 200 * 1024  # bytes, of a picture in the README


@pytest.fixture(scope="module")
def results():
    return demo.run()


@pytest.fixture(scope="module")
def output(results, tmp_path_factory):
    """What the demo leaves, fitting only once."""
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("demo")
    with patch.context() as context:
        context.setattr(demo, "run", lambda: results)
        demo.main(["--output", str(folder), "--figure", str(folder / "digits.png")])
    return folder


def table_lines(results, width):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(demo.as_table(results))
    return console.export_text().splitlines()


def test_table_has_a_row_for_each_model(results):
    lines = table_lines(results, 100)
    for result in results:
        (line,) = [line for line in lines if line.startswith(f"{result.name}  ")]
        assert as_number(line.split()[-1]) == round(result.seconds[-1], 3)
        assert result.tag in line


def test_table_fits_a_narrow_terminal(results):
    assert "…" not in "".join(table_lines(results, 80))


def test_rows_equal_a_refit(results, output):
    again = KMeans(10, n_closest=3, random_state=0).fit(load_digits().data)
    nats, _, parameters, iterations, _ = read(output / "index.html").row("k-means-C′, C′ = 3")
    expected = again.free_energy_ / load_digits().data.size
    assert as_number(nats.removesuffix("free energy")) == round(expected, 5)
    assert as_number(iterations) == again.n_iter_
    assert as_number(parameters) == result_of(again).n_parameters


def test_truncated_clusterings_lie_between_hard_clustering_and_mixture(results):
    values = [result.value for result in results[:5]]
    assert values == sorted(values)


def test_all_converged(results):
    assert all(result.converged for result in results)


def test_picture_is_small_enough_for_a_readme(output):
    picture = (output / "digits.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < PNG_LIMIT
