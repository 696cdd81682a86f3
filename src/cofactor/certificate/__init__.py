"""What can be proved of a solution: identities of k-means as a constrained factorization."""

from cofactor.certificate.matrix_form import Agreement, MatrixForm, Traces, matrix_form

__all__ = ["Agreement", "MatrixForm", "Traces", "matrix_form"]
