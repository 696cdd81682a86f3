"""Fits side by side."""

from cofactor.compare.consensus import Consensus, consensus

__all__ = ["Consensus", "consensus"]
