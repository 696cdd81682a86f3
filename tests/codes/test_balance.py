"""Scales of components that penalties like best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cells import CELLS, PRIOR, row_state
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from strategies import generators, seeds

from cofactor.codes import Nonnegative
from cofactor.codes.balance import Charge, balanced, best_scales
from cofactor.codes.steps import arrived
from cofactor.data import open_blocks
from cofactor.fit import first_rows
from cofactor.noise import Poisson
from cofactor.noise.linear import FixedFactor
from cofactor.noise.penalty import Penalty

some = settings(max_examples=30)
prior_cell = next(c for c in CELLS if c.name == "nonnegative, prior")
terms = st.sampled_from([0.0, 1e-3, 1.0, 1e4])
penalties = st.builds(Penalty, terms, terms, terms)


@some
@given(generators, penalties, penalties)
def test_scales_are_the_best_where_there_are_any(rng, of_codes, of_components):
    Z, W, w = rng.gamma(1.0, size=(9, 3)), rng.gamma(1.0, size=(3, 6)), rng.uniform(0.5, 2.0, 9)
    charges = Charge.of(of_codes, Z, w), Charge.of(of_components, W.T, np.ones(6))
    scales = best_scales(*charges)
    up = (of_codes.l1 + of_codes.l2 > 0) | (6 * of_components.log > w.sum() * of_codes.log)
    down = (of_components.l1 + of_components.l2 > 0) | (
        w.sum() * of_codes.log > 6 * of_components.log
    )
    for c, scale in enumerate(scales):

        def cost(t, c=c):
            codes, components = Z[:, c : c + 1] * np.exp(t), W[c][:, None] * np.exp(-t)
            return w @ of_codes.of(codes) + of_components.of(components).sum()

        if not (up and down):
            assert scale == 1.0
            continue
        best = minimize_scalar(cost, bounds=(-30.0, 30.0), options={"xatol": 1e-9})
        assert cost(np.log(scale)) <= best.fun + 1e-7 * max(abs(best.fun), abs(cost(0.0)))


def test_a_component_of_zeros_keeps_its_scale():
    Z, W = np.array([[0.0, 2.0], [0.0, 3.0]]), np.array([[1.0, 4.0], [0.0, 1.0]])
    charges = Charge.of(Penalty(l1=1.0), Z, np.ones(2)), Charge.of(Penalty(l1=1.0), W.T, np.ones(2))
    np.testing.assert_allclose(best_scales(*charges), [1.0, np.sqrt(1.0 / 5.0)])


@some
@given(seed=seeds, weighted=st.booleans())
def test_a_balanced_point_has_the_same_means_and_a_lower_objective(seed, weighted):
    problem = prior_cell.problem(seed)
    rng, codes = np.random.default_rng(seed), Nonnegative(PRIOR, PRIOR)
    weights = rng.choice([0.5, 2.0], len(problem.X)) if weighted else None
    blocks = open_blocks(problem.X, weights)
    params = replace(problem.start.params, components=30.0 * problem.start.params.components)
    rows = first_rows(
        problem.model, blocks, params, problem.engine, problem.start.codes, problem.columns
    )
    here = arrived(codes, Poisson(), params, rows)
    there, (past,) = balanced(codes, Poisson(), here, [here.rows.states[0].codes])
    assert there.objective < here.objective
    before, after = (
        np.vstack([s.codes for s in point.rows.states]) @ point.params.components
        for point in (here, there)
    )
    np.testing.assert_allclose(after, before, rtol=1e-9)
    np.testing.assert_array_equal(past, there.rows.states[0].codes)
    again, _ = balanced(codes, Poisson(), there, ())
    assert again is there  # nothing is left to gain
    swept = arrived(codes, Poisson(), there.params, there.rows)
    assert swept.objective <= there.objective + 1e-9 * abs(there.objective)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hessians_follow_scales(dtype):
    """So that those of rows whose codes and components change scale are as good as new ones."""
    rng = np.random.default_rng(0)
    X, W = rng.poisson(2.0, (20, 30)).astype(dtype), rng.gamma(1.0, size=(30, 3))
    Z, scales = rng.gamma(1.0, size=(20, 3)), np.array([0.2, 1.0, 7.0])
    (block,) = open_blocks(X)
    kept, new = (Poisson().memory(block, 3, warm=True) for _ in range(2))
    Poisson().nonnegative_codes(block, FixedFactor(W), Z, kept)
    kept.rescale(scales)
    Poisson().nonnegative_codes(block, FixedFactor(W / scales), Z * scales, new)
    size = np.abs(new.hessians).max()
    np.testing.assert_allclose(kept.hessians, new.hessians, rtol=0.02, atol=1e-6 * size)


def test_priors_of_any_scale_are_fitted():
    cell = prior_cell.problem(3)
    far = Nonnegative(Penalty(l1=1e5, log=0.5), Penalty(l1=1e-5, log=0.5))
    near = Nonnegative(Penalty(l1=1.0, log=0.5), Penalty(l1=1.0, log=0.5))  # the same, scaled
    fits = [replace(cell, model=replace(cell.model, codes=codes)).fit(60) for codes in (far, near)]
    means = [row_state(found, "codes") @ found.params.components for found in fits]
    np.testing.assert_allclose(means[0], means[1], rtol=1e-2)
    far_ones, near_ones = (np.sort(found.params.components, axis=0) for found in fits)
    np.testing.assert_allclose(far_ones, 1e5 * near_ones, rtol=0.02)
