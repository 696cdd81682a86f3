"""What a certificate says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.picture import picture


class Bound(NamedTuple):
    """A lower bound, at the moment when it was proved.

    Attributes
    ----------
    seconds : float
        Since the beginning.
    lower : float
        No clustering has a smaller inertia.
    method : str
    """

    seconds: float
    lower: float
    method: str


Watcher = Callable[[Bound], object]

REASONS = {
    "proved": "the gap is as small as was asked for",
    "solved": "a better clustering is proved to be the best",
    "time": "the time was over",
    "interrupted": "it was interrupted",
    "stopped": "a callback said so",
    "exhausted": "no method had more to say",
}


@dataclass(frozen=True)
class Certificate:
    """How far a clustering can be from the best one.

    The least inertia of any clustering of the data into at most ``n_clusters`` clusters lies
    between ``lower`` and ``upper``.

    Attributes
    ----------
    upper : float
        The inertia of the clustering about the means of its clusters, rounded up, in squared units
        of the data.
    lower : float
        No clustering has a smaller inertia: for certain, rounding included, where ``kind`` is
        "rigorous"; with a probability of at least ``confidence`` where it is "probabilistic".
    gap : float
        ``(upper − lower) / upper``, from 0 to 1: the share of its inertia that a better clustering
        could save at most.
    method : str
        What proved ``lower``; "trivial" if nothing did and it is 0.
    kind : {'rigorous', 'probabilistic'}
    seconds : float
    trace : tuple of Bound
        Every bound that was better than those before it.
    n_clusters : int
    confidence : float
        1 for rigorous bounds.
    ending : {'proved', 'solved', 'time', 'interrupted', 'stopped', 'exhausted'}
        Why it ended: the gap is as small as was asked for; that of ``best_labels`` is; time was
        over; Ctrl-C; a callback; or no method had more to say.
    best_labels : ndarray of shape (N,) or None
        A better clustering, if one was met on the way.
    best_inertia : float or None
        Its inertia, rounded up.
    """

    upper: float
    lower: float
    gap: float
    method: str
    kind: str
    seconds: float
    trace: tuple[Bound, ...] = field(repr=False)
    n_clusters: int = field(repr=False)
    confidence: float = field(default=1.0, repr=False)
    ending: str = field(default="exhausted", repr=False)
    best_labels: NDArray[np.int32] | None = field(default=None, repr=False, compare=False)
    best_inertia: float | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Say it in a sentence or two."""
        odds = "" if self.kind == "rigorous" else f", with a confidence of {self.confidence:.4g}"
        claim = (
            "no clustering is better, but for rounding"
            if self.gap < 1e-12
            else f"at most {percent(self.gap)} of it could be saved"
        )
        return (
            f"Inertia {self.upper:.10g} with {self.n_clusters} clusters: {claim}{odds}. The best "
            f"possible is at least {self.lower:.10g}, by the {self.method} bound in "
            f"{self.seconds:.3g} s; {REASONS[self.ending]}.{self._better}"
        )

    @property
    def _better(self) -> str:
        if self.best_inertia is None:
            return ""
        return f" A clustering of inertia {self.best_inertia:.10g} was met: see best_labels."

    def _repr_html_(self) -> str:
        """Draw it, for notebooks."""
        return picture(self.lower, self.upper, str(self))


def percent(share: float) -> str:
    """Return a share in percent, in two digits that are rounded up."""
    digits = Context(prec=2, rounding=ROUND_CEILING).create_decimal(f"{100.0 * share:.12g}")
    return f"{float(digits):g} %"
