"""Points along their principal axes, with what the rotation's rounding costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cofactor.certificate.points import Points
from cofactor.certificate.rounding import growth

MOST = 500  # columns


def along_principal_axes(points: Points) -> Points:
    """Return points in coordinates whose first columns vary most.

    If ``‖VᵀV − I‖ ≤ η`` there is an orthogonal matrix within η of ``V``, and an orthogonal matrix
    changes no inertia. So rounding moves ``y_j`` by at most ``(η + γ_{d+2} ‖V‖_F) ‖y_j‖``.
    """
    d = points.d
    if d > MOST:
        return points
    covariance = (points.values.T * points.weights) @ points.values
    axes = np.ascontiguousarray(np.linalg.eigh(covariance)[1][:, ::-1])
    off = np.linalg.norm(axes.T @ axes - np.eye(d)) + growth(d + 4) * (d + 2)
    moved = 1.01 * (off + growth(d + 4) * (np.sqrt(d) + 1.0))
    values = np.ascontiguousarray(points.values @ axes)
    return replace(points, values=values, precision=points.precision + 1.01 * moved)
