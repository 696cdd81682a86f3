"""The packages that only reports need."""

from __future__ import annotations

import importlib
from typing import Any

from cofactor.errors import InputError


def report_module(name: str) -> Any:
    """Import a module that only reports need.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"A report needs {name.partition('.')[0]}, which cannot be imported: "
            'install it with pip install "cofactor[report]".'
        ) from error
