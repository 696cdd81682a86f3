"""``cofactor report`` shows fits as one page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from program import Run


@pytest.fixture
def fitted(run: Run, counts: Path) -> Path:
    """Two models of the same data, and one of other data."""
    np.save("other.npy", np.eye(9))
    for data, name in ((counts, "one"), (counts, "two"), ("other.npy", "other")):
        assert run("fit", data, "-m", "kmeans", "-k", 2, "-o", name, "-q").code == 0
    return Path("one")


def refusal(run: Run, *words: object) -> str:
    outcome = run("report", *words, "-o", "page.html")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert not list(Path().glob("*page.html*"))
    return outcome.err


def test_a_page_compares_fits(run: Run, fitted: Path) -> None:
    outcome = run("report", fitted, "two", "--title", "Two clusterings")
    assert (outcome.code, outcome.err) == (0, "")
    page = Path("report.html").read_text()
    for fact in ("Two clusterings", "one: kmeans", "two: kmeans", "60 rows and 5 columns"):
        assert fact in page


def test_rows_as_images(run: Run, fitted: Path) -> None:
    assert run("report", fitted, "--image", "1x5", "-o", "page.html").code == 0
    assert "data:image/png" in Path("page.html").read_text()


def test_fits_of_other_data(run: Run, fitted: Path) -> None:
    assert "other was fitted to" not in refusal(run, fitted, "other").partition("but other")[0]
    assert "9 rows" in refusal(run, fitted, "other")


@pytest.mark.parametrize(("image", "fact"), [("8", "such as 8x8"), ("7x7", "5")])
def test_images_of_another_size(run: Run, fitted: Path, image: str, fact: str) -> None:
    assert fact in refusal(run, fitted, "--image", image)


def test_no_fit(run: Run, fitted: Path) -> None:
    assert "none" in refusal(run, "none")
    Path("one/summary.json").unlink()
    assert "summary.json" in refusal(run, fitted)


def test_a_damaged_summary(run: Run, fitted: Path) -> None:
    Path("one/summary.json").write_text("{")
    assert "summary.json" in refusal(run, fitted)
    Path("one/summary.json").write_text("{}")
    assert "summary.json" in refusal(run, fitted)
