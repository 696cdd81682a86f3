"""A certificate is drawn to scale, and says what it says in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from cofactor import certify
from cofactor.certificate.picture import LEFT, RIGHT, WIDTH, bar, figure, ruler


def drawn(lower, upper):
    return ElementTree.fromstring(bar(lower, upper, "this", "a < b & c"))


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 2.0), (1.5, 2.0), (2.0, 2.0), (0.0, 0.0)])
def test_the_bar_is_parted_where_the_bound_lies(lower, upper):
    proved, left = drawn(lower, upper).iter("rect")
    length = WIDTH - LEFT - RIGHT
    share = lower / upper if upper else 1.0
    assert float(proved.get("width")) == pytest.approx(length * share, abs=0.01)
    assert float(left.get("width")) == pytest.approx(length * (1 - share), abs=0.01)


@pytest.mark.parametrize(("value", "share"), [(0.0, 0.0), (1e-12, 0.0), (1e-6, 0.5), (1.0, 1.0)])
def test_the_ruler_is_logarithmic(value, share):
    _, shaded = ElementTree.fromstring(ruler(value, "left", "a < b & c")).iter("rect")
    length = WIDTH - LEFT - RIGHT
    assert float(shaded.get("width")) == pytest.approx(length * share, abs=0.01)


def test_words_are_kept_as_they_are():
    assert drawn(1.0, 2.0).get("aria-label") == "a < b & c"
    shown = ElementTree.fromstring(figure(bar(1.0, 2.0, "this", "that"), "a < b & c"))
    assert shown.find("figcaption").text == "a < b & c"


def test_notebooks_show_what_print_says():
    X = np.random.default_rng(0).normal(size=(30, 2))
    found = certify((X[:, 0] > 0).astype(int), X, method="principal")
    caption = ElementTree.fromstring(found._repr_html_()).find("figcaption").text
    assert caption == str(found)
    assert re.search(r"at most [\d.]+ % of it could be saved", caption)
