"""Random numbers: scikit-learn's, sooner."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state


class _AnyWords(ISeedSequence):
    """Words for the state of a generator that is seeded as soon as it is made."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """Return ones; a list, of which generators take single items soonest."""
        return [1] * n_words


def rng_for(seed: Any) -> np.random.RandomState:
    """Return the generator that :func:`sklearn.utils.check_random_state` does.

    ``RandomState(seed)`` first collects entropy and spreads it over 624 words, only to seed
    them anew: with small data that is a good part of a fit.

    Parameters
    ----------
    seed : int, RandomState or None

    Raises
    ------
    ValueError
        If there are no such generators.
    """
    if not isinstance(seed, Integral):
        return check_random_state(seed)
    words: Any = _AnyWords()  # NumPy takes any such object, but does not say so in its types
    generator = np.random.RandomState(np.random.MT19937(words))
    generator.seed(int(seed))
    return generator
