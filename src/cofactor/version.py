"""Which version this is."""

from __future__ import annotations


def version() -> str:
    """Return the version that is installed, or ``unknown`` when run from a folder of sources."""
    from importlib import metadata  # which help does not need

    try:
        return metadata.version("cofactor")
    except metadata.PackageNotFoundError:
        return "unknown"
