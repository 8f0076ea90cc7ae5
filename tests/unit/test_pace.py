from __future__ import annotations

from timetrace.s3.retry import Pace


def paced(*seconds: float) -> Pace:
    pace = Pace()
    for each in seconds:
        pace.note(each)
    return pace


def test_answers_that_come_as_fast_as_ever_are_steady() -> None:
    assert paced(*[0.08] * 100).is_steady
    assert paced(*[0.080, 0.085, 0.090, 0.1] * 25).is_steady


def test_answers_that_come_slower_the_more_there_are_are_not() -> None:
    assert not paced(*[0.001] * 10, *[0.008] * 30).is_steady


def test_one_slow_answer_among_many_changes_nothing() -> None:
    assert paced(*[0.08] * 50, 1.0).is_steady


def test_it_takes_some_answers_to_believe_that_they_are_slower() -> None:
    assert paced(*[0.01] * 50, 0.05, 0.05).is_steady
    assert not paced(*[0.01] * 50, *[0.05] * 20).is_steady


def test_answers_that_are_fast_again_are_steady_again() -> None:
    assert paced(*[0.01] * 10, *[0.1] * 40, *[0.01] * 60).is_steady
