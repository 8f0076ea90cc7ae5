from __future__ import annotations

import errno
import io
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from timetrace.errors import RefusedKeyError
from timetrace.storage import partial
from timetrace.storage.partial import Directory, PartialFile, Target, open_target

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture
def umask_027(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(partial, "_umask", None)
    before = os.umask(0o027)
    yield
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def fail(code: int) -> OSError:
    return OSError(code, os.strerror(code), "a temporary name")


class TestAFileBesideItsName:
    def test_it_has_its_name_only_once_it_is_committed(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_text("old")
        with open_target(path) as target:
            target.write(b"ne")
            target.write(b"w")
            assert path.read_text() == "old"
            target.commit()
        assert path.read_text() == "new"
        assert names(tmp_path) == ["a.json"]

    def test_without_commit_nothing_stays(self, tmp_path: Path) -> None:
        with open_target(tmp_path / "a.json") as target:
            target.write(b"half")
        assert names(tmp_path) == []

    def test_an_error_discards_it(self, tmp_path: Path) -> None:
        def interrupted() -> None:
            with open_target(tmp_path / "a.json") as target:
                target.write(b"half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert names(tmp_path) == []

    def test_a_second_try_starts_from_nothing(self, tmp_path: Path) -> None:
        with open_target(tmp_path / "a.json") as target:
            target.write(b"a long first try")
            target.restart()
            target.write(b"short")
            target.commit()
        assert (tmp_path / "a.json").read_bytes() == b"short"

    @posix
    @pytest.mark.usefixtures("umask_027")
    def test_it_is_private_until_the_umask_applies(self, tmp_path: Path) -> None:
        with open_target(tmp_path / "a.json") as target:
            target.write(b"x")
            (temporary,) = tmp_path.iterdir()
            assert mode(temporary) == 0o600
            target.commit()
        assert mode(tmp_path / "a.json") == 0o640
        assert os.umask(0o027) == 0o027

    @posix
    @pytest.mark.usefixtures("umask_027")
    def test_many_threads_leave_the_umask_as_it_was(self, tmp_path: Path) -> None:
        start = threading.Barrier(8)

        def ask() -> None:
            start.wait()
            assert partial.umask() == 0o027

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert os.umask(0o027) == 0o027

    def test_a_name_as_long_as_names_get_has_room_for_its_temporary_one(self, tmp_path: Path) -> None:
        with open_target(tmp_path / ("x" * 255)) as target:
            (temporary,) = names(tmp_path)
            assert len(temporary) == 31
            target.commit()
        assert names(tmp_path) == ["x" * 255]

    def test_a_taken_temporary_name_is_passed_by(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(partial, "_run", "0123abcd")
        monkeypatch.setattr(partial, "_numbers", iter([7, 7, 0x100000008]))
        with open_target(tmp_path / "a"), open_target(tmp_path / "b"):
            assert names(tmp_path) == [
                ".timetrace-0123abcd00000007.tmp",
                ".timetrace-0123abcd00000008.tmp",
            ]

    def test_it_is_committed_or_discarded_once(self, tmp_path: Path) -> None:
        with open_target(tmp_path / "a") as target:
            target.commit()
            target.discard()
            with pytest.raises(ValueError, match="commit"):
                target.commit()
        assert names(tmp_path) == ["a"]

    def test_a_write_that_comes_up_short_is_gone_on_with(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
        with open_target(tmp_path / "a") as target:
            target.write(b"0123456789")
            target.commit()
        assert (tmp_path / "a").read_bytes() == b"0123456789"

    @pytest.mark.parametrize(
        ("call", "step"),
        [
            ("open", "create"),
            ("write", "write"),
            ("ftruncate", "restart"),
            ("fchmod", "commit"),
            ("replace", "commit"),
        ],
    )
    def test_each_failure_tells_the_path_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, step: str
    ) -> None:
        def broken(*args: object, **options: object) -> None:
            raise fail(errno.ENOSPC)

        def go() -> None:
            with open_target(path) as target:
                target.write(b"x")
                target.restart()
                target.commit()

        path = tmp_path / "a.json"
        path.write_text("old")
        monkeypatch.setattr(os, call, broken)
        with pytest.raises(OSError, match="No space left") as caught:
            go()
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
        assert names(tmp_path) == ["a.json"]
        assert path.read_text() == "old"

    @posix
    def test_space_that_proves_to_lack_at_closing_time_is_a_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        close_badly(monkeypatch)
        with pytest.raises(OSError, match="quota"), open_target(tmp_path / "a.json") as target:
            target.commit()
        assert names(tmp_path) == []

    @posix
    def test_discarding_never_raises(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*args: object, **options: object) -> None:
            raise fail(errno.EROFS)

        monkeypatch.setattr(os, "unlink", broken)
        close_badly(monkeypatch)
        with open_target(tmp_path / "a.json"):
            pass
        (left,) = names(tmp_path)
        assert re.fullmatch("[.]timetrace-[0-9a-f]{16}[.]tmp", left)

    def test_systems_without_fchmod_do_without(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(os, "fchmod", raising=False)
        with open_target(tmp_path / "a") as target:
            target.commit()
        assert names(tmp_path) == ["a"]


def close_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    close = os.close

    def closing(fd: int) -> None:
        close(fd)
        raise OSError(errno.EDQUOT, "quota exceeded")

    monkeypatch.setattr(os, "close", closing)


class TestAKeyThatProvesImpossible:
    @pytest.mark.parametrize("code", [errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ])
    def test_a_name_that_the_file_system_cannot_hold_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        def broken(*args: object, **options: object) -> None:
            raise fail(code)

        monkeypatch.setattr(os, "replace", broken)
        with pytest.raises(RefusedKeyError) as caught:
            self.commit(tmp_path, b"a\x1b")
        assert str(caught.value) == "a\\x1b: the file system cannot hold this name"
        assert names(tmp_path) == []

    def test_a_folder_in_the_way_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(RefusedKeyError) as caught:
            self.commit(tmp_path, b"a")
        assert str(caught.value) == "a: a folder has this name"
        assert names(tmp_path) == ["a"]

    @pytest.mark.parametrize("there", [True, False])
    def test_any_other_failure_is_the_systems_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
    ) -> None:
        def broken(*args: object, **options: object) -> None:
            raise fail(errno.EACCES)

        if there:
            (tmp_path / "a").touch()
        monkeypatch.setattr(os, "replace", broken)
        with pytest.raises(PermissionError) as caught:
            self.commit(tmp_path, b"a")
        assert caught.value.filename == str(tmp_path / "a")

    def commit(self, folder: Path, name: bytes) -> None:
        directory = Directory(None, os.path.join(os.fsencode(folder), b""))
        with PartialFile(directory, name, str(folder / name.decode()), name.decode()) as target:
            target.commit()


class TestWhereASingleDownloadGoes:
    def test_missing_folders_are_made(self, tmp_path: Path) -> None:
        write(tmp_path / "a" / "b" / "c.json")
        assert (tmp_path / "a" / "b" / "c.json").read_bytes() == b"x"

    def test_a_bare_name_lies_in_the_current_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write("c.json")
        assert names(tmp_path) == ["c.json"]

    def test_a_folder_is_no_target(self, tmp_path: Path) -> None:
        for path in (str(tmp_path), os.path.join(tmp_path, "none", "")):
            with pytest.raises(IsADirectoryError) as caught:
                open_target(path)
            assert caught.value.filename == path
        assert names(tmp_path) == []

    @posix
    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a.json").write_text("old")
        (tmp_path / "link").symlink_to(os.path.join("real", "a.json"))
        (tmp_path / "dangling").symlink_to(os.path.join("real", "b.json"))
        write(tmp_path / "link")
        write(tmp_path / "dangling")
        assert names(tmp_path) == ["dangling", "link", "real"]
        assert names(tmp_path / "real") == ["a.json", "b.json"]
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "link").read_bytes() == (tmp_path / "dangling").read_bytes() == b"x"

    @posix
    def test_a_link_that_leads_round_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("a")
        with pytest.raises(OSError, match="symbolic links"):
            open_target(tmp_path / "a")

    @posix
    def test_a_device_is_written_through(self) -> None:
        write("/dev/null")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    @posix
    def test_a_pipe_is_written_through(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
        write(tmp_path / "pipe")
        assert reader.communicate()[0] == b"x"
        assert names(tmp_path) == ["pipe"]

    @posix
    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
    def test_the_standard_output_is_gone_on_with(self, tmp_path: Path, name: str) -> None:
        log = tmp_path / "log"
        log.write_text("before\n")
        code = f"from timetrace.storage.partial import *\nt = open_target({name!r})\nt.write(b'x')\nt.commit()"
        with log.open("a") as out:
            subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
        assert log.read_text() == "before\nx"

    @posix
    def test_a_descriptor_that_is_not_open_is_told_by_its_path(self) -> None:
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            open_target("/dev/fd/999999999")
        assert caught.value.filename == "/dev/fd/999999999"

    @posix
    def test_nothing_is_taken_back_from_a_pipe(self) -> None:
        reader, writer = os.pipe()
        with open_target(f"/dev/fd/{writer}") as target:
            target.restart()
            target.write(b"x")
            with pytest.raises(OSError, match="cannot take back what was written there") as caught:
                target.restart()
        assert caught.value.filename == f"/dev/fd/{writer}"
        os.close(writer)
        with io.FileIO(reader) as pipe:
            assert pipe.readall() == b"x"

    @posix
    def test_a_pipe_is_closed_whatever_closing_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        target = open_target("/dev/null")
        other = open_target("/dev/null")
        close_badly(monkeypatch)
        with pytest.raises(OSError, match="quota") as caught:
            target.commit()
        assert caught.value.filename == "/dev/null"
        target.discard()
        other.discard()


def write(path: str | Path) -> None:
    with open_target(path) as target:
        assert isinstance(target, Target)
        target.write(b"x")
        target.commit()


class TestTheBareTarget:
    def test_it_leaves_the_rest_to_its_kinds(self) -> None:
        bare = Target(-1, "x")
        for step in (bare.restart, bare.commit, bare.discard):
            with pytest.raises(NotImplementedError):
                step()


def test_the_end_of_the_process_leaves_no_temporary_file(tmp_path: Path) -> None:
    program = (
        "import os, sys, threading\n"
        "from timetrace.storage.partial import open_target\n"
        "def work():\n"
        "    with open_target(sys.argv[1]) as target:\n"
        "        target.write(b'half')\n"
        "        begun.set()\n"
        "        threading.Event().wait()\n"
        "begun = threading.Event()\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "begun.wait()\n"
        "print(os.listdir(os.path.dirname(sys.argv[1])))\n"
    )
    path = tmp_path / "a.json"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert ".timetrace-" in done.stdout
    assert list(tmp_path.iterdir()) == []
