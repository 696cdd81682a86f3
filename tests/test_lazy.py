"""Properties that are computed once, and make no other thread wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cofactor.lazy import lazy


class Asked:
    times = 0

    @lazy
    def value(self):
        """What was found."""
        self.times += 1
        return [self.times]


def test_a_value_is_computed_once_and_kept():
    asked = Asked()
    assert asked.value is asked.value
    assert asked.value == [1]
    assert Asked.value.__doc__ == "What was found."


def test_another_object_is_not_waited_for():
    class Nested:
        def __init__(self, inner):
            self.inner = inner

        @lazy
        def depth(self):
            return 1 if self.inner is None else 1 + pool.submit(lambda: self.inner.depth).result(30)

    with ThreadPoolExecutor(2) as pool:
        assert Nested(Nested(None)).depth == 2
