"""Ahead: a source that a thread of its own reads before it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from timetrace.storage.workers import Ahead, Ready, run_all


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "timetrace ahead"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threads():
        thread.join(20)
    assert threads() == []


def test_all_items_come_in_order_and_then_no_more() -> None:
    ahead = Ahead(range(1000), 3)
    assert list(ahead) == list(range(1000))
    assert list(ahead) == []  # whoever asks again is told again


def test_an_empty_source_ends_at_once() -> None:
    assert list(Ahead([], 3)) == []


def test_it_reads_so_far_ahead_and_no_farther() -> None:
    taken: list[int] = []
    reached = Event()

    def source() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 5:
                reached.set()
            yield number

    with closing(Ahead(source(), 5)) as ahead:
        assert reached.wait(20)  # without anybody's asking
        assert next(ahead) == 0
        # Five are ready at most, one more is in its hand.
        assert len(taken) <= 8


def test_an_error_comes_after_what_came_before_it_and_again() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("broken")

    ahead = Ahead(source(), 9)
    assert (next(ahead), next(ahead)) == (1, 2)
    for _ in range(3):
        with pytest.raises(KeyError, match="broken"):
            next(ahead)


def test_closed_early_its_thread_ends_and_the_source_is_closed() -> None:
    closed = Event()

    def source() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    ahead = Ahead(source(), 2)
    assert next(ahead) == 0
    ahead.close()
    ahead.close()
    for thread in threads():
        thread.join(20)
    assert threads() == []
    del ahead
    assert closed.wait(20)


def test_one_within_another_ends_with_it() -> None:
    def source() -> Iterator[int]:
        with closing(Ahead(range(10**9), 2)) as inner:
            yield from inner

    with closing(Ahead(source(), 2)) as outer:
        assert [next(outer) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_many_threads_may_take_from_it() -> None:
    done: list[int] = []
    run_all(Ahead(range(5000), 10), done.append, 8)
    assert sorted(done) == list(range(5000))


def test_many_threads_are_told_of_its_error() -> None:
    def source() -> Iterator[int]:
        yield from range(50)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_all(Ahead(source(), 10), lambda number: None, 8)


def test_who_waits_for_an_item_makes_others_ready_meanwhile() -> None:
    heard = Event()

    def slow() -> Iterator[str]:
        assert heard.wait(20)
        yield "listed"

    prepared: list[int] = []

    def prepare(number: int) -> int:
        prepared.append(number)
        if number == 4:
            heard.set()
        return number * 10

    ours = Ready(iter(range(8)), prepare, 8)
    assert next(ours) == 0  # nobody has waited yet
    with closing(Ahead(slow(), 2, ours)) as ahead:
        assert next(ahead) == "listed"
    assert prepared[:4] == [1, 2, 3, 4]
    assert list(ours) == [number * (10 if number in prepared else 1) for number in range(1, 8)]


def test_no_more_are_made_ready_than_there_is_room_for() -> None:
    ours = Ready(iter("abc"), str.upper, 2)
    assert [ours() for _ in range(3)] == [True, True, False]
    assert next(ours) == "A"
    assert [ours() for _ in range(2)] == [True, False]
    assert list(ours) == ["B", "C"]
    assert not ours()


def test_without_room_nothing_is_made_ready() -> None:
    ours = Ready(iter("ab"), str.upper, 0)
    assert not ours()
    assert list(ours) == ["a", "b"]
