"""Properties that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, named like property
    """A property that is computed when it is first asked for, and kept.

    Unlike :class:`functools.cached_property` before Python 3.12 it holds no lock: one lock for
    all objects of a class makes fits wait for each other, and a process forked while another
    thread holds it waits for ever.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self._name = function.__name__
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: Any = None) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: Any = None) -> T: ...

    def __get__(self, instance: object | None, owner: Any = None) -> lazy[T] | T:
        """Return the value, which from now on is found before this is asked."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._function(instance)
        return value
