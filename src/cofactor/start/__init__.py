"""Where fits begin: first components, and first codes where they are needed."""

from cofactor.start.factors import first_factors, singular_vectors
from cofactor.start.kmeans_plusplus import GreedyRows
from cofactor.start.means import (
    from_labels,
    from_means,
    from_responsibilities,
    with_hard_dispersion,
)
from cofactor.start.seeds import SEEDS, Draw, GreedyMeans, Seeds, plus_plus, random_rows, seeds_for

__all__ = [
    "SEEDS",
    "Draw",
    "GreedyMeans",
    "GreedyRows",
    "Seeds",
    "first_factors",
    "from_labels",
    "from_means",
    "from_responsibilities",
    "plus_plus",
    "random_rows",
    "seeds_for",
    "singular_vectors",
    "with_hard_dispersion",
]
