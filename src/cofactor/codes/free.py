"""Free codes: least squares, the truncated singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from cofactor.codes.linear import LinearCodes, LinearState
from cofactor.data import RowBlock, Rows
from cofactor.data.base import Floats
from cofactor.noise.base import Params
from cofactor.noise.gaussian import Gaussian
from cofactor.noise.least_squares import best_components
from cofactor.noise.linear import Encoded, FixedFactor


@dataclass(frozen=True)
class Free(LinearCodes[Gaussian]):
    """Codes and components without constraint: alternating least squares.

    The best solution is the truncated singular value decomposition, from which a fit starts.
    """

    name: ClassVar[str] = "free"
    requires: ClassVar[tuple[str, ...]] = ("free_codes", "nats")
    needs: ClassVar[str] = "knows the best sums of components without constraint"

    def encode(
        self,
        noise: Gaussian,
        block: RowBlock,
        factor: FixedFactor,
        codes: Floats,
        memory: Any = None,
    ) -> Encoded:
        """See :class:`LinearCodes`."""
        return noise.free_codes(block, factor)

    def improved_components(
        self, noise: Gaussian, params: Params, rows: Rows[LinearState]
    ) -> Floats:
        """See :class:`LinearCodes`."""
        return best_components(rows)
