"""The remote side of a sync: in order, whatever order it comes in, and no more of it held than must be."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from timetrace.s3.listing import ObjectSummary
from timetrace.storage import remote
from timetrace.storage.sync import Entry, OutOfOrderError, in_order

ETAG = "d41d8cd98f00b204e9800998ecf8427e"


def entry(key: str, size: int = 1, etag: str = ETAG) -> Entry:
    return Entry(key, size, etag)


def summaries(*keys: str, size: int = 1) -> list[ObjectSummary]:
    return [ObjectSummary(key, size, ETAG, "2026-01-15T10:00:00Z") for key in keys]


def test_entries_have_keys_relative_to_the_prefix_and_the_rest_is_told() -> None:
    pages = [summaries("p/a.json", "p/x/b.json"), summaries("p/notes.txt")]
    left_out: list[str] = []
    found = [*remote.entries(pages, "p/", lambda key: key.endswith(".json"), left_out.append)]
    assert (found, left_out) == ([entry("a.json"), entry("x/b.json")], ["notes.txt"])


def test_markers_of_folders_are_no_entries_and_not_told() -> None:
    left_out: list[str] = []
    pages = [summaries("p/", "p/x/", size=0), summaries("p/y/")]
    found = [*remote.entries(pages, "p/", lambda key: True, left_out.append)]
    assert (found, left_out) == ([entry("y/")], [])


def test_a_listing_is_sorted_by_code_points() -> None:
    keys = ["b", "a/b", "a-1", "a", "é", "😀", "\ufb01", "a\x01", "Z"]
    listing = [entry(key, size) for size, key in enumerate(keys)]
    assert [*remote.in_order(listing)] == sorted(listing)
    assert [found.key for found in remote.in_order(listing)] == sorted(keys, key=lambda key: key.encode())


def test_keys_with_nul_keep_their_place() -> None:
    keys = ["a\0", "a", "a\0b", "a\x01", "b\0\0", "\0", "a\x001\0x"]
    listing = [entry(key, 7, "e\u00e9") for key in keys]
    assert [*remote.in_order(listing)] == sorted(listing)


def test_a_key_that_is_listed_twice_is_not_lost() -> None:
    assert [found.key for found in remote.in_order([entry("b"), entry("a"), entry("b", 2)])] == ["a", "b", "b"]


def test_what_begins_in_order_is_not_held() -> None:
    taken = 0

    def listing() -> Iterator[Entry]:
        nonlocal taken
        for number in range(50_000):
            taken += 1
            yield entry(f"{number:06}")

    found = remote.in_believed_order(listing())
    assert next(found).key == "000000"
    assert taken == remote.WINDOW == 10_000
    assert sum(1 for _ in found) == 49_999


@pytest.mark.parametrize("at", [1, 9_998])
def test_disorder_within_the_window_sorts_all(at: int) -> None:
    keys = [f"{number:06}" for number in range(12_000)]
    keys[at], keys[at + 1] = keys[at + 1], keys[at]
    found = [each.key for each in remote.in_believed_order(map(entry, keys))]
    assert found == sorted(keys)


def test_disorder_after_the_window_is_found_by_the_plan() -> None:
    keys = [f"{number:06}" for number in range(12_000)]
    keys[11_000], keys[11_001] = keys[11_001], keys[11_000]
    with pytest.raises(OutOfOrderError):
        for _ in in_order(remote.in_believed_order(map(entry, keys))):
            pass


def test_a_key_twice_within_the_window_is_disorder() -> None:
    found = [each.key for each in remote.in_believed_order(iter([entry("a"), entry("a"), entry("b")]))]
    assert found == ["a", "a", "b"]


def test_a_sorted_listing_takes_at_most_two_hundred_bytes_a_key_above_the_key() -> None:
    order = random.Random(1)
    keys = [f"2026-01-{order.randrange(1, 28):02}/POST__{order.getrandbits(64):016x}.json" for _ in range(20_000)]
    length = sum(map(len, keys))

    def listing() -> Iterator[Entry]:
        for key in keys:
            # As it comes off the wire: none of it is shared with anything.
            yield Entry("".join([*key]), order.randrange(100_000), f"{order.getrandbits(128):032x}")

    tracemalloc.start()
    try:
        found = remote.in_order(listing())
        first = next(found)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert first.key == min(keys)
    assert (peak - length) / len(keys) <= 200
    assert held > 0
    assert sum(1 for _ in found) == len(keys) - 1
