"""What can be proved of a solution: identities of k-means as a factorization, and bounds."""

from cofactor.certificate.certificate import (
    Bound,
    Certificate,
    FreeEnergyGap,
    StationaryPoint,
)
from cofactor.certificate.certify import certify
from cofactor.certificate.matrix_form import Agreement, MatrixForm, Traces, matrix_form
from cofactor.certificate.pca_bound import pca_bound, rank_bound

__all__ = [
    "Agreement",
    "Bound",
    "Certificate",
    "FreeEnergyGap",
    "MatrixForm",
    "StationaryPoint",
    "Traces",
    "certify",
    "matrix_form",
    "pca_bound",
    "rank_bound",
]
