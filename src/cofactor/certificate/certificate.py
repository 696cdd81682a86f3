"""What certificates say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cofactor.certificate.picture import bar, figure, ruler


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
    "relaxed": "this way of proof has no more to say",
    "time": "the time was over",
    "interrupted": "it was interrupted",
    "stopped": "a callback said so",
    "exhausted": "no method had more to say",
}


@dataclass(frozen=True)
class Certificate:
    """What is proved of a fitted model: how far it can be from the best one.

    Of hard clusters: the least loss of any clustering of the data into at most ``n_clusters``
    clusters lies between ``lower`` and ``upper``. See :class:`StationaryPoint` and
    :class:`FreeEnergyGap` for what the numbers of other models say.

    Attributes
    ----------
    upper : float
        The inertia of the clustering about the means of its clusters, rounded up, in squared units
        of the data; what ``loss`` names, for other noises.
    lower : float or None
        No clustering has a smaller one: for certain, rounding included, where ``kind`` is
        "rigorous"; with a probability of at least ``confidence`` where it is "probabilistic".
        None where no bound is known.
    gap : float or None
        ``(upper − lower) / upper``, from 0 to 1: the share of its inertia that a better clustering
        could save at most.
    method : str
        What proved ``lower``; "trivial" if nothing did and it is 0.
    kind : {'rigorous', 'probabilistic', 'stationarity', 'free energy'}
    seconds : float
    trace : tuple of Bound
        Every bound that was better than those before it.
    n_clusters : int
        How many clusters or components.
    confidence : float
        1 for rigorous bounds.
    ending : {'proved', 'solved', 'relaxed', 'time', 'interrupted', 'stopped', 'exhausted'}
        Why it ended: the gap is as small as was asked for; that of ``best_labels`` is; what can be
        proved this way is; time was over; Ctrl-C; a callback; or no method had more to say.
    best_labels : ndarray of shape (N,) or None
        A better clustering, if one was met on the way.
    best_inertia : float or None
        Its inertia, rounded up.
    loss : str
        What ``upper`` and ``lower`` are: "inertia", "KL divergence" …
    """

    upper: float
    lower: float | None
    gap: float | None
    method: str
    kind: str
    seconds: float
    trace: tuple[Bound, ...] = field(repr=False)
    n_clusters: int = field(repr=False)
    confidence: float = field(default=1.0, repr=False)
    ending: str = field(default="exhausted", repr=False)
    best_labels: NDArray[np.int32] | None = field(default=None, repr=False, compare=False)
    best_inertia: float | None = field(default=None, repr=False)
    loss: str = field(default="inertia", repr=False)

    @property
    def title(self) -> str:
        """What ``upper`` is, to begin a sentence with."""
        return self.loss[0].upper() + self.loss[1:]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What there is to say, as pairs of a few words."""
        certainty = "certain" if self.kind == "rigorous" else f"confidence {self.confidence:g}"
        best = self.best_inertia
        met = [] if best is None else [("a better one", f"of {best:.10g} was met")]
        return [
            (self.loss, f"{self.upper:.10g}, {self.n_clusters:,} clusters"),
            ("best possible", f"at least {self.lower:.10g} ({certainty})"),
            ("could be saved", f"at most {percent(self.gap)}"),
            *met,
            ("proved by", f"the {self.method} bound, {self.seconds:.3g} s"),
            ("ended because", REASONS[self.ending]),
        ]

    def __str__(self) -> str:
        """Say it in a sentence or two."""
        odds = "" if self.kind == "rigorous" else f", with a confidence of {self.confidence:.4g}"
        claim = (
            "no clustering is better, but for rounding"
            if self.gap is not None and self.gap < 1e-12
            else f"at most {percent(self.gap)} of it could be saved"
        )
        return (
            f"{self.title} {self.upper:.10g} with {self.n_clusters} clusters: {claim}{odds}. The "
            f"best possible is at least {self.lower:.10g}, by the {self.method} bound in "
            f"{self.seconds:.3g} s; {REASONS[self.ending]}.{self._better}"
        )

    @property
    def _better(self) -> str:
        if self.best_inertia is None:
            return ""
        return f" A clustering of {self.loss} {self.best_inertia:.10g} was met: see best_labels."

    @property
    def drawing(self) -> str:
        """The certificate as a picture: an SVG."""
        return bar(self.lower or 0.0, self.upper, "this clustering", str(self))

    def _repr_html_(self) -> str:
        """Draw it, for notebooks."""
        return figure(self.drawing, str(self))


@dataclass(frozen=True)
class StationaryPoint(Certificate):
    """How stationary a factorization is: no small change of it helps, but for a residual.

    That says nothing about other factorizations, of which there may be better ones; ``lower`` does
    where the noise is Gaussian: by the singular values that no factorization of this rank explains
    [Eckart & Young 1936], rounding included. Elsewhere no bound is known: ``lower`` and ``gap`` are
    None.

    Attributes
    ----------
    upper : float
        The divergence from the data; the squared error under Gaussian noise.
    residual : float
        What is left of the conditions of Karush, Kuhn and Tucker, from 0 to 1 and free of scale;
        see :class:`cofactor.codes.stationarity.Stationarity`.
    steepest : float
        The steepest way down that is left, likewise.
    """

    residual: float = np.nan
    steepest: float = np.nan

    @property
    def facts(self) -> list[tuple[str, str]]:
        """See :class:`Certificate`."""
        return [
            (self.loss, f"{self.upper:.10g}, {self.n_clusters:,} components"),
            ("stationary", f"up to a residual of {self.residual:.2g} of 1"),
            ("steepest way down", f"{self.steepest:.2g}"),
            ("best possible", self._best_possible),
        ]

    def __str__(self) -> str:
        """See :class:`Certificate`."""
        return (
            f"{self.title} {self.upper:.10g} with {self.n_clusters} components: stationary up to a "
            f"residual of {self.residual:.2g}. The best possible is {self._best_possible}."
        )

    @property
    def _best_possible(self) -> str:
        if self.lower is None:
            return "not known: no bound is known for this cell"
        return (
            f"at least {self.lower:.10g} by singular values, so at most {percent(self.gap)} could "
            "be saved"
        )

    @property
    def drawing(self) -> str:
        """See :class:`Certificate`: the bound, or how small the residual is."""
        if self.lower is None:
            return ruler(self.residual, "residual", str(self))
        return bar(self.lower, self.upper, "this factorization", str(self))


@dataclass(frozen=True)
class FreeEnergyGap(Certificate):
    """How far the free energy that a fit raised is from the likelihood of its own parameters.

    ``lower`` is minus the log-likelihood and ``upper`` minus the free energy, in nats for all rows;
    they are equal if the whole posterior is kept. What other parameters could reach is not known.

    Attributes
    ----------
    gap : float
        ``1 − exp((F − log L)/Σw)``: what share of a row's posterior is left out, on average.
    n_rows : float
        ``Σw``.
    """

    n_rows: float = 1.0

    @property
    def nats(self) -> float:
        """``log L − F`` of a row, in nats."""
        return (self.upper - (self.lower or 0.0)) / self.n_rows

    @property
    def facts(self) -> list[tuple[str, str]]:
        """See :class:`Certificate`."""
        return [
            (self.loss, f"{self.upper:.10g} nats, {self.n_clusters:,} components"),
            ("log-likelihood", f"of the same parameters: {-(self.lower or 0.0):.10g}"),
            ("left out", f"{self.nats:.2g} nats of a row, {percent(self.gap)} of its posterior"),
            ("best possible", "not known: no bound is known for this cell"),
        ]

    def __str__(self) -> str:
        """See :class:`Certificate`."""
        left = f"{self.nats:.2g} nats of a row, {percent(self.gap)} of its posterior, are left out"
        left = left if self.gap else "the whole posterior is kept"
        return (
            f"Free energy {-self.upper:.10g} with {self.n_clusters} components, log-likelihood "
            f"{-(self.lower or 0.0):.10g}: {left}. What other parameters could reach is not known: "
            "no bound is known for this cell."
        )

    @property
    def drawing(self) -> str:
        """See :class:`Certificate`: how much is left out."""
        return ruler(self.gap or 0.0, "left out", str(self))


def percent(share: float | None) -> str:
    """Return a share in percent, in two digits that are rounded up."""
    digits = Context(prec=2, rounding=ROUND_CEILING).create_decimal(f"{100.0 * (share or 0):.12g}")
    return f"{float(digits):g} %"
