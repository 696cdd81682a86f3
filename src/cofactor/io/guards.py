"""What every reader does when a file or a package is not what it needs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cofactor.errors import InputError


def require_file(path: Path) -> None:
    """Refuse a path that is missing or is a directory.

    Raises
    ------
    InputError
        If `path` is not an existing file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory: give the path of one file inside it.")
    if not path.exists():
        raise InputError(f"There is no file {path}: check the path, seen from {Path.cwd()}.")


@contextmanager
def unreadable(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on a bad file into one sentence.

    Parameters
    ----------
    path : Path
        The file that is being read.
    kind : str
        What the file was expected to be, with its article.

    Raises
    ------
    InputError
        If the body raises; an InputError of its own passes through unchanged.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # parsers of damaged files raise almost anything
        raise InputError(
            f"{path} cannot be read as {kind} ({_reason(error)}): it may be cut short, damaged or "
            "of another kind, so write it again or give it the suffix of its real format."
        ) from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


def optional_module(name: str, path: Path, extra: str) -> Any:
    """Import a module that only one file format needs.

    Parameters
    ----------
    name : str
        The module, such as ``"pyarrow.parquet"``.
    path : Path
        The file that asks for it.
    extra : str
        The extra of cofactor that installs it.

    Raises
    ------
    InputError
        If the module is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise InputError(
            f"Reading {path} needs {package}, which cannot be imported: "
            f'install it with pip install "cofactor[{extra}]".'
        ) from error
