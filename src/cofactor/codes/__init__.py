"""What a row's code may be, one file per kind of code."""

from cofactor.codes.base import Codes
from cofactor.codes.free import Free
from cofactor.codes.nonnegative import (
    MultiplicativeNonnegative,
    Nonnegative,
    StridingNonnegative,
)
from cofactor.codes.onehot import OneHot
from cofactor.codes.scaled_onehot import ScaledOneHot
from cofactor.codes.semi_nonnegative import SemiNonnegative
from cofactor.codes.simplex import Simplex

EVERY_CODES = (OneHot, ScaledOneHot, Simplex, Nonnegative, SemiNonnegative, Free)

__all__ = [
    "EVERY_CODES",
    "Codes",
    "Free",
    "MultiplicativeNonnegative",
    "Nonnegative",
    "OneHot",
    "ScaledOneHot",
    "SemiNonnegative",
    "Simplex",
    "StridingNonnegative",
]
