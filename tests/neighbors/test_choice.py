"""Arms take turns by what they gain."""

from __future__ import annotations

from cofactor.neighbors.choice import Choice


def chooses(choice, rates, n_passes):
    names = []
    for _ in range(n_passes):
        names.append(choice.best())
        choice.learn(names[-1], rates[names[-1]], worthwhile=True)
    return names


def test_the_better_arm_is_used_more_and_the_other_now_and_then():
    choice = Choice("b", {"a": 1.0, "b": 1.0})
    names = chooses(choice, {"a": 1.0, "b": 0.1}, 100)
    assert 1 < names.count("b") < 20


def test_an_arm_that_gained_nothing_rests_until_another_gains():
    choice = Choice("b", {"a": 2.0, "b": 1.0})
    assert choice.best() == "a"
    choice.learn("a", 0.5, worthwhile=False)
    assert choice.best() == "b"
    choice.learn("b", 0.0, worthwhile=False)
    assert choice.best() == "b"
    choice.learn("b", 0.1, worthwhile=True)
    assert choice.best() == "a"


def test_an_arm_may_be_expected_to_do_better():
    choice = Choice("b", {"b": 1.0})
    choice.expect("c", 3.0)
    assert choice.best() == "c"
    choice.learn("c", 0.0, worthwhile=True)
    choice.expect("c", 0.5)
    assert choice.best() == "b"


def test_an_arm_that_was_spent_may_be_revived():
    choice = Choice("b", {"a": 2.0, "b": 1.0})
    choice.learn("a", 0.5, worthwhile=False)
    assert choice.best() == "b"
    choice.revive("a", 3.0)
    assert choice.best() == "a"
