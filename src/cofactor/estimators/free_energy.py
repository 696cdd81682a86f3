"""Certificates of mixtures: how far the free energy is from the likelihood."""

from __future__ import annotations

import time

import numpy as np

from cofactor.certificate.certificate import FreeEnergyGap
from cofactor.estimators.likelihood_gap import LikelihoodGap


def free_energy_gap(
    found: LikelihoodGap, n_components: int, n_rows: float, started: float
) -> FreeEnergyGap:
    """Return a gap of the likelihood as a certificate.

    Parameters
    ----------
    found : LikelihoodGap
    n_components : int
    n_rows : float
        The sum of the rows' weights.
    started : float
        When it was begun.
    """
    return FreeEnergyGap(
        upper=-found.free_energy,
        lower=-found.log_likelihood,
        gap=float(-np.expm1(-found.value / n_rows)),
        method="posterior",
        kind="free energy",
        seconds=time.perf_counter() - started,
        trace=(),
        n_clusters=n_components,
        loss="minus the free energy",
        n_rows=n_rows,
    )
