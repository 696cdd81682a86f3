"""BLAS on one thread: its threads would compete with those that blocks run on."""

from __future__ import annotations

from functools import cache
from types import TracebackType
from typing import Any, Self

from threadpoolctl import ThreadpoolController


class BlasHold:
    """Holds BLAS to one thread, from when it is first called to the end of the context."""

    def __init__(self) -> None:
        self._limit: Any = None

    def __call__(self) -> None:
        """Hold BLAS, unless that is done."""
        if self._limit is None:
            self._limit = _blas().limit(limits=1)
            self._limit.__enter__()

    def __enter__(self) -> Self:
        """Begin; nothing is held yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let BLAS have the threads that it had."""
        if self._limit is not None:
            self._limit.__exit__(kind, error, traceback)


@cache
def _blas() -> ThreadpoolController:
    """Return what controls BLAS alone: asking other libraries takes time."""
    return ThreadpoolController().select(user_api="blas")
