"""Clusterings and factorizations as one family, on one scale."""

from cofactor.certificate import matrix_form

__all__ = ["matrix_form"]
