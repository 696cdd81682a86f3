"""The errors of cofactor: what was got, what was expected, and the way out."""

from __future__ import annotations


class InputError(ValueError):
    """Data, a file or an argument that cofactor cannot use."""


class ImpossibleCellError(InputError):
    """A combination of noise and codes that has no meaning or no algorithm."""
