"""Temporary files of runs that were killed: a sync down removes them once nobody can need them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from timetrace.storage import S3Store
from timetrace.storage.folder import Folder
from timetrace.storage.partial import open_target

NAME = ".timetrace-0123456789abcdef.tmp"
HOUR = 3600
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such calls")
both = pytest.mark.parametrize("windows", [True, pytest.param(False, marks=posix)], ids=["by path", "by dir_fd"])


def leave(path: Path, hours: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half of")
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))
    return path


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


@both
@pytest.mark.parametrize("hours", [24.1, 1_000])
def test_what_nobody_has_written_to_for_a_day_is_removed(tmp_path: Path, windows: bool, hours: float) -> None:
    leave(tmp_path / "a" / NAME, hours)
    with Folder(tmp_path, windows=windows) as folder:
        folder.remove_leftover(f"a/{NAME}")
    assert tree(tmp_path) == []


@both
@pytest.mark.parametrize("hours", [-48, -0.1, 0, 1, 23.9])
def test_what_is_younger_or_of_the_future_stays(tmp_path: Path, windows: bool, hours: float) -> None:
    leave(tmp_path / NAME, hours)
    with Folder(tmp_path, windows=windows) as folder:
        folder.remove_leftover(NAME)
    assert tree(tmp_path) == [NAME]


@both
def test_no_symlink_leads_out_of_the_folder(tmp_path: Path, windows: bool) -> None:
    leave(tmp_path / "outside" / NAME, 48)
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / NAME).symlink_to(tmp_path / "outside" / NAME)
    with Folder(root, windows=windows) as folder:
        folder.remove_leftover(f"link/{NAME}")
        folder.remove_leftover(NAME)
        folder.remove_leftover(f"missing/{NAME}")
    assert tree(tmp_path) == [f"outside/{NAME}", f"root/{NAME}"]


def test_a_sync_down_removes_them_at_every_depth_and_nothing_else(remote: S3Store, tmp_path: Path) -> None:
    remote.write_bytes("a/b/new.json", b"new")
    for name in (NAME, f"a/b/{NAME}", f"elsewhere/{NAME}"):
        leave(tmp_path / name, 48)
    kept = ["a/.timetrace-0.tmp", "a/notes.tmp", f"a/{NAME}.json", f"a/{NAME}~"]
    for name in kept:
        leave(tmp_path / name, 48)
    assert remote.sync_download(tmp_path).ok
    assert tree(tmp_path) == sorted([*kept, "a/b/new.json"])


@pytest.mark.parametrize("options", [{"dry_run": True}, {"verify": True}])
def test_a_sync_that_changes_nothing_leaves_them(remote: S3Store, tmp_path: Path, options: dict[str, bool]) -> None:
    leave(tmp_path / NAME, 48)
    assert remote.sync_download(tmp_path, **options).ok  # type: ignore[arg-type]
    assert tree(tmp_path) == [NAME]


def test_a_sync_up_passes_over_them_whatever_it_is_to_include(remote: S3Store, tmp_path: Path) -> None:
    leave(tmp_path / NAME, 48)
    leave(tmp_path / "a.json", 48)
    assert remote.sync_upload(tmp_path, include=["*"]).transferred == 1
    assert [*remote.list()] == ["a.json"]
    assert tree(tmp_path) == [NAME, "a.json"]


def test_a_download_that_is_under_way_is_not_disturbed(remote: S3Store, tmp_path: Path) -> None:
    with open_target(tmp_path / "slow.json") as target:
        target.write(b"half ")
        assert remote.sync_download(tmp_path).ok
        target.write(b"and half")
        target.commit()
    assert (tmp_path / "slow.json").read_bytes() == b"half and half"
