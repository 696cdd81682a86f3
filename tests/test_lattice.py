"""The table of cells that users see, and what it says of impossible ones."""

from __future__ import annotations

import pytest

import cofactor
from cofactor import codes, noise
from cofactor.errors import ImpossibleCellError
from cofactor.lattice import CODES, LITERATURE, SHORT_CALLS, lattice
from cofactor.model import Model
from cofactor.noise.names import NOISES

CELLS = {(cell.noise, cell.codes): cell for cell in lattice()}


def test_lattice_is_complete():
    assert set(CELLS) == {(kind, code) for kind in NOISES for code in CODES}


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: f"{cell.noise}-{cell.codes}")
def test_available_cells_are_named_and_impossible_ones_explained(cell):
    assert bool(cell.name) == bool(cell.call) == cell.available
    assert cell.reason.endswith("codes.") != cell.available


def test_tables_speak_of_available_cells_alone():
    for key in [*LITERATURE, *SHORT_CALLS]:
        assert CELLS[key].available


@pytest.mark.parametrize("cell", [c for c in CELLS.values() if c.available], ids=lambda c: c.call)
def test_calls_are_valid(cell):
    scope = {name: getattr(cofactor, name) for name in cofactor.__all__}
    assert eval(cell.call, {**scope, "C": 2}).get_params()


@pytest.mark.parametrize(
    ("kind", "code", "sentence"),
    [
        (
            noise.Bernoulli(),
            codes.ScaledOneHot(),
            "Scaled one-hot codes need a noise that knows the best multiple of a component; "
            "bernoulli noise does not: use one-hot codes.",
        ),
        (
            noise.Poisson(),
            codes.Free(),
            "Free codes need a noise that knows the best sums of components without constraint; "
            "poisson noise does not: use one-hot, scaled one-hot or nonnegative codes.",
        ),
    ],
    ids=["one way out", "three ways out"],
)
def test_impossible_cells_say_what_is_missing_and_the_way_out(kind, code, sentence):
    with pytest.raises(ImpossibleCellError) as error:
        Model(kind, code)
    assert str(error.value) == sentence
