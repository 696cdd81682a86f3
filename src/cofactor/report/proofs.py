"""What the page says of how far models can be from the best ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cofactor.report.result import Result

READINGS = {
    "rigorous": "Green is proved: no clustering has a loss there, rounding included. What lies "
    "between its end and the mark is open; there a better clustering may be, or the bound is weak.",
    "probabilistic": "Bounds with a confidence are wrong with what is left of it at most.",
    "stationarity": "At a stationary point no small change helps; what larger ones could do is "
    "known only where there is a bound, in green.",
    "free energy": "Of a free energy it is shown what share of the posterior it leaves out; how "
    "high the likelihood of other parameters could be, nobody knows.",
}


@dataclass(frozen=True)
class Proof:
    """A certificate on the page.

    Attributes
    ----------
    series : int
        The model's number in the report.
    name : str
        Of the model.
    drawing : str
        An SVG.
    sentence : str
    """

    series: int
    name: str
    drawing: str
    sentence: str


@dataclass(frozen=True)
class Proofs:
    """All certificates, and how to read them."""

    parts: list[Proof]
    notes: list[str]


def proofs(results: Sequence[Result]) -> Proofs:
    """Return the certificates of models that have one, and what their kinds mean."""
    certified = [(i, r.name, r.certificate) for i, r in enumerate(results) if r.certificate]
    kinds = {found.kind for _, _, found in certified}
    return Proofs(
        [Proof(number, name, found.drawing, str(found)) for number, name, found in certified],
        [words for kind, words in READINGS.items() if kind in kinds],
    )
