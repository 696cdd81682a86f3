"""What can be proved of a solution: identities of k-means as a factorization, and bounds."""

from cofactor.certificate.matrix_form import Agreement, MatrixForm, Traces, matrix_form
from cofactor.certificate.pca_bound import pca_bound

__all__ = ["Agreement", "MatrixForm", "Traces", "matrix_form", "pca_bound"]
