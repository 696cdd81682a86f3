"""What values a noise can produce, and what to say of others."""

from __future__ import annotations

import numpy as np

from cofactor.data import cut
from cofactor.data.base import Floats, RowBlock
from cofactor.errors import InputError


def check_nonnegative(block: RowBlock, noise: str) -> None:
    """Raise InputError unless every entry is at least 0."""
    lowest = float(block.stored.min(initial=0.0))
    if lowest < 0:
        raise InputError(
            f"Negative values in data (lowest {lowest:g}); {noise} noise expects entries of at "
            "least 0: shift the data, or use noise='gaussian'."
        )


def check_positive(block: RowBlock, noise: str) -> None:
    """Raise InputError unless every entry is above 0."""
    check_nonnegative(block, noise)
    zeros = int(block.row_entries().sum()) - int(np.count_nonzero(block.stored))
    if zeros:
        raise InputError(
            f"The data hold {zeros} zeros; {noise} noise expects entries above 0: add a small "
            "constant, or use noise='poisson'."
        )


def check_binary(block: RowBlock, noise: str) -> None:
    """Raise InputError unless every entry is 0 or 1."""
    parts = [part.stored for part in cut(block)]  # so that masks are small
    other = np.concatenate([values[(values != 0) & (values != 1)] for values in parts])
    if other.size:
        raise InputError(
            f"The data hold {other.size} entries other than 0 and 1 (first: {float(other[0]):g}); "
            f"{noise} noise expects binary data: threshold them, or use noise='poisson'."
        )


def halfway(rows: Floats, mean: Floats) -> Floats:
    """Return points between rows and the mean: inside the domain where a row is on its border.

    A mean of zero forbids a count for ever, so a row of counts makes a bad first mean.
    """
    return 0.5 * (rows + mean)
