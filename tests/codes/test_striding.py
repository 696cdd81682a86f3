"""Strides of codes, and the way back from those that raise the objective."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import scipy.sparse as sp
from cells import CELLS
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import seeds

from cofactor.codes import MultiplicativeNonnegative, Nonnegative, StridingNonnegative
from cofactor.codes.nonnegative import HastyNonnegative
from cofactor.codes.shuffled import ShuffledNonnegative
from cofactor.codes.steps import Point, Steady
from cofactor.codes.striding import CHUNK_ROWS, Striding, stride_length, strode
from cofactor.data import Baseline
from cofactor.data.baseline import FactoredOffset
from cofactor.engine import ThreadEngine
from cofactor.engine.pool import Pool
from cofactor.model import Model
from cofactor.noise import Gaussian, Poisson

striding_cells = [cell for cell in CELLS if isinstance(cell.model.steps(), Striding)]
poisson = next(cell for cell in striding_cells if cell.name == "nonnegative")


@dataclass(frozen=True)
class Careless(HastyNonnegative):
    """Bold codes whose components know nothing now and then."""

    calls: list = field(default_factory=list)
    often: int = 1

    def improved_components(self, noise, params, rows):
        self.calls.append(rows)
        found = super().improved_components(noise, params, rows)
        return found if len(self.calls) % self.often else np.full_like(found, found.mean())


@dataclass(frozen=True)
class Rash(Nonnegative):
    """Nonnegative codes that go on from careless steps."""

    careless: Careless = field(default_factory=Careless)

    def steps(self, noise):
        return Striding(noise, self.careless, Nonnegative())


def begun(often):
    """Return a point past the multiplicative steps of a fit, and careless steps from there."""
    problem = replace(poisson.problem(seed=0), block_rows=13)
    start = problem.fit(3)
    known = [replace(state, ahead=None) for state in start.rows.states]
    rows = replace(start.rows, states=known)
    here = Point(start.params, rows, start.statistics, start.objective)
    return here, Rash(careless=Careless(often=often)).steps(Poisson())


def all_codes(rows):
    return np.concatenate([state.latest for state in rows.states])


def test_cells_that_stride():
    assert {repr(cell) for cell in striding_cells} == {
        repr(cell)
        for cell in CELLS
        if isinstance(cell.codes, StridingNonnegative)
        or (type(cell.codes) is Nonnegative and isinstance(cell.source.noise, Poisson))
    }
    rng = np.random.RandomState(0)
    for noise, codes in (
        (Gaussian(), Nonnegative()),
        (Poisson(), MultiplicativeNonnegative()),
        (Poisson(), ShuffledNonnegative(rng=rng)),
    ):
        assert isinstance(Model(noise, codes).steps(), Steady)


def test_length_grows_to_its_bound():
    assert [stride_length(i) for i in (0, 1, 3)] == [0.0, 0.25, 0.5]
    assert stride_length(1000) == 0.9


def test_strides_leave_part_of_a_code():
    codes, before = np.array([[1.0, 1.0, 0.0]]), np.array([[0.5, 9.0, 0.0]])
    np.testing.assert_allclose(strode(codes, before, 0.5), [[1.25, 0.1, 0.0]])


def test_strides_of_many_rows_are_those_of_each():
    codes, before = np.random.default_rng(0).random((2, 2 * CHUNK_ROWS + 7, 3))
    whole = np.maximum((codes - before) * 0.75 + codes, 0.1 * codes)
    np.testing.assert_array_equal(strode(codes, before, 0.75), whole)


@pytest.mark.parametrize("cell", striding_cells, ids=repr)
@settings(max_examples=10)
@given(
    seed=seeds,
    d=st.integers(2, 9),
    k=st.integers(1, 4),
    masked=st.booleans(),
    exposed=st.booleans(),
    shifted=st.booleans(),
    sparse=st.booleans(),
)
def test_objective_never_rises(cell, seed, d, k, masked, exposed, shifted, sparse):
    rng = np.random.default_rng(seed)
    problem = cell.problem(seed, 50, d, k)
    X = problem.X.astype(rng.choice([np.float32, np.float64]))
    exposures = rng.uniform(0.5, 2.0, 50) if exposed else None
    offset = FactoredOffset(np.ones((50, 1)), rng.uniform(0.1, 1.0, (1, d))) if shifted else None
    problem = replace(
        problem,
        X=sp.csr_array(X) if sparse else X,
        weights=rng.choice([0.0, 0.5, 1.0, 2.0], 50, p=[0.1, 0.3, 0.3, 0.3]),
        observed=rng.uniform(size=X.shape) < 0.8 if masked else None,
        baseline=Baseline(exposures, offset),
        block_rows=13,
    )
    objective = np.array(problem.fit(25).trace.objective)
    assert np.isfinite(objective).all()
    assert np.diff(objective).max() <= 0.0


def test_steps_that_rise_are_taken_back():
    """If every bold step rises, a fit takes careful ones, and no other.

    They go on from what the bold ones have left beside the rows.
    """
    (here, rash), (there, _) = begun(often=1), begun(often=1)
    careless, steady = Steady(Careless(), Poisson()), Steady(Nonnegative(), Poisson())
    for _ in range(4):
        (here, rash), before = rash(here), here
        careless(there)
        there, _ = steady(there)
        np.testing.assert_array_equal(here.params.components, there.params.components)
        np.testing.assert_array_equal(all_codes(here.rows), all_codes(there.rows))
        assert here.objective == there.objective < before.objective
    assert len(rash.bold.calls) == 4


def test_strides_begin_anew_after_a_way_back():
    here, rash = begun(often=4)
    taken = []
    for _ in range(6):
        (here, rash), before = rash(here), here
        taken.append(rash.taken)
        assert here.objective < before.objective
    assert taken == [1, 2, 3, 0, 1, 2]
    np.testing.assert_array_equal(np.concatenate(rash.behind), all_codes(before.rows))


def test_a_fit_stays_where_rounding_lifts_every_step():
    """Single precision has a best point, from which no step leads down."""
    problem = poisson.problem(seed=1)
    problem = replace(problem, X=problem.X.astype(np.float32))
    objective = problem.fit(400).trace.objective
    assert np.diff(objective).max() <= 0
    assert (np.diff(objective)[-20:] == 0).any()


def test_long_strides_rise_and_every_thread_goes_back(monkeypatch):
    """Strides far too long do rise; the way back is the same for any number of threads."""
    backs = []
    instead = Striding._instead
    monkeypatch.setattr("cofactor.codes.striding.stride_length", lambda taken: 3.0 * (taken > 0))
    monkeypatch.setattr(
        Striding, "_instead", lambda self, here: backs.append(self.taken) or instead(self, here)
    )
    problem = replace(poisson.problem(seed=3), block_rows=4)
    serial = problem.fit(20)
    n_backs = len(backs)
    assert n_backs > 0
    assert np.diff(serial.trace.objective).max() <= 0
    for n_threads in (1, 2, 3, 7):
        with Pool(n_threads) as pool:
            threaded = replace(problem, engine=ThreadEngine(pool, n_threads)).fit(20)
        np.testing.assert_array_equal(threaded.params.components, serial.params.components)
        assert threaded.trace.objective == serial.trace.objective
    assert len(backs) == 5 * n_backs


@dataclass(frozen=True)
class Rounded(Nonnegative):
    """Careful codes whose first few steps are lifted, as rounding may lift them."""

    calls: list = field(default_factory=list)
    lifted: int = 1

    def improved_components(self, noise, params, rows):
        self.calls.append(rows)
        found = super().improved_components(noise, params, rows)
        return found if len(self.calls) > self.lifted else np.full_like(found, found.mean())


@pytest.mark.parametrize(("lifted", "goes_on"), [(0, True), (1, True), (7, True), (8, False)])
def test_a_few_careful_steps_may_rise_before_one_falls(lifted, goes_on):
    here, steps = begun(often=1)
    there, _ = replace(steps, careful=Rounded(lifted=lifted))(here)
    assert (there.objective < here.objective) == goes_on
    assert there.objective <= here.objective
