from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from timetrace.storage.files import LeftOut, LocalFile, read_stable, walk

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
any_bytes_in_names = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are UTF-8 here")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Permissions bind everyone but root."""
    if os.getuid():
        yield
        return
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("this root can't become another user")
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """Like tmp_path, but below no folder that only its owner may enter."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path)


def make(root: Path, *names: str) -> None:
    """A file for each name, holding that name; a folder where the name ends in "/"."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)


def keys(root: Path, follow_symlinks: bool = False) -> list[str]:
    found = walk(root, patterns=None, follow_symlinks=follow_symlinks)
    return [item.key for item in found if isinstance(item, LocalFile)]


def left_out(root: Path, follow_symlinks: bool = False) -> list[LeftOut]:
    return [item for item in walk(root, follow_symlinks=follow_symlinks) if isinstance(item, LeftOut)]


class TestReading:
    @pytest.mark.parametrize("size", [0, 1, 65536, 3_000_000])
    def test_a_file_is_read_whole(self, tmp_path: Path, size: int) -> None:
        data = os.urandom(size)
        (tmp_path / "a").write_bytes(data)
        assert read_stable(tmp_path / "a") == data
        assert read_stable(str(tmp_path / "a")) == data

    def test_what_is_missing_is_told_by_its_path(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            read_stable(tmp_path / "a.json")
        assert caught.value.filename == str(tmp_path / "a.json")

    @posix
    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError) as caught:
            read_stable(tmp_path)
        assert caught.value.filename == str(tmp_path)

    @posix
    def test_a_pipe_is_read_to_its_end(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        data = os.urandom(3_000_000)
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
        writer.start()
        assert read_stable(tmp_path / "pipe") == data
        writer.join()

    def test_a_denied_file_is_told_by_its_path(self, shared_path: Path) -> None:
        make(shared_path, "a")
        (shared_path / "a").chmod(0)
        with as_nobody(), pytest.raises(PermissionError) as caught:
            read_stable(shared_path / "a")
        assert caught.value.filename == str(shared_path / "a")

    @pytest.mark.parametrize("data", [b"", b"o", b"new", b"old + more"])
    def test_a_file_that_changes_meanwhile_is_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
    ) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"old")
        meddle(monkeypatch, path, [data])
        assert read_stable(path) == data

    def test_a_file_that_goes_on_changing_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "a"
        path.write_bytes(b"old")
        meddle(monkeypatch, path, [b"4444", b"55555", b"666666"])
        with pytest.raises(OSError, match="changed while it was read, 3 times over") as caught:
            read_stable(path)
        assert (caught.value.errno, caught.value.filename) == (errno.EBUSY, str(path))

    def test_a_read_that_comes_up_short_is_gone_on_with(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "a"
        path.write_bytes(bytes(range(256)))
        read = os.read
        monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 100)))
        assert read_stable(path) == bytes(range(256))


def meddle(monkeypatch: pytest.MonkeyPatch, path: Path, contents: list[bytes]) -> None:
    """Each read finds the file as another of the contents, whose modification time is later."""
    read, later = os.read, iter(range(1, 9))

    def meddling(fd: int, size: int) -> bytes:
        if contents:
            path.write_bytes(contents.pop(0))
            os.utime(path, ns=(0, next(later)))
        return read(fd, size)

    monkeypatch.setattr(os, "read", meddling)


NAMES = st.lists(st.text("a-. /0é😀", min_size=1, max_size=5), max_size=12)


class TestWalking:
    def test_a_file_comes_with_key_path_and_size(self, tmp_path: Path) -> None:
        make(tmp_path, "2026-01-15/a.json")
        path = os.path.join(tmp_path, "2026-01-15", "a.json")
        assert list(walk(tmp_path)) == [LocalFile("2026-01-15/a.json", path, 17)]
        assert list(walk(str(tmp_path))) == list(walk(tmp_path))

    def test_folders_sort_as_their_files_keys_do(self, tmp_path: Path) -> None:
        make(tmp_path, "b", "a.b", "a/b", "a-1", "a b", "a/-", "A/x", "a0/x", "é", "z")
        assert keys(tmp_path) == ["A/x", "a b", "a-1", "a.b", "a/-", "a/b", "a0/x", "b", "z", "é"]

    @settings(max_examples=60, deadline=None)
    @given(NAMES)
    @example(["a", "a-1", "a/b", "a.b", "a b"])
    def test_a_walk_is_in_the_order_of_sorted_keys(self, names: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = set()
            for name in names:
                key = "/".join(part for part in name.split("/") if part not in ("", ".", "..")) or "x"
                try:
                    make(Path(folder), key)
                except OSError:
                    continue  # a file where a folder is, or the reverse
                made.add(key)
            assert keys(Path(folder)) == sorted(made)

    def test_other_files_are_left_out_and_told(self, tmp_path: Path) -> None:
        make(tmp_path, "a.json", "notes.txt", "b.yaml", "sub/c.JSON")
        assert left_out(tmp_path) == [
            LeftOut(str(tmp_path / "notes.txt"), "no pattern takes it"),
            LeftOut(os.path.join(tmp_path, "sub", "c.JSON"), "no pattern takes it"),
        ]
        assert not any(item.failed for item in left_out(tmp_path))

    def test_temporary_files_of_ours_are_passed_over(self, tmp_path: Path) -> None:
        make(tmp_path, ".timetrace-0123456789abcdef.tmp", ".timetrace-mine.tmp")
        assert keys(tmp_path) == [".timetrace-mine.tmp"]
        assert left_out(tmp_path) == [LeftOut(str(tmp_path / ".timetrace-mine.tmp"), "no pattern takes it")]

    def test_an_empty_folder_has_nothing(self, tmp_path: Path) -> None:
        make(tmp_path, "a/b/")
        assert list(walk(tmp_path)) == []

    def test_a_missing_folder_is_an_error_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            walk(tmp_path / "none")
        assert os.fsdecode(caught.value.filename) == str(tmp_path / "none")

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        make(tmp_path, "a.json")
        with pytest.raises(NotADirectoryError):
            walk(tmp_path / "a.json")

    @posix
    def test_a_folder_that_cannot_be_read_fails_alone(self, shared_path: Path) -> None:
        make(shared_path, "a.json", "closed/x.json", "open/y.json")
        (shared_path / "closed").chmod(0)
        with as_nobody():
            found = list(walk(shared_path))
        assert found == [
            LocalFile("a.json", str(shared_path / "a.json"), 6),
            LeftOut(str(shared_path / "closed"), "permission denied", "fail"),
            LocalFile("open/y.json", str(shared_path / "open" / "y.json"), 11),
        ]
        assert found[1].failed  # type: ignore[union-attr]

    @posix
    def test_a_file_that_cannot_be_looked_at_fails_alone(self, shared_path: Path) -> None:
        make(shared_path, "listed/x.json")
        (shared_path / "listed").chmod(0o444)
        with as_nobody():
            found = list(walk(shared_path))
        path = str(shared_path / "listed" / "x.json")
        assert found == [LeftOut(path, "permission denied", "fail")]

    def test_what_vanishes_during_a_walk_was_never_there(self, tmp_path: Path) -> None:
        make(tmp_path, "a.json", "b.json", "c/d.json", "e.json")
        found = walk(tmp_path)
        assert next(found) == LocalFile("a.json", str(tmp_path / "a.json"), 6)
        (tmp_path / "b.json").unlink()
        shutil.rmtree(tmp_path / "c")
        assert list(found) == [LocalFile("e.json", str(tmp_path / "e.json"), 6)]

    def test_a_deep_folder_is_walked_to_its_end(self, tmp_path: Path) -> None:
        deep = "/".join(["d"] * 300)
        make(tmp_path, f"{deep}/a.json")
        assert [item.key for item in walk(tmp_path) if isinstance(item, LocalFile)] == [f"{deep}/a.json"]

    @any_bytes_in_names
    def test_names_that_are_no_utf8_are_refused(self, tmp_path: Path) -> None:
        root = os.fsencode(tmp_path)
        for name in (b"caf\xe9.json", b"caf\xe9.txt"):
            Path(os.fsdecode(os.path.join(root, name))).touch()
        os.mkdir(os.path.join(root, b"d\xff"))
        make(tmp_path, "é.json")
        assert list(walk(tmp_path)) == [
            LeftOut(f"{tmp_path}/caf\udce9.json", "the name is not valid UTF-8", "refuse"),
            LeftOut(f"{tmp_path}/caf\udce9.txt", "no pattern takes it"),
            LeftOut(f"{tmp_path}/d\udcff", "the folder's name is not valid UTF-8", "refuse"),
            LocalFile("é.json", f"{tmp_path}/é.json", 7),
        ]

    @any_bytes_in_names
    def test_nfc_and_nfd_stay_as_they_are(self, tmp_path: Path) -> None:
        make(tmp_path, "\u00e9.json", "e\u0301.json")
        assert keys(tmp_path) == ["e\u0301.json", "\u00e9.json"]


@posix
class TestSymlinksAndStrangeFiles:
    def test_a_link_to_a_file_is_that_file(self, tmp_path: Path) -> None:
        make(tmp_path, "elsewhere/a.json", "folder/")
        (tmp_path / "folder" / "link.json").symlink_to(tmp_path / "elsewhere" / "a.json")
        path = str(tmp_path / "folder" / "link.json")
        assert list(walk(tmp_path / "folder")) == [LocalFile("link.json", path, 16)]

    def test_a_link_to_a_folder_is_left_out_unless_asked_for(self, tmp_path: Path) -> None:
        make(tmp_path, "elsewhere/a.json", "folder/b.json", "folder/sub/c.json")
        (tmp_path / "folder" / "link").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "folder" / "sub" / "link").symlink_to(tmp_path / "elsewhere")
        folder = tmp_path / "folder"
        assert keys(folder) == ["b.json", "sub/c.json"]
        assert left_out(folder) == [
            LeftOut(str(folder / "link"), "a symbolic link to a folder"),
            LeftOut(str(folder / "sub" / "link"), "a symbolic link to a folder"),
        ]
        assert keys(folder, follow_symlinks=True) == ["b.json", "link/a.json", "sub/c.json", "sub/link/a.json"]
        assert left_out(folder, follow_symlinks=True) == []

    def test_a_link_to_a_folder_sorts_as_a_folder(self, tmp_path: Path) -> None:
        make(tmp_path, "elsewhere/x", "folder/a-1", "folder/a0")
        (tmp_path / "folder" / "a").symlink_to(tmp_path / "elsewhere")
        assert keys(tmp_path / "folder", follow_symlinks=True) == ["a-1", "a/x", "a0"]

    def test_links_that_lead_round_are_found(self, tmp_path: Path) -> None:
        make(tmp_path, "a/b/x.json")
        (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
        (tmp_path / "self").symlink_to(".")
        assert keys(tmp_path, follow_symlinks=True) == ["a/b/x.json"]
        assert left_out(tmp_path, follow_symlinks=True) == [
            LeftOut(str(tmp_path / "a" / "b" / "up"), "a symbolic link to a folder that holds it"),
            LeftOut(str(tmp_path / "self"), "a symbolic link to a folder that holds it"),
        ]

    def test_one_folder_may_be_linked_to_twice(self, tmp_path: Path) -> None:
        make(tmp_path, "elsewhere/x", "folder/")
        for name in "ab":
            (tmp_path / "folder" / name).symlink_to(tmp_path / "elsewhere")
        assert keys(tmp_path / "folder", follow_symlinks=True) == ["a/x", "b/x"]

    def test_a_broken_link_is_a_failure(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").symlink_to("nowhere")
        (tmp_path / "b.json").symlink_to("b.json")
        (tmp_path / "c.txt").symlink_to("nowhere")
        loop = os.strerror(errno.ELOOP).lower()
        assert list(walk(tmp_path)) == [
            LeftOut(str(tmp_path / "a.json"), "a broken symbolic link", "fail"),
            LeftOut(str(tmp_path / "b.json"), loop, "fail"),
            LeftOut(str(tmp_path / "c.txt"), "no pattern takes it"),
        ]

    @pytest.mark.parametrize("make_it", [os.mkfifo, lambda path: bind(path)], ids=["fifo", "socket"])
    def test_what_is_no_file_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_it: Callable[[str], None]
    ) -> None:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        make_it("a.json")
        assert list(walk(".")) == [LeftOut(os.path.join(".", "a.json"), "not a regular file")]


def bind(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
