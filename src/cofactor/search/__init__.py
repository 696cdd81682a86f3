"""Searches for the best clusters there are, beyond the optimum nearest to a start."""

from cofactor.search.descent import AT_ONCE, MOST
from cofactor.search.fit import best_fit
from cofactor.search.line import LinePartition, optimal_partition_1d
from cofactor.search.loop import Budget
from cofactor.search.polish import polished
from cofactor.search.split_merge import best_mixture

__all__ = [
    "AT_ONCE",
    "MOST",
    "Budget",
    "LinePartition",
    "best_fit",
    "best_mixture",
    "optimal_partition_1d",
    "polished",
]
