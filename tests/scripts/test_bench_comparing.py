import os
from pathlib import Path

from benchmark.comparing import Entry, differing, local, make_folders

HERE = {"a": Entry(1, 100.0), "b": Entry(2, 100.0)}


def test_what_is_there_in_the_same_size_and_no_older_is_left() -> None:
    assert differing(HERE, {"a": Entry(1, 100.0), "b": Entry(2, 101.5)}) == []


def test_what_is_missing_of_another_size_or_older_is_told() -> None:
    assert differing(HERE, {"a": Entry(1, 99.0)}) == ["a", "b"]
    assert differing(HERE, {**HERE, "b": Entry(3, 200.0)}) == ["b"]


def test_files_are_told_by_their_path_below_the_folder(tmp_path: Path) -> None:
    make_folders(str(tmp_path), ["x/y/a.json", "b.json"])
    (tmp_path / "x" / "y" / "a.json").write_bytes(b"{}")
    os.utime(tmp_path / "x" / "y" / "a.json", (50, 50))
    assert local(str(tmp_path)) == {"x/y/a.json": Entry(2, 50.0)}
