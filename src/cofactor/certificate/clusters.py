"""Certificates of hard clusters: of squared distances, and of what other noises make of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cofactor.certificate.certificate import Certificate, Watcher
from cofactor.certificate.clock import Clock
from cofactor.certificate.divergences import DIVERGENCES, Divergence
from cofactor.certificate.incumbent import GAIN, labels_of_rows
from cofactor.certificate.points import Points, kinds_of, one_kind_each, points_of
from cofactor.certificate.problem import Problem
from cofactor.certificate.proof import Proof, Stage, check_method
from cofactor.certificate.rounding import UNIT
from cofactor.certificate.sparse_rows import SparseRows, sparse_bounds
from cofactor.data import open_rows
from cofactor.data.base import Array, Floats, Labels
from cofactor.engine.blas import BlasHold
from cofactor.errors import ImpossibleCellError
from cofactor.noise import Noise

STEPS = 50  # of Lloyd's, from the clusters of a divergence to those of its image


@dataclass(frozen=True)
class Task:
    """How much is to be proved, and how; see :func:`cofactor.certify`."""

    n_clusters: int
    method: str
    tol: float
    confidence: float
    random_state: int
    clock: Clock
    callbacks: tuple[Watcher, ...]

    def problem(self, points: Points, labels: Labels) -> Problem:
        """Return what there is to prove of points, given labels of their rows."""
        own, upper = points.labels_of(labels), points.upper(labels)
        return Problem(
            points, self.n_clusters, own, upper, self.tol, self.confidence, self.random_state
        )

    def proof(self, given: Problem, labels: Labels) -> Proof:
        """Prove as much as is asked for."""
        check_method(self.method, given)
        proof = Proof(given, given, labels, self.clock, self.callbacks)
        proof.run(self.method)
        return proof


def of_points(points: Points, labels: Labels, task: Task) -> Certificate:
    """Return how far a k-means clustering can be from the best one.

    Parameters
    ----------
    points : Points
    labels : ndarray of shape (N,), int32
        Of the data's rows.
    task : Task
    """
    given = task.problem(points, labels)
    with BlasHold() as hold:
        hold()
        return task.proof(given, labels).certificate()


def of_sparse_rows(X: Any, weights: Floats, labels: Labels, task: Task) -> Certificate:
    """Return how far a k-means clustering of sparse data can be from the best one.

    By principal components alone, without the zeros.

    Parameters
    ----------
    X : scipy.sparse CSR of shape (n, d)
    weights : ndarray of shape (n,)
        At least 0.
    labels : ndarray of shape (n,), int32
    task : Task
    """
    with BlasHold() as hold:
        hold()
        rows = SparseRows.of(X, weights, task.n_clusters).compared_with(labels, task.tol)
        proof = Proof(rows, rows, labels, task.clock, task.callbacks)
        proof.go_through([(Stage("principal"), sparse_bounds)])
        return proof.certificate()


def divergence_of(noise: Noise, X: Array) -> Divergence:
    """Return what hard clusters under a noise add up.

    Raises
    ------
    ImpossibleCellError
        If no bound on that is known.
    InputError
        If the noise cannot produce such data.
    """
    if noise.name not in DIVERGENCES:
        raise ImpossibleCellError(
            f"Hard clusters under {noise.name} noise: no bound on the optimum is known for this "
            f"cell, only under gaussian, {', '.join(DIVERGENCES)} noise."
        )
    noise.check(open_rows(X))
    return DIVERGENCES[noise.name](noise)


def of_divergence(
    divergence: Divergence, X: Array, weights: Floats, labels: Labels, task: Task
) -> Certificate:
    """Return how far hard clusters of a divergence can be from the best ones.

    The bound is one on the inertia of the divergence's image, which is below it for all clusterings
    at once; so what separates the two at the optimum stays open, however long one looks.

    Parameters
    ----------
    divergence : Divergence
    X : ndarray of shape (n, d)
    weights : ndarray of shape (n,)
        At least 0.
    labels : ndarray of shape (n,), int32
    task : Task
    """
    X = X.astype(np.float64)
    held = divergence.rows(X, weights)[1] > 0
    if not held.any():  # rows of zeros, whose profiles nobody asks for
        return replace(of_points(points_of(X, weights), labels, task), loss=divergence.loss)
    X, weights, own = X[held], weights[held], labels[held]
    upper = _least_total(divergence, X, weights, own)
    with BlasHold() as hold:
        hold()
        images = divergence.images(X, weights, own)
        settled = [_settled(task.problem(image.points(), own), own) for image in images]
        best = max(settled, key=lambda problem: problem.points.in_units(problem.upper, up=True))
        proof = task.proof(best, own)
    problem = proof.problem
    found = replace(proof, given=problem).certificate()
    other = labels.copy()
    other[held] = labels_of_rows(problem, problem.labels, own)
    total = _least_total(divergence, X, weights, other[held])
    found = _of_loss(found, divergence.loss, upper, task.tol)
    if total >= upper * (1.0 - GAIN):
        return found
    return replace(found, best_labels=other, best_inertia=total)


def _of_loss(found: Certificate, loss: str, upper: float, tol: float) -> Certificate:
    """Return what a bound on an image's inertia says of the loss above it."""
    missing = upper - (found.lower or 0.0)
    gap = min(missing / upper * (1.0 + 4.0 * UNIT), 1.0) if missing > 0 else 0.0
    ending = "relaxed" if found.ending == "proved" and gap > tol else found.ending
    return replace(found, upper=upper, gap=gap, loss=loss, ending=ending)


def _least_total(divergence: Divergence, X: Floats, weights: Floats, labels: Labels) -> float:
    """Return at least the divergence of a clustering about its means: 0 for clusters of equals."""
    return 0.0 if one_kind_each(labels, kinds_of(X)[1]) else divergence.total(X, weights, labels)


def _settled(problem: Problem, labels: Labels) -> Problem:
    """Return the problem with clusters that Lloyd's iterations lead to; bounds begin there."""
    for _ in range(STEPS):
        own = problem.distances().argmin(axis=1).astype(np.int32)
        if np.array_equal(own, problem.labels):
            break
        problem = replace(problem, labels=own)
    return replace(
        problem, upper=problem.points.upper(labels_of_rows(problem, problem.labels, labels))
    )
