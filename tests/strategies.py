"""Hypothesis strategies that several test files share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**32 - 1)
generators = seeds.map(np.random.default_rng)


@st.composite
def partitions(draw, n_rows):
    """Edges of blocks: ascending, from 0 to ``n_rows``, no block empty."""
    inner = draw(st.sets(st.integers(1, n_rows - 1), max_size=12)) if n_rows > 1 else set()
    return [0, *sorted(inner), n_rows]
