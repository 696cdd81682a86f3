"""Clusterings and factorizations as one family, on one scale."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cofactor.certificate.certify import certify
    from cofactor.certificate.matrix_form import matrix_form
    from cofactor.compare.consensus import consensus
    from cofactor.estimators import (
        NMF,
        Factorization,
        GaussianMixture,
        KMeans,
        MiniBatchKMeans,
        Mixture,
        TopicModel,
    )
    from cofactor.io import load_model, read, save_model
    from cofactor.search import optimal_partition_1d
    from cofactor.start.coreset import lightweight_coreset
    from cofactor.start.kmeans_plusplus import kmeans_plusplus

__all__ = [
    "NMF",
    "Factorization",
    "GaussianMixture",
    "KMeans",
    "MiniBatchKMeans",
    "Mixture",
    "TopicModel",
    "certify",
    "consensus",
    "kmeans_plusplus",
    "lightweight_coreset",
    "load_model",
    "matrix_form",
    "optimal_partition_1d",
    "read",
    "save_model",
]

# Loaded when first asked for: the command line answers at once, without scikit-learn.
_HOMES = {
    "certify": "cofactor.certificate",
    "consensus": "cofactor.compare.consensus",
    "matrix_form": "cofactor.certificate",
    "kmeans_plusplus": "cofactor.start.kmeans_plusplus",
    "lightweight_coreset": "cofactor.start.coreset",
    "load_model": "cofactor.io",
    "optimal_partition_1d": "cofactor.search",
    "read": "cofactor.io",
    "save_model": "cofactor.io",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("cofactor.version").version()
    if name not in __all__:
        raise AttributeError(f"module 'cofactor' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "cofactor.estimators")), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
