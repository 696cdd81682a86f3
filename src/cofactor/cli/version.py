"""Which version this is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Return the version that is installed, or ``unknown`` when run from a folder of sources."""
    try:
        return metadata.version("cofactor")
    except metadata.PackageNotFoundError:
        return "unknown"
