"""Where fits begin: first components, and first codes where they are needed."""

from cofactor.start.factors import first_factors, singular_vectors
from cofactor.start.means import from_means, from_responsibilities, one_hot

__all__ = ["first_factors", "from_means", "from_responsibilities", "one_hot", "singular_vectors"]
