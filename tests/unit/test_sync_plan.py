from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ResponseError
from timetrace.storage.sync import Entry, OutOfOrderError, Step, as_text, from_text, in_order, plan

# Few letters around "/", so that keys are often each other's folders.
KEYS = st.text("ab-./0A", min_size=1, max_size=6)
LISTINGS = st.dictionaries(KEYS, st.integers(0, 2), max_size=30)


def entries(sizes: dict[str, int]) -> list[Entry]:
    return [Entry(key, size) for key, size in sorted(sizes.items())]


def kinds(steps: Iterable[Step]) -> list[tuple[str, str]]:
    return [(step.kind, step.key) for step in steps]


def files_in_the_way(key: str, files: Iterable[str]) -> list[str]:
    return [file for file in files if key.startswith(file + "/")]


class TestTheTruthTable:
    def test_what_the_target_lacks_is_copied(self) -> None:
        assert list(plan([Entry("a", 1)], [])) == [Step("copy", "a", Entry("a", 1), None)]

    def test_another_size_is_copied(self) -> None:
        assert list(plan([Entry("a", 1)], [Entry("a", 2)])) == [Step("copy", "a", Entry("a", 1), Entry("a", 2))]

    def test_an_equal_size_is_compared(self) -> None:
        source, target = Entry("a", 1), Entry("a", 1, "0cc1")
        assert list(plan([source], [target])) == [Step("compare", "a", source, target)]

    def test_what_the_source_lacks_is_extra(self) -> None:
        assert list(plan([], [Entry("a", 1)])) == [Step("extra", "a", None, Entry("a", 1))]

    def test_a_key_that_must_not_be_is_refused_whatever_the_target_has(self) -> None:
        def refuse(key: str) -> str | None:
            return "no" if key.startswith("x") else None

        steps = plan(entries({"a": 1, "x1": 1, "x2": 1}), entries({"x2": 1, "x3": 1}), refuse=refuse)
        assert list(steps) == [
            Step("copy", "a", Entry("a", 1), None),
            Step("refuse", "x1", Entry("x1", 1), None, "no"),
            Step("refuse", "x2", Entry("x2", 1), Entry("x2", 1), "no"),
            Step("extra", "x3", None, Entry("x3", 1)),
        ]

    def test_a_file_cannot_be_a_folder_too(self) -> None:
        steps = list(plan(entries({"a": 1, "a-1": 1, "a-1/x": 1, "a.b": 1, "a/b": 1, "a/b/c": 1, "ab/c": 1}), []))
        assert kinds(steps) == [
            ("copy", "a"),
            ("copy", "a-1"),
            ("refuse", "a-1/x"),
            ("copy", "a.b"),
            ("refuse", "a/b"),
            ("refuse", "a/b/c"),
            ("copy", "ab/c"),
        ]
        assert steps[2].reason == "a-1 is a file, and cannot be a folder too"
        assert steps[4].reason == steps[5].reason == "a is a file, and cannot be a folder too"

    def test_a_refused_file_stands_in_nobodys_way(self) -> None:
        steps = plan(entries({"a": 1, "a/b": 1}), [], refuse=lambda key: "no" if key == "a" else None)
        assert kinds(steps) == [("refuse", "a"), ("copy", "a/b")]

    @given(LISTINGS, LISTINGS)
    def test_it_does_what_two_dictionaries_would(self, source: dict[str, int], target: dict[str, int]) -> None:
        steps = list(plan(entries(source), entries(target)))
        assert [step.key for step in steps] == sorted(source.keys() | target.keys())
        for step in steps:
            key = step.key
            assert step.source == (Entry(key, source[key]) if key in source else None)
            assert step.target == (Entry(key, target[key]) if key in target else None)
            if key not in source:
                expected = "extra"
            elif files_in_the_way(key, source):
                expected = "refuse"
            else:
                expected = "compare" if target.get(key) == source[key] else "copy"
            assert step.kind == expected
            assert bool(step.reason) == (expected == "refuse")

    def test_it_never_reads_further_than_the_step_it_gives(self) -> None:
        read: list[str] = []

        def listing(name: str) -> Iterator[Entry]:
            for number in range(1000):
                read.append(name)
                yield Entry(f"{number:04}", 1)

        steps = plan(listing("source"), listing("target"))
        for _ in range(500):
            next(steps)
        assert read.count("source") == read.count("target") == 500


class TestFoldedNames:
    def test_the_later_of_two_names_for_one_file_is_refused(self) -> None:
        steps = list(plan(entries({"A.json": 1, "a.json": 1, "b.json": 1}), [], fold=str.casefold))
        assert kinds(steps) == [("copy", "A.json"), ("refuse", "a.json"), ("copy", "b.json")]
        assert steps[1].reason == "A.json came before, and has the same name for this file system"

    def test_a_file_is_no_folder_in_another_spelling_either(self) -> None:
        assert kinds(plan(entries({"A": 1, "a/b": 1}), [], fold=str.casefold)) == [("copy", "A"), ("refuse", "a/b")]
        assert kinds(plan(entries({"A/b": 1, "a": 1}), [], fold=str.casefold)) == [("copy", "A/b"), ("refuse", "a")]

    def test_one_folder_in_two_spellings_would_not_come_back_as_it_was(self) -> None:
        steps = list(plan(entries({"A/x": 1, "A/y": 1, "a/z": 1}), [], fold=str.casefold))
        assert kinds(steps) == [("copy", "A/x"), ("copy", "A/y"), ("refuse", "a/z")]
        assert steps[2].reason == "A came before, and has the same name for this file system"

    @given(LISTINGS)
    def test_no_two_files_that_are_copied_have_one_name(self, source: dict[str, int]) -> None:
        copied = {step.key for step in plan(entries(source), [], fold=str.casefold) if step.kind == "copy"}
        folded = [key.casefold() for key in copied]
        assert len(set(folded)) == len(folded)
        assert not [key for key in folded if files_in_the_way(key, folded)]
        for key in source.keys() - copied:
            assert any(
                key.casefold() == other.casefold()
                or files_in_the_way(key.casefold(), [other.casefold()])
                or files_in_the_way(other.casefold(), [key.casefold()])
                or key.split("/")[0].casefold() == other.split("/")[0].casefold()
                for other in copied
            )


class TestOrder:
    def test_keys_rise_by_their_bytes(self) -> None:
        listing = entries(dict.fromkeys(["", " ", "a", "a!", "a-1", "a/b", "aa", "é", "\uffee", "😀"], 1))
        assert list(in_order(listing)) == listing
        assert sorted(listing, key=lambda entry: entry.key.encode()) == listing

    def test_disorder_is_found_where_it_starts(self) -> None:
        listing = in_order([Entry("2026-01-15/x", 1), Entry("2026-01-15-old/x", 1)])
        assert next(listing) == Entry("2026-01-15/x", 1)
        with pytest.raises(OutOfOrderError) as caught:
            next(listing)
        assert str(caught.value) == "2026-01-15-old/x is listed after 2026-01-15/x"

    def test_a_key_listed_twice_is_no_listing(self) -> None:
        with pytest.raises(ResponseError) as caught:
            list(in_order([Entry("a\x1b", 1), Entry("a\x1b", 1)]))
        assert str(caught.value).startswith("the listing names a\\x1b twice")

    @pytest.mark.parametrize("sides", [("a/b a-1", "a"), ("a", "a/b a-1")])
    def test_a_plan_finds_disorder_on_either_side(self, sides: tuple[str, str]) -> None:
        source, target = ([Entry(key, 1) for key in side.split()] for side in sides)
        with pytest.raises(OutOfOrderError):
            list(plan(source, target))


@pytest.mark.parametrize(
    "step",
    [
        Step("copy", "a", Entry("a", 1), None),
        Step("compare", "a/é", Entry("a/é", 0, "e"), Entry("a/é", 0, "f" * 32)),
        Step("extra", "a\0b\0", None, Entry("a\0b\0", 7, "")),
        Step("refuse", "../a", Entry("../a", 1), None, "it leads out of the folder"),
    ],
)
def test_a_step_held_as_a_text_is_the_same_again(step: Step) -> None:
    assert from_text(as_text(step)) == step


def test_a_collected_plan_takes_at_most_two_hundred_bytes_a_key_above_the_key() -> None:
    keys = [f"2026-01-15/POST__checkout__{number:08}.json" for number in range(20_000)]
    length = sum(map(len, keys))

    def steps() -> Iterator[Step]:
        for number, key in enumerate(keys):
            # As they come from two listings: neither shares anything with the other.
            ours, theirs = "".join([*key]), "".join([*key])
            yield Step("compare", ours, Entry(ours, number), Entry(theirs, number, f"{number:032x}"))

    tracemalloc.start()
    try:
        held = [as_text(step) for step in steps()]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (size - length) / len(held) <= 200
