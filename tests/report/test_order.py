"""Components of all models in one order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cofactor.report.order import arranged


def test_first_model_is_in_the_order_of_its_shares(results):
    assert (np.diff(arranged(results)[0].share) <= 0).all()


@given(order=st.permutations(range(4)))
def test_a_permuted_model_is_put_back(results, order):
    first = results[0]
    shown = arranged([first, first.ordered(np.array(order))])
    np.testing.assert_array_equal(shown[0].components, shown[1].components)
    np.testing.assert_array_equal(shown[0].numbers, shown[1].numbers)


def test_nothing_is_lost(results):
    for before, after in zip(results, arranged(results), strict=True):
        assert sorted(after.numbers) == list(range(len(before.components)))
        np.testing.assert_array_equal(before.components[after.numbers], after.components)
        np.testing.assert_array_equal(before.share[after.numbers], after.share)


def test_unmatched_components_follow(results):
    more, fewer = results[1], results[0].ordered(np.array([0, 1]))
    assert len(arranged([more, fewer])[1].components) == 2
    assert len(arranged([fewer, more])[1].components) == len(more.components)


def test_factorizations_alone_keep_their_order_without_shares(results):
    unknown = replace(results[2], share=None)
    np.testing.assert_array_equal(arranged([unknown])[0].components, unknown.components)
