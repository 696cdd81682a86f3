"""What rounding can do to sums: the terms that make bounds rigorous."""

from __future__ import annotations

import numpy as np

UNIT = 2.0**-53
LEAST = 2.0**-960  # far above all that underflow can lose, of data whose largest entry is near 1


def growth(operations: float) -> float:
    """Return ``γ_m = m u / (1 − m u)``: the relative error of m roundings [Higham 2002, §3.1]."""
    share = operations * UNIT
    return share / (1.0 - share) if share < 0.5 else np.inf


def below(value: float) -> float:
    """Return the next smaller number."""
    return float(np.nextafter(value, -np.inf))


def above(value: float) -> float:
    """Return the next larger number."""
    return float(np.nextafter(value, np.inf))
