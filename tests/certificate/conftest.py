"""BLAS on one thread, as in certificates: tiny matrices gain nothing from more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cofactor.engine.blas import BlasHold


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with BlasHold() as hold:
        hold()
        yield
