"""Files that cannot be written, cannot be read, or do not stay as they are."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.subprocesses import unmeasured
from timetrace.cli import main
from timetrace.storage import S3Config, S3Store, partial
from timetrace.storage.report import SyncItem

ROOT = Path(__file__).parents[2]


def as_user(*args: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.user", *map(str, args)],
        env=unmeasured(),
        cwd=os.sep,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def put(remote: S3Store, *names: str, size: int = 3_000) -> None:
    for name in names:
        remote.write_bytes(name, content(name, size))


def content(name: str, size: int = 3_000) -> bytes:
    return (name * size).encode()[:size]


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestRights:
    def test_a_file_that_may_not_be_read_fails_alone(self, remote: S3Store, shared_path: Path) -> None:
        for name in ("a.json", "b.json", "c.json"):
            (shared_path / name).write_text(name)
        (shared_path / "b.json").chmod(0)
        report = as_user("up", shared_path)
        assert report["failed"] == [["b.json", f"{shared_path}/b.json", report["failed"][0][2]]]
        assert "Permission denied" in report["failed"][0][2]
        assert (report["ok"], report["transferred"], sorted(remote.list())) == (False, 2, ["a.json", "c.json"])

    def test_a_folder_that_may_not_be_entered_fails_alone(self, remote: S3Store, shared_path: Path) -> None:
        for name in ("a/1.json", "b/2.json", "c/3.json"):
            (shared_path / name).parent.mkdir()
            (shared_path / name).write_text(name)
        (shared_path / "b").chmod(0)
        report = as_user("up", shared_path)
        (shared_path / "b").chmod(0o755)
        assert report["failed"] == [["", f"{shared_path}/b", "permission denied"]]
        assert (report["ok"], sorted(remote.list())) == (False, ["a/1.json", "c/3.json"])

    def test_a_folder_that_may_not_be_written_to_fails_for_its_files_alone(
        self, remote: S3Store, shared_path: Path
    ) -> None:
        put(remote, "a/1.json", "b/2.json", "c/3.json")
        shared_path.chmod(0o777)
        (shared_path / "b").mkdir(mode=0o555)
        report = as_user("down", shared_path)
        assert [item[:2] for item in report["failed"]] == [["b/2.json", f"{shared_path}/b/2.json"]]
        assert "Permission denied" in report["failed"][0][2]
        assert (report["ok"], report["transferred"], names(shared_path / "b")) == (False, 2, [])
        assert (shared_path / "c/3.json").read_bytes() == content("c/3.json")


class TestNoRoom:
    def test_what_is_too_large_for_the_system_fails_alone_and_leaves_nothing(
        self, remote: S3Store, tmp_path: Path
    ) -> None:
        put(remote, "a.json", "c.json")
        put(remote, "b.json", size=50_000)
        report = as_user("down", tmp_path, 20_000)
        assert report["failed"] == [["b.json", f"{tmp_path}/b.json", report["failed"][0][2]]]
        assert os.strerror(errno.EFBIG) in report["failed"][0][2]
        assert names(tmp_path) == ["a.json", "c.json"]
        assert (tmp_path / "c.json").read_bytes() == content("c.json")

    def test_a_full_disk_ends_the_sync_and_what_was_there_stays(
        self, remote: S3Store, small_disk: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (small_disk / "b.json").write_text("old")
        put(remote, "a.json")
        put(remote, "b.json", "c.json", size=900_000)
        assert main(["s3", "sync", "down", "-d", str(small_disk)]) == 1
        err = capfd.readouterr().err
        assert err.splitlines()[-1].endswith(f".json: {os.strerror(errno.ENOSPC)}")
        assert (small_disk / "b.json").read_text() == "old"
        assert set(names(small_disk)) <= {"a.json", "b.json"}

    def test_once_there_is_room_the_next_run_completes(self, remote: S3Store, small_disk: Path) -> None:
        put(remote, "a.json", size=400_000)
        (small_disk / "ballast").write_bytes(b"x" * 500_000)
        with pytest.raises(OSError, match="No space left on device"):
            remote.sync_download(small_disk)
        assert names(small_disk) == ["ballast"]
        (small_disk / "ballast").unlink()
        assert remote.sync_download(small_disk).transferred == 1
        assert (small_disk / "a.json").read_bytes() == content("a.json", 400_000)

    def test_a_disk_that_may_only_be_read_ends_the_sync(self, remote: S3Store, mounted_disk: Path) -> None:
        put(remote, "a.json")
        subprocess.run(["mount", "-o", "remount,ro", mounted_disk], check=True)
        with pytest.raises(OSError, match="Read-only file system"):
            remote.sync_download(mounted_disk)
        assert names(mounted_disk) == []


ROOM = 800_000  # bytes


@pytest.fixture
def mounted_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of that size. Only who may mount can have one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "timetrace", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True) if may_mount() else None
    if mounted is None or mounted.returncode:
        why = mounted.stderr.strip() if mounted else "this user may not mount"
        told = f"NOT RUN, a small disk cannot be mounted: {why}"
        if mounted and request.config.option.require_servers:
            pytest.fail(told)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(told, stacklevel=1)
        pytest.skip(told)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def may_mount() -> bool:
    """Whether this process has CAP_SYS_ADMIN."""
    with suppress(OSError), open("/proc/self/status") as status:
        held = [line.split()[1] for line in status if line.startswith("CapEff:")]
        return bool(int(held[0], 16) >> 21 & 1)
    return False


class Full:
    """Stands in for `os`: the files of a folder share the room that there is, and no more can be written."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        left = ROOM
        for name in os.listdir(self._place):
            with suppress(FileNotFoundError):  # another thread's, discarded just now
                left -= (self._place / name).stat().st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data[:left])


@pytest.fixture(params=["mounted", "counted"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A true one, and one whose room is counted, which needs nobody's leave."""
    if request.param == "mounted":
        return Path(request.getfixturevalue("mounted_disk"))
    place = tmp_path / "counted"
    place.mkdir()
    monkeypatch.setattr(partial, "os", Full(place))
    return place


def version(number: int, size: int) -> bytes:
    """Begins with the SHA-256 of the rest: what is torn shows."""
    rest = (f"{number:07} ".encode() * (size // 8))[: size - 64]
    return hashlib.sha256(rest).hexdigest().encode() + rest


def is_whole(data: bytes) -> bool:
    rest = data[64:]
    number = rest.split(b" ")[0]
    return data == version(int(number), len(data))


def hammer(path: Path, write: Callable[[Path, bytes], object], size: int, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        write(path, version(number, size))


def in_place(path: Path, data: bytes) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(data)


def renamed(path: Path, data: bytes) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.replace(path)


class TestChanges:
    @pytest.mark.parametrize("write", [in_place, renamed])
    def test_what_is_stored_is_a_version_that_was_written(
        self, remote: S3Store, tmp_path: Path, write: Callable[[Path, bytes], object]
    ) -> None:
        path = tmp_path / "a.json"
        path.write_bytes(version(0, 60_000))
        stop = threading.Event()
        writer = threading.Thread(target=hammer, args=(path, write, 60_000, stop))
        writer.start()
        try:
            stored = [_try_to_store(remote, tmp_path) for _ in range(20)]
        finally:
            stop.set()
            writer.join()
        assert all(data is None or is_whole(data) for data in stored)
        if write is renamed:  # each version is a file of its own, and at rest
            assert None not in stored
        assert remote.sync_upload(tmp_path).ok
        assert remote.read_bytes("a.json") == path.read_bytes()

    def test_a_file_that_was_written_to_a_moment_ago_is_given_time_to_become_whole(
        self, remote: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, whole = tmp_path / "a.json", version(1, 60_000)
        path.write_bytes(whole[:30_000])
        os.utime(path, (path.stat().st_atime, time.time()))
        pauses = []

        def write_the_rest(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 1:
                with open(path, "ab") as file:
                    file.write(whole[30_000:])

        monkeypatch.setattr(time, "sleep", write_the_rest)
        remote.upload(path)
        assert remote.read_bytes("a.json") == whole
        assert pauses[0] == 0.02

    def test_a_file_that_is_replaced_while_its_parts_are_sent_is_reported(
        self, environ: dict[str, str], tmp_path: Path
    ) -> None:
        path, size = tmp_path / "large.json", 12_000_000
        path.write_bytes(version(0, size))
        stop = threading.Event()
        writer = threading.Thread(target=hammer, args=(path, renamed, size, stop))
        writer.start()
        try:
            with S3Store(S3Config(multipart_threshold="5MiB", part_size="5MiB")) as store:
                for _ in range(3):
                    report = store.sync_upload(tmp_path)
                    assert report.ok or ["changed while it was read" in item.reason for item in report.failed] == [True]
                    assert all(is_whole(store.read_bytes(key)) for key in store.list())
        finally:
            stop.set()
            writer.join()

    def test_files_that_vanish_meanwhile_fail_alone_or_are_passed_over(self, remote: S3Store, tmp_path: Path) -> None:
        paths = [tmp_path / f"{number:03}.json" for number in range(200)]
        for path in paths:
            path.write_text(path.name)
        vanished = paths[1::2]

        def unlink(item: SyncItem) -> None:
            if vanished:
                vanished.pop().unlink()

        report = remote.sync_upload(tmp_path, jobs=4, on_result=unlink)
        kept = {path.name for path in paths[::2]}
        assert {item.key for item in report.failed}.isdisjoint(kept)
        assert all(isinstance(item.error, FileNotFoundError) for item in report.failed)
        assert kept <= set(remote.list())
        assert all(remote.read_bytes(name) == name.encode() for name in remote.list())


def _try_to_store(remote: S3Store, folder: Path) -> bytes | None:
    report = remote.sync_upload(folder)
    if not report.ok:
        assert [item.reason for item in report.failed] == [report.failed[0].reason]
        assert "changed while it was read" in report.failed[0].reason
        return None
    return remote.read_bytes("a.json")
