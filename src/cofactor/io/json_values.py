"""Results as strict JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np


def to_json(value: Any) -> str:
    """Write a value as indented, strict JSON.

    NumPy arrays become lists; NaN and infinities, which JSON does not know, become null.

    Raises
    ------
    TypeError
        If a value is neither a number, a string, None nor a container of these.
    """
    return json.dumps(_plain(value), indent=2, allow_nan=False)


@singledispatch
def _plain(value: Any) -> Any:
    return value


@_plain.register
def _(value: float) -> float | None:
    return value if math.isfinite(value) else None


@_plain.register(np.ndarray)
@_plain.register(np.generic)
def _(value: Any) -> Any:
    return _plain(value.tolist())


@_plain.register(list)
@_plain.register(tuple)
def _(value: Any) -> list[Any]:
    return [_plain(item) for item in value]


@_plain.register
def _(value: Mapping) -> dict[str, Any]:
    return {str(key): _plain(item) for key, item in value.items()}
