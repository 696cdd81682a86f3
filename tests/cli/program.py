"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from cofactor.cli.words import ModelWord

COUNTS = np.random.default_rng(0).poisson([[9, 9, 1, 1, 3], [1, 1, 9, 9, 3]] * 30)
CLUSTERS = (ModelWord.KMEANS, ModelWord.KMEANS_C, ModelWord.GMM, ModelWord.MIXTURE)
FACTORS = tuple(word for word in ModelWord if word not in CLUSTERS)

every_model = pytest.mark.parametrize("model", list(ModelWord))
every_factorization = pytest.mark.parametrize("model", FACTORS)
every_clustering = pytest.mark.parametrize("model", CLUSTERS)


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]
