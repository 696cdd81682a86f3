"""Simplex codes: each row is a weighted average of the components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cofactor.codes.linear import LinearCodes, LinearState
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.linear import Encoded, FixedFactor, SimplexNoise


@dataclass(frozen=True)
class Simplex(LinearCodes[SimplexNoise]):
    """``z_n ≥ 0`` with ``Σ_c z_nc = 1``.

    With multinomial noise this is PLSA [Hofmann 1999], with Gaussian noise a convex mixture.
    """

    name: ClassVar[str] = "simplex"
    requires: ClassVar[tuple[str, ...]] = ("simplex_codes", "simplex_components", "nats")
    needs: ClassVar[str] = "knows how to improve weighted averages of components"
    needs_columns: ClassVar[bool] = True

    def encode(
        self,
        noise: SimplexNoise,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """See :class:`LinearCodes`."""
        return noise.simplex_codes(block, factor, codes)

    def improved_components(
        self, noise: SimplexNoise, params: Params, rows: Rows[LinearState]
    ) -> Floats:
        """See :class:`LinearCodes`."""
        return noise.simplex_components(params, rows)
