"""Write beside the target and move into place only on success."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from cofactor.errors import InputError


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `target` when the body succeeds.

    If the body raises, `target` stays as it was.

    Raises
    ------
    InputError
        If `target` is a directory, or is not in one that exists.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"{target} is not a file in an existing directory: choose another path.")
    partial = sibling(target)
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def sibling(target: Path) -> Path:
    """Name a hidden path, unused so far, in the folder of `target`."""
    return target.with_name(f".{target.name}.{uuid4().hex[:8]}.partial")


def replace_directory(source: Path, target: Path) -> None:
    """Move a directory onto another one, keeping the old one until the new one stands."""
    if not target.exists():
        source.rename(target)
        return
    old = sibling(target)
    target.rename(old)
    try:
        source.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)
