"""Clusterings and factorizations as one family, on one scale."""
