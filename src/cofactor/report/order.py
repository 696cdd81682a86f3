"""One order of components for all models, so that the eye can compare them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from cofactor.data.base import Floats
from cofactor.report.result import Result


def arranged(results: Sequence[Result]) -> list[Result]:
    """Order every model's components: by share, or like the first clustering's.

    Clusters of later models are matched to those of the first clustering, so that those in the
    same place are the most similar ones; parts of factorizations are ordered by share.
    """
    by_share = [result.ordered(_by_share(result)) for result in results]
    first = next((result for result in by_share if result.one_hot), None)
    if first is None:
        return by_share
    return [_like(first.components, result) if result.one_hot else result for result in by_share]


def _by_share(result: Result) -> NDArray[np.intp]:
    if result.share is None:
        return np.arange(len(result.components))
    return np.argsort(-result.share, kind="stable")


def _like(model: Floats, result: Result) -> Result:
    """Put the result's components in the places of the model's nearest, the rest at the end."""
    likeness = _directions(model) @ _directions(result.components).T
    _, matched = linear_sum_assignment(likeness, maximize=True)
    rest = np.setdiff1d(np.arange(len(result.components)), matched)
    return result.ordered(np.concatenate([matched, rest]))


def _directions(components: Floats) -> Floats:
    norms = np.linalg.norm(components, axis=1, keepdims=True)
    return components / np.where(norms > 0, norms, 1.0)
