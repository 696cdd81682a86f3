"""Numbers as readers like them, and the words that go with them."""

from __future__ import annotations

import numpy as np

MINUS = "\N{MINUS SIGN}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

FREE_ENERGY = "free energy"
MARGINAL = "log-likelihood"
CONDITIONAL = "conditional log-likelihood"
DIVERGENCE = "minus the divergence"
DIGITS = 5  # of nats per entry: a nat in a data set of 100,000 entries

TAGS = {
    MARGINAL: "log p(X): every code that a row could have is summed over.",
    FREE_ENERGY: (
        "A lower bound of the log-likelihood: only the codes that the model keeps for a row are "
        "summed over. The same scale as the log-likelihood; the gap is what was left out."
    ),
    CONDITIONAL: (
        "log p(X | codes): the fitted codes are taken as known, so they count as parameters. "
        "It flatters the model; compare it with the other two only on rows held out."
    ),
    DIVERGENCE: "A loss that belongs to no likelihood: compare it with the same loss alone.",
}

KINDS = {
    "density": "Continuous noise, density",
    "mass": "Counts, probability",
    "divergence": "Divergence, no likelihood",
}

PROPER_NAMES = ("Gaussian", "Poisson", "Bernoulli", "Mises-Fisher")


def proper(name: str) -> str:
    """Return a noise's name with the capitals of people's names."""
    return next((name.replace(p.lower(), p) for p in PROPER_NAMES if p.lower() in name), name)


def number(value: float, digits: int) -> str:
    """Return a number with a fixed number of decimals, a real minus sign and thousands apart."""
    return f"{value:,.{digits}f}".replace("-", MINUS)


def short(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:.3g}".replace("-", MINUS)


def scientific(factor: int, exponent: int) -> str:
    """Return ``factor · 10^exponent``: plainly if it is near 1, else as ``5·10⁻³``."""
    if -2 <= exponent <= 3:
        return f"{factor * 10.0**exponent:g}"
    power = "10" + str(exponent).translate(SUPERSCRIPTS)
    return power if factor == 1 else f"{factor}·{power}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return "<1" if 0 < share < 0.005 else str(int(np.floor(100 * share + 0.5)))
