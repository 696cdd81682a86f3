"""Small fitted models that reports are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cofactor.estimators import NMF, KMeans, Mixture
from cofactor.report import Result, explained_share, result_of


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    return load_digits().data[:300]


@pytest.fixture(scope="session")
def kmeans(digits) -> KMeans:
    return KMeans(4, random_state=0).fit(digits)


@pytest.fixture(scope="session")
def mixture(digits) -> Mixture:
    return Mixture(5, noise="poisson", random_state=0).fit(digits)


@pytest.fixture(scope="session")
def factors(digits) -> tuple[NMF, np.ndarray]:
    model = NMF(3, init="nndsvda", max_iter=2000, random_state=0)
    return model, model.fit_transform(digits)


@pytest.fixture(scope="session")
def results(kmeans, mixture, factors) -> list[Result]:
    model, codes = factors
    share = explained_share(codes, model.components_)
    return [
        result_of(kmeans, "k-means"),
        result_of(mixture, "Poisson mixture"),
        result_of(model, "NMF", share=share),
    ]


@pytest.fixture
def tiny(results) -> Result:
    """One component, one iteration."""
    first = results[0].ordered(np.array([0]))
    return replace(first, share=np.ones(1), objective=(-first.value,), seconds=(0.001,))
