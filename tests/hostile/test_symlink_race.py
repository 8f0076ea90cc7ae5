"""Somebody else may write to the folder, and swaps its folders for symlinks while a sync fills them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.bucket import Bucket, Stored

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no calls that tie a name to an open folder"
)

FOLDERS = ["a", "a/b", "c"]
KEYS = [f"{folder}/{number}.json" for folder in FOLDERS for number in range(40)]
SWAPS = 700
SECONDS = 30.0


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[list[int]]:
    """Swaps each folder for a symlink to `outside` and back, without pause; the list's one item counts."""
    swaps, over = [0], Event()

    def swap() -> None:
        while not over.is_set():
            for folder in FOLDERS:
                place, aside = root / folder, root / f"{folder}.aside"
                try:
                    os.rename(place, aside)
                    os.symlink(outside, place)
                    swaps[0] += 1
                    time.sleep(0.0002)
                    os.unlink(place)
                    os.rename(aside, place)
                except OSError:
                    _restore(place, aside)

    thread = Thread(target=swap, daemon=True)
    thread.start()
    try:
        yield swaps
    finally:
        over.set()
        thread.join()


def _restore(place: Path, aside: Path) -> None:
    """The sync made the folder anew while it was away."""
    try:
        if place.is_symlink():
            place.unlink()
        if aside.exists() and not place.exists():
            aside.rename(place)
        elif aside.exists():
            for path in [*aside.iterdir()]:
                path.replace(place / path.name)
            aside.rmdir()
    except OSError:
        pass


@pytest.mark.parametrize("doing", ["sync", "sync with deletions", "download_files"])
def test_no_file_is_written_or_removed_outside_however_often_folders_become_symlinks(
    tmp_path: Path, doing: str
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    victims = {f"{number}.json": b"not ours" for number in range(200)}
    for name, data in victims.items():
        (outside / name).write_bytes(data)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    transferred = rounds = 0
    with Bucket() as bucket, bucket.store() as store:
        bucket.objects.update({key: Stored(b"ours") for key in KEYS})
        deadline = time.monotonic() + SECONDS
        with swapping(root, outside) as swaps:
            while swaps[0] < SWAPS and time.monotonic() < deadline:
                rounds += 1
                if doing == "download_files":
                    report = store.download_files(KEYS, root)
                else:
                    # What is there is made to differ, so that each round writes.
                    bucket.objects.update({key: Stored(b"ours%d" % rounds) for key in KEYS})
                    if doing == "sync with deletions":
                        for number in range(40, 60):
                            _leave(root / "c" / f"{number}.json")
                    report = store.sync_download(root, delete=doing == "sync with deletions", force=True)
                transferred += report.transferred
        print(f"{doing}: {swaps[0]} swaps, {rounds} rounds, {transferred} files written")
        assert swaps[0] >= SWAPS
    assert transferred > len(KEYS)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == victims


def _leave(path: Path) -> None:
    """A file that the bucket lacks, unless it would now lie outside."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        os.close(os.open(path.name, os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    finally:
        os.close(folder)
