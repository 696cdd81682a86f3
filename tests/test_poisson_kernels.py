"""The kernels of Poisson rows, against their NumPy twins and what they promise."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, special
from strategies import generators, seeds

from cofactor import kernels
from cofactor.data.aligned import in_lanes, in_strips
from cofactor.kernels import reference

every = pytest.mark.parametrize("name", kernels.available())
precisions = st.sampled_from([np.float32, np.float64])
storages = st.sampled_from(["dense", "int32", "int64"])
quick = settings(max_examples=30)

STEPS = {
    "multiplicative": lambda rows: (),
    "coordinate": lambda rows: (3,),
    "newton": lambda rows: (rows.hessians, 10, 0.05, 0.1),
    "newton, all new": lambda rows: (rows.hessians, 30, -1.0, 0.1),
}
every_step = st.sampled_from(sorted(STEPS))


class PoissonRows:
    """Counts, components and codes, some of them zero, which `take` improves."""

    def __init__(self, rng, dtype=np.float64, storage="int32", n=30, m=25, k=4, mean=0.7):
        self.dense = (rng.poisson(mean, (n, m)) * (rng.random((n, 1)) < 0.8)).astype(dtype)
        self.storage = storage
        self.parts = rng.gamma(0.5, size=(m, k)).astype(dtype)
        self.columns, self.rest, *_ = in_lanes(self.parts, dtype, np.zeros(0, dtype))
        self.strips = in_strips(self.parts.T, dtype)
        self.column_weights = rng.choice([0.5, 2.0], m if rng.random() < 0.5 else 0).astype(dtype)
        rows = rng.choice([1, n])  # entries of their own observed, or all
        self.totals = rng.uniform(0.5, 1.0, (rows, 1)) * self.parts.sum(axis=0, dtype=float)
        self.codes = (rng.gamma(0.5, size=(n, k)) * (rng.random((n, k)) < 0.8)).astype(dtype)
        self.l1, self.l2, self.floor = rng.choice([0.0, 0.5]), rng.choice([0.0, 0.5]), 1e-9
        self.log = rng.choice([0.0, 0.7])  # of a Gamma prior
        self.offsets = np.zeros((n, m), dtype)
        self.hessians = np.zeros((-(-n // 16), k * (k + 1) // 2, 16), dtype)
        self.before, self.loss = np.empty(n), np.empty(n)

    def set_off(self, rng):
        """Give the entries offsets, some of them zero."""
        chosen = rng.random(self.dense.shape) < 0.8
        self.offsets = (rng.gamma(0.5, size=self.dense.shape) * chosen).astype(self.dense.dtype)

    def take(self, step, implementation, *settings):
        settings = settings or STEPS[step](self)
        given, self.start = self.codes.copy(), np.full_like(self.codes, np.nan)
        kernel = f"poisson_{step.split(',')[0]}" + ("" if self.storage == "dense" else "_csr")
        getattr(implementation, kernel)(
            kernels.board_for(kernels.NOBODY),
            *self._stored,
            *self._stored_offsets(step),
            *self._components(step),
            self.totals,
            self.column_weights,
            given,
            self.start,
            self.codes,
            *settings,
            self.l1,
            self.l2,
            self.log,
            self.floor,
            self.before,
            self.loss,
        )
        return self.codes.copy(), self.loss.copy()

    def exact_loss(self, codes=None):
        """The loss of the codes in float64; `inf` where a count cannot be explained."""
        z = (self.codes if codes is None else codes).astype(float)
        nats = special.xlogy(self.weighted, z @ self.parts.T.astype(float) + self.offsets)
        own = z * (self.totals + self.l1) + 0.5 * self.l2 * z**2 - special.xlogy(self.log, z)
        return own.sum(axis=1) - nats.sum(axis=1)

    @property
    def weighted(self):
        return self.dense * (self.column_weights if self.column_weights.size else 1.0)

    @property
    def counted(self):
        return self.dense.sum(axis=1) > 0

    def _stored_offsets(self, step):
        if self.storage == "dense" or step.startswith("newton"):
            return ()
        offsets = self.offsets[self.dense > 0]
        return (offsets if offsets.any() else offsets[:0],)

    def _components(self, step):
        if self.storage == "dense" and step != "coordinate":
            return (self.strips,)
        return self.columns, self.rest

    @property
    def _stored(self):
        if self.storage == "dense":
            return (self.dense,)
        csr = sparse.csr_array(self.dense)
        return csr.indptr.astype(self.storage), csr.indices.astype(self.storage), csr.data


def take_the_same_step(got, expected, step, name, atol=1e-9):
    """Take a step by a kernel and by its twin, compare all they find, and go on from the twin's."""
    codes, loss = got.take(step, kernels.load(name))
    other_codes, other_loss = expected.take(step, reference)
    np.testing.assert_allclose(codes, other_codes, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-9, atol=atol)
    np.testing.assert_allclose(got.start, expected.start, rtol=1e-12)
    np.testing.assert_allclose(got.before, expected.before, rtol=1e-9, atol=atol)
    np.testing.assert_allclose(got.hessians, expected.hessians, rtol=1e-6, atol=1e-9)
    got.codes, got.hessians = other_codes.copy(), expected.hessians.copy()


@every
@quick
@given(seeds, storages, every_step, st.integers(1, 40), st.integers(1, 30), st.integers(1, 70))
def test_kernels_match_reference(name, seed, storage, step, n, m, k):
    def problem():
        return PoissonRows(np.random.default_rng(seed), np.float64, storage, n, m, k)

    got, expected = problem(), problem()
    for _ in range(3):
        take_the_same_step(got, expected, step, name)


@every
@quick
@given(seeds, precisions, st.integers(1, 300), st.integers(1, 70), st.booleans())
def test_components_are_laid_out_like_the_reference(name, seed, dtype, m, k, weighted):
    rng = np.random.default_rng(seed)
    matrix = rng.gamma(0.5, size=(m, k)).astype(dtype)
    weights = rng.uniform(0.5, 2.0, m * weighted).astype(dtype)
    expected = in_lanes(matrix, dtype, weights)
    got = [np.full_like(part, np.nan) for part in expected]
    for part, kernel in ((got, kernels.load(name)), (expected, reference)):
        kernel.lay_components(matrix, weights, *part[:2], part[2][0])
    for part in (0, 1):
        np.testing.assert_array_equal(got[part], expected[part])
    np.testing.assert_array_equal(np.hstack(got[:2])[:, :k], matrix)
    np.testing.assert_allclose(got[2], expected.totals, rtol=1e-14)


@every
@quick
@given(seeds, precisions, st.sampled_from(["int32", "int64"]), every_step, st.integers(1, 70))
def test_kernels_lay_out_components_that_nobody_has(name, seed, dtype, storage, step, k):
    """To the bit as they are laid out beforehand, with the sums of columns or without."""
    found, load = [], kernels.load(name)
    for given_totals in (True, False, None):
        problem = PoissonRows(np.random.default_rng(seed), dtype, storage, k=k)
        *laid_out, totals = in_lanes(problem.parts, dtype, problem.column_weights)
        load.lay_components(problem.parts, problem.column_weights, *laid_out, totals[0])
        problem.columns, problem.rest = laid_out if given_totals is None else as_given(problem)
        problem.totals = totals[:0] if given_totals is False else totals
        found.append((*problem.take(step, load), problem.before))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def as_given(problem):
    return problem.parts, np.empty((0, 0), problem.parts.dtype)


@every
@quick
@given(seeds, precisions, st.integers(1, 1500), st.integers(1, 70))
def test_hessians_match_reference_in_their_precision(name, seed, dtype, m, k):
    """To two digits in float32: processors may round what they multiply to 8 bits."""
    got, expected = (PoissonRows(np.random.default_rng(seed), dtype, n=3, m=m, k=k) for _ in "ab")
    got.take("newton, all new", kernels.load(name))
    expected.take("newton, all new", reference)
    i, j = np.tril_indices(k)
    diagonal = np.sqrt(expected.hessians[:, i == j].astype(float))
    allowed = diagonal[:, i] * diagonal[:, j]
    error = np.abs(got.hessians.astype(float) - expected.hessians)
    assert (error <= {np.float32: 2.0**-7, np.float64: 1e-12}[dtype] * allowed).all()


@every
@quick
@given(generators, storages, every_step)
def test_no_step_raises_the_loss(name, rng, storage, step):
    problem = PoissonRows(rng, storage=storage)
    for _ in range(5):
        before = problem.exact_loss()
        _, loss = problem.take(step, kernels.load(name))
        after = problem.exact_loss()
        np.testing.assert_allclose(loss, after, rtol=1e-12, atol=1e-12)
        begun = problem.exact_loss(problem.start)
        np.testing.assert_allclose(problem.before, begun, rtol=1e-12, atol=1e-12)
        assert (after <= before + 1e-12 * np.abs(after)).all()


@every
@quick
@given(seeds, st.sampled_from(["multiplicative", "coordinate"]), st.integers(1, 70))
def test_offsets_are_added_to_fitted_values(name, seed, step, k):
    def problem():
        rows = PoissonRows(np.random.default_rng(seed), k=k)
        rows.set_off(np.random.default_rng(seed + 1))
        return rows

    got, expected = problem(), problem()
    for _ in range(3):
        before = got.exact_loss()
        codes, loss = got.take(step, kernels.load(name))
        other_codes, other_loss = expected.take(step, reference)
        np.testing.assert_allclose(codes, other_codes, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(loss, other_loss, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(loss, got.exact_loss(), rtol=1e-12, atol=1e-12)
        assert (loss <= before + 1e-12 * np.abs(loss)).all()
        got.codes = other_codes.copy()


@every
@quick
@given(generators, every_step, st.integers(1, 40))
def test_loss_belongs_to_the_codes_in_float32(name, rng, step, k):
    problem = PoissonRows(rng, np.float32, k=k)
    codes, loss = problem.take(step, kernels.load(name))
    assert codes.dtype == np.float32
    np.testing.assert_allclose(loss, problem.exact_loss(), rtol=1e-4, atol=1e-4)


@every
@settings(max_examples=15)
@given(seeds, precisions, st.integers(1, 900), st.integers(-12, 12))
def test_losses_agree_with_fifty_digits(name, seed, dtype, m, power):
    """Those of counts up to thousands, with fitted values about one, and far from it."""
    rng = np.random.default_rng(seed)
    problem = PoissonRows(rng, dtype, n=2, m=m)
    problem.dense *= np.round(rng.lognormal(0, 2, problem.dense.shape))
    problem.codes = (problem.codes + 0.1) * dtype(4.0**power)
    begun = problem.codes.copy()
    problem.take("multiplicative", kernels.load(name))
    for row, found in enumerate(problem.before * problem.counted):
        exact, size = _loss_of_fifty_digits(problem, row, begun[row])
        assert abs(found - exact) <= {np.float32: 1e-6, np.float64: 1e-14}[dtype] * size


def _loss_of_fifty_digits(problem, row, z):
    """Return a row's loss, and the sum of what its terms and their rounding may be."""
    entries = np.flatnonzero(problem.dense[row])
    totals = np.broadcast_to(problem.totals, problem.codes.shape)[row]
    with mpmath.workdps(50):
        z = [mpmath.mpf(float(code)) for code in z]
        terms = [
            z_k * (float(t) + problem.l1) + problem.l2 / 2 * z_k**2
            for z_k, t in zip(z, totals, strict=True)
        ]
        size = sum(terms)
        for of_prior in [problem.log * mpmath.log(z_k) for z_k in z]:
            terms.append(-of_prior)
            size += problem.log + abs(of_prior)
        for j in entries:
            x = float(problem.weighted[row, j])
            log = mpmath.log(
                sum(z_k * float(h) for z_k, h in zip(z, problem.parts[j], strict=True))
            )
            terms.append(-x * log)
            size += x * (1 + abs(log))
        return (sum(terms), size) if len(entries) else (0, 0)


@every
@quick
@given(seeds, every_step, st.integers(1, 200), st.integers(1, 70))
def test_indices_do_not_change_a_bit(name, seed, step, m, k):
    narrow, wide = (
        PoissonRows(np.random.default_rng(seed), np.float32, storage, 30, m, k)
        for storage in ("int32", "int64")
    )
    for got, expected in zip(
        narrow.take(step, kernels.load(name)), wide.take(step, kernels.load(name)), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@every
@quick
@given(seeds, every_step, st.integers(1, 70), st.integers(1, 400), st.integers(1, 70))
def test_dense_rows_differ_by_rounding(name, seed, step, n, m, k):
    """Lists of counts and panels of dense ones are added up in other orders."""
    dense, listed = (
        PoissonRows(np.random.default_rng(seed), np.float64, storage, n, m, k)
        for storage in ("dense", "int32")
    )
    codes, loss = dense.take(step, kernels.load(name))
    others, other_loss = listed.take(step, kernels.load(name))
    np.testing.assert_allclose(codes, others, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dense.before, listed.before, rtol=1e-12, atol=1e-12)


@every
@quick
@given(seeds, st.integers(1, 70), st.integers(1, 400), st.integers(1, 70))
def test_dense_steps_are_those_of_lists_in_float32(name, seed, n, m, k):
    dense, listed = (
        PoissonRows(np.random.default_rng(seed), np.float32, storage, n, m, k)
        for storage in ("dense", "int32")
    )
    codes, loss = dense.take("multiplicative", kernels.load(name))
    others, other_loss = listed.take("multiplicative", kernels.load(name))
    np.testing.assert_allclose(codes, others, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(loss, other_loss, rtol=1e-5, atol=1e-4)


@every
@quick
@given(seeds, storages, every_step, st.integers(0, 2))
def test_rows_do_not_depend_on_those_beside_them(name, seed, storage, step, blocks):
    """But for the blocks of 16 that Hessians are kept in."""
    cut, n, implementation = 16 * blocks, 37, kernels.load(name)

    def problem(rows):
        part = PoissonRows(np.random.default_rng(seed), np.float32, storage, n)
        part.dense, part.offsets = part.dense[rows], part.offsets[rows]
        part.codes, part.loss = part.codes[rows], part.loss[rows]
        part.before = part.before[rows]
        part.totals = part.totals[rows] if len(part.totals) == n else part.totals
        part.hessians = part.hessians[: -(-len(part.codes) // 16)].copy()
        return part

    whole = problem(slice(None)).take(step, implementation)
    parts = [problem(rows).take(step, implementation) for rows in (slice(cut), slice(cut, None))]
    for got, expected in zip(map(np.concatenate, zip(*parts, strict=True)), whole, strict=True):
        np.testing.assert_array_equal(got, expected)


@every
@pytest.mark.parametrize("step", ["coordinate", "newton"])
@pytest.mark.parametrize("log", [0.0, 0.7])
def test_codes_come_to_satisfy_the_optimality_conditions(name, step, log):
    problem = PoissonRows(np.random.default_rng(1))
    problem.floor, problem.log = 0.0, log
    problem.codes += 0.1
    for _ in range(200):
        problem.take(step, kernels.load(name))
    z, h = problem.codes[problem.counted], problem.parts
    rates = problem.weighted[problem.counted] / (z @ h.T)
    totals = np.broadcast_to(problem.totals, problem.codes.shape)[problem.counted]
    slope = totals + problem.l1 + problem.l2 * z - log / np.maximum(z, 1e-300) - rates @ h
    assert (slope > -1e-6).all()
    np.testing.assert_allclose(z * slope, 0.0, atol=1e-6)


@every
@pytest.mark.parametrize("step", ["coordinate", "newton"])
def test_a_zero_code_can_leave_zero(name, step):
    problem = PoissonRows(np.random.default_rng(2))
    problem.codes[:], problem.log = 0.0, 0.0
    codes, loss = problem.take(step, kernels.load(name))
    assert np.isfinite(loss).all()
    assert (codes[problem.counted].max(axis=1) > problem.floor).all()
    assert (codes[~problem.counted] == 0).all()


@every
@pytest.mark.parametrize("step", sorted(STEPS))
def test_an_unreachable_count_has_infinite_loss(name, step):
    problem = PoissonRows(np.random.default_rng(3))
    problem.columns[:], problem.rest[:], problem.log = 0.0, 0.0, 0.0
    _, loss = problem.take(step, kernels.load(name))
    np.testing.assert_array_equal(loss, np.where(problem.counted, np.inf, 0.0))


@every
@quick
@given(generators, storages, every_step, st.sampled_from([np.float32, np.float64]))
def test_one_component_under_a_prior_has_a_closed_form(name, rng, storage, step, dtype):
    """With the row's total ``t`` it is the root of ``l2 z² + (Σh + l1) z = t + log``."""
    problem = PoissonRows(rng, dtype, storage, k=1)
    problem.parts = np.maximum(problem.parts, dtype(0.01))
    problem.columns, problem.rest, *_ = in_lanes(problem.parts, dtype, np.zeros(0, dtype))
    problem.strips = in_strips(problem.parts.T, dtype)
    problem.log = 0.7
    for _ in range(60):
        codes, _ = problem.take(step, kernels.load(name))
    price = np.broadcast_to(problem.totals + problem.l1, codes.shape)[:, 0]
    pull = problem.weighted.sum(axis=1) + problem.log
    expected = 2 * pull / (price + np.sqrt(price**2 + 4 * problem.l2 * pull))
    allowed = {np.float32: 1e-3, np.float64: 1e-6}[dtype]  # roots of what losses are known to
    np.testing.assert_allclose(codes[:, 0], expected, rtol=allowed)


@every
@settings(max_examples=5)
@given(seeds, storages, st.sampled_from(["coordinate", "newton"]), st.integers(2, 6))
def test_newton_steps_under_a_prior_come_to_where_em_does(name, seed, storage, step, k):
    em, newton = (PoissonRows(np.random.default_rng(seed), storage=storage, k=k) for _ in "ab")
    em.log = newton.log = 0.7
    em.l1 = newton.l1 = 0.5
    for _ in range(3000):
        em.take("multiplicative", kernels)
    for _ in range(60):
        newton.take(step, kernels.load(name))
    assert (newton.loss <= em.loss + 1e-9 * np.abs(em.loss)).all()
    np.testing.assert_allclose(newton.codes, em.codes, rtol=1e-3, atol=1e-5)


@every
@pytest.mark.parametrize("step", ["multiplicative", "coordinate"])
def test_losses_need_not_be_asked_for(name, step):
    asked, unasked = (PoissonRows(np.random.default_rng(4)) for _ in range(2))
    unasked.before = unasked.loss = np.zeros(0)
    expected, _ = asked.take(step, kernels.load(name))
    codes, _ = unasked.take(step, kernels.load(name))
    np.testing.assert_array_equal(codes, expected)


@every
@quick
@given(seeds, storages, st.integers(1, 40), st.integers(1, 30), st.integers(1, 70), st.booleans())
def test_blind_steps_match_reference(name, seed, storage, n, m, k, doubting):
    got, expected = (
        PoissonRows(np.random.default_rng(seed), np.float64, storage, n, m, k) for _ in range(2)
    )
    got.loss = expected.loss = np.zeros(0)
    if not doubting:
        got.before = expected.before = np.zeros(0)
    for _ in range(3):
        take_the_same_step(got, expected, "newton", name)


def beyond_caches(n):
    """Rows whose components, 4.2 MB, they meet in two stretches, no more than 512 at a time."""
    rows = PoissonRows(np.random.default_rng(5), n=n, m=11_000, k=48, mean=0.15)
    rows.column_weights = np.zeros(0)
    return rows


@every
@pytest.mark.parametrize("log", [0.0, 0.7])
@pytest.mark.parametrize("blind", [False, True])
def test_components_that_no_cache_holds_match_reference(name, log, blind):
    got, expected = beyond_caches(24), beyond_caches(24)
    for rows in (got, expected):
        rows.log = log
        rows.codes[[3, -1]] = 0  # which explain no count, and are lifted
        if blind:
            rows.loss = np.zeros(0)
    for _ in range(2):
        take_the_same_step(got, expected, "newton", name, atol=0)


@pytest.mark.parametrize("name", [name for name in kernels.available() if name != "reference"])
def test_groups_that_meet_components_together_do_not_change_a_bit(name):
    whole, part = beyond_caches(520), beyond_caches(520)
    last = slice(496, 520)  # the end of a group, and the beginning of the next one
    part.dense, part.codes = part.dense[last], part.codes[last]
    part.hessians, part.before, part.loss = part.hessians[31:], part.before[last], part.loss[last]
    if len(part.totals) > 1:
        part.totals = part.totals[last]
    implementation = kernels.load(name)
    for _ in range(2):
        codes, loss = whole.take("newton", implementation)
        other_codes, other_loss = part.take("newton", implementation)
        np.testing.assert_array_equal(codes[last], other_codes)
        np.testing.assert_array_equal(loss[last], other_loss)


@every
def test_blind_steps_differ_only_where_they_rise(name):
    """A look at the losses changes nothing for rows that lose less without it."""
    risen = 0
    for seed in range(20):
        seeing, blind = (PoissonRows(np.random.default_rng(seed), n=64) for _ in range(2))
        blind.before = blind.loss = np.zeros(0)
        before = blind.exact_loss()
        taken = []
        for problem in (seeing, blind):
            problem.hessians[:] = 1.0  # of other data, and never renewed at first
            settings = problem.hessians, 5, 100.0, 0.0
            taken.append(problem.take("newton", kernels.load(name), *settings)[0])
        expected, codes = taken
        rose = blind.exact_loss() > before + 1e-9 * np.abs(before)
        np.testing.assert_array_equal(codes[~rose], expected[~rose])
        assert (codes[rose] != expected[rose]).any(axis=1).all()
        risen += rose.sum()
    assert risen > 0


@every
def test_rows_that_an_old_hessian_moves_far_are_looked_at(name):
    """Where their losses before are known: what rises is moved by a new Hessian instead."""
    risen = {0.0: 0, 1e9: 0}
    for seed in range(20):
        for trust in risen:
            problem = PoissonRows(np.random.default_rng(seed), n=64)
            problem.loss, problem.hessians[:] = np.zeros(0), 1.0
            before = problem.exact_loss()
            problem.take("newton", kernels.load(name), problem.hessians, 5, 100.0, trust)
            risen[trust] += (problem.exact_loss() > before + 1e-9 * np.abs(before)).sum()
    assert risen[0.0] < 0.2 * risen[1e9]


@every
@quick
@given(seeds, precisions, st.sampled_from(["int32", "int64"]), st.integers(1, 70), st.booleans())
def test_explained_counts_are_sums_of_rates_times_components(name, seed, dtype, storage, k, off):
    rng = np.random.default_rng(seed)
    p = PoissonRows(rng, dtype, storage, n=30, m=25, k=k)
    if off:
        p.set_off(rng)
    found = np.full_like(p.codes, np.nan)
    kernels.load(name).poisson_explained_csr(
        kernels.board_for(kernels.NOBODY),
        *p._stored,
        *p._stored_offsets("multiplicative"),
        *p._components("multiplicative"),
        p.totals,
        p.column_weights,
        p.codes,
        found,
    )
    parts = p.parts.astype(float)
    fitted = p.codes.astype(float) @ parts.T + p.offsets
    rates = np.where(fitted > 1e-30, p.weighted / np.maximum(fitted, 1e-300), 0.0)
    np.testing.assert_allclose(found, rates @ parts, rtol=1e-3 if dtype == np.float32 else 1e-10)
