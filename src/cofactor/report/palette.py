"""The colours and dashes of models; apart for every eye, on light and on dark paper."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT = ("#0068aa", "#c04a00", "#007f5c", "#b4528c", "#b88100", "#3d9fd6", "#55585c")
DARK = ("#4f9fe0", "#ef7d3c", "#2fb38c", "#d98bb9", "#dfa92e", "#8fd0f5", "#b3b6ba")
DASHES = ((), (5.0, 2.5), (1.5, 2.0))  # lengths of dash and gap


@dataclass(frozen=True)
class Series:
    """How one model is drawn.

    Attributes
    ----------
    light, dark : str
        Its colour.
    dashes : tuple of float
        Lengths of dash and gap; empty for a whole line.
    """

    light: str
    dark: str
    dashes: tuple[float, ...]


def series(number: int) -> Series:
    """Return how the model of this number is drawn; colours return with other dashes."""
    colour, dashes = number % len(LIGHT), min(number // len(LIGHT), len(DASHES) - 1)
    return Series(LIGHT[colour], DARK[colour], DASHES[dashes])
