"""Which implementation of the kernels runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, TypeVar

from cofactor.errors import InputError
from cofactor.kernels import reference

try:
    from cofactor.kernels import _native
except ImportError:  # installed without a compiler
    _COMPILED: dict[str, ModuleType] = {}
else:
    _COMPILED = {name: getattr(_native, name) for name in _native.supported}

_IMPLEMENTATIONS: dict[str, ModuleType] = {**_COMPILED, "reference": reference}

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def available() -> tuple[str, ...]:
    """Name the implementations that run on this machine, the best one first."""
    return tuple(_IMPLEMENTATIONS)


@cache
def implementation() -> str:
    """Name the implementation in use: ``COFACTOR_ISA``, or else the best one.

    Raises
    ------
    InputError
        If ``COFACTOR_ISA`` names none of `available`.
    """
    name = os.environ.get("COFACTOR_ISA") or available()[0]
    load(name)
    return name


def load(name: str) -> ModuleType:
    """Return the kernels of one implementation of `available`.

    Raises
    ------
    InputError
        If there is no such implementation on this machine.
    """
    if name not in _IMPLEMENTATIONS:
        raise InputError(
            f"no kernels for COFACTOR_ISA={name!r} on this machine; "
            f"choose one of: {', '.join(available())}"
        )
    return _IMPLEMENTATIONS[name]


def compiled() -> Any:
    """Return the module that has the compiled kernels, or None where the reference runs."""
    return None if implementation() == "reference" else _native


def like(twin: Kernel) -> Kernel:
    """Return the chosen implementation of a kernel, typed as its NumPy twin."""
    kernel: Kernel = getattr(load(implementation()), twin.__name__)
    return kernel
