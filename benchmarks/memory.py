"""How much memory this process has had at most."""

from __future__ import annotations

import resource
import sys

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    return UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
