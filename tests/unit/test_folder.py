from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timetrace.errors import RefusedKeyError
from timetrace.storage import folder as module
from timetrace.storage.folder import Folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such calls")
# Windows' rules and its walk by paths, on any system.
both = pytest.mark.parametrize("windows", [True, pytest.param(False, marks=posix)], ids=["by path", "by dir_fd"])


def put(folder: Folder, key: str, data: bytes = b"x") -> None:
    with folder.create(key) as target:
        target.write(data)
        target.commit()


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))


def refusal(folder: Folder, key: str) -> str:
    with pytest.raises(RefusedKeyError) as caught:
        put(folder, key)
    return str(caught.value)


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
    shutil.rmtree(path)


@both
class TestWriting:
    def test_folders_are_made_on_the_way(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path / "new" / "root", windows=windows) as folder:
            put(folder, "a.json", b"1")
            put(folder, "2026-01-15/api/b.json", b"2")
            put(folder, "2026-01-15/api/b.json", b"3")
        assert tree(tmp_path) == [
            "new",
            "new/root",
            "new/root/2026-01-15",
            "new/root/2026-01-15/api",
            "new/root/2026-01-15/api/b.json",
            "new/root/a.json",
        ]
        assert (tmp_path / "new/root/2026-01-15/api/b.json").read_bytes() == b"3"

    def test_names_are_utf8_as_they_are_in_the_key(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            put(folder, "日本/é 😀.json")
        assert os.listdir(os.fsencode(tmp_path)) == ["日本".encode()]

    @pytest.mark.parametrize("key", ["", "/a", "../a", "a/../b", "a//b", "a/", "a/\0", "\ud800", "x/.."])
    def test_a_key_that_leads_elsewhere_is_refused(self, tmp_path: Path, windows: bool, key: str) -> None:
        with Folder(tmp_path / "root", windows=windows) as folder:
            for use in (folder.create, folder.stat, folder.open):
                with pytest.raises(RefusedKeyError):
                    use(key)
        assert tree(tmp_path) == ["root"]

    def test_a_file_in_the_place_of_a_folder_is_refused(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            put(folder, "a/b")
            assert refusal(folder, "a/b/c\x7f/d") == "a/b/c\\x7f/d: a/b is a file, and cannot be a folder too"
        assert tree(tmp_path) == ["a", "a/b"]

    def test_a_folder_in_the_place_of_a_file_is_refused(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            put(folder, "a/b")
            assert refusal(folder, "a") == "a: a folder has this name"
        assert tree(tmp_path) == ["a", "a/b"]

    @posix
    @pytest.mark.parametrize("key", ["link/x.json", "link/sub/x.json", "a/link/x.json", "dangling/x.json"])
    def test_a_symlinked_folder_is_refused(self, tmp_path: Path, windows: bool, key: str) -> None:
        (tmp_path / "outside" / "sub").mkdir(parents=True)
        (tmp_path / "root" / "a").mkdir(parents=True)
        for link in ("link", "a/link"):
            (tmp_path / "root" / link).symlink_to(tmp_path / "outside")
        (tmp_path / "root" / "dangling").symlink_to("nowhere")
        before = tree(tmp_path)
        with Folder(tmp_path / "root", windows=windows) as folder:
            link = key[: key.index("link") + 4] if "link" in key else "dangling"
            assert refusal(folder, key) == f"{key}: {link} is a symbolic link"
            for use in (folder.stat, folder.open):
                with pytest.raises(RefusedKeyError):
                    use(key)
        assert tree(tmp_path) == before

    @posix
    def test_a_symlink_in_the_files_own_place_is_replaced(self, tmp_path: Path, windows: bool) -> None:
        (tmp_path / "outside").write_text("mine")
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "a").symlink_to(tmp_path / "outside")
        with Folder(tmp_path / "root", windows=windows) as folder:
            put(folder, "a", b"theirs")
        assert (tmp_path / "outside").read_text() == "mine"
        assert stat.S_ISREG((tmp_path / "root" / "a").lstat().st_mode)

    @posix
    def test_the_root_itself_may_be_a_symlink(self, tmp_path: Path, windows: bool) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "root").symlink_to("real")
        with Folder(tmp_path / "root", windows=windows) as folder:
            put(folder, "a")
        assert tree(tmp_path) == ["real", "real/a", "root"]

    def test_many_threads_share_it(self, tmp_path: Path, windows: bool) -> None:
        keys = [f"{number % 3}/{number % 7}/{number}.json" for number in range(300)]
        with Folder(tmp_path, windows=windows) as folder, ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda key: put(folder, key, key.encode()), keys))
        found = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path.relative_to(tmp_path).as_posix(): path.read_text() for path in found} == {key: key for key in keys}

    def test_another_one_may_make_the_folder_first(
        self, tmp_path: Path, windows: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mkdir = os.mkdir

        def late(*args: object, **options: object) -> None:
            mkdir(*args, **options)  # type: ignore[arg-type]
            mkdir(*args, **options)  # type: ignore[arg-type]

        with Folder(tmp_path, windows=windows) as folder:
            monkeypatch.setattr(os, "mkdir", late)
            put(folder, "a/b")
        assert tree(tmp_path) == ["a", "a/b"]

    def test_what_has_begun_may_end_after_closing(self, tmp_path: Path, windows: bool) -> None:
        folder = Folder(tmp_path, windows=windows)
        with folder.create("a") as top, folder.create("b/c") as below:
            folder.close()
            top.commit()
            below.commit()
        assert tree(tmp_path) == ["a", "b", "b/c"]
        with pytest.raises(ValueError, match="the folder is closed"):
            folder.create("d")
        with pytest.raises(ValueError, match="the folder is closed"):
            folder.stat("d")

    @pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors")
    def test_no_descriptor_stays_open(self, tmp_path: Path, windows: bool) -> None:
        before = len(os.listdir("/proc/self/fd"))
        with Folder(tmp_path, windows=windows) as folder:
            for key in ("a", "a/b", "c/d", "c", "../x", "c/d/e"):
                try:
                    put(folder, key)
                except RefusedKeyError:
                    pass
            folder.create("e").discard()
            folder.open("a").close()
            assert folder.fold is None or folder.fold("A") == "a"
        assert len(os.listdir("/proc/self/fd")) == before

    def test_a_missing_root_is_not_made_unless_asked_for(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path / "none", create=False, windows=windows) as folder:
            assert folder.refusal("../x") == "a part '..' would lead elsewhere"
            assert folder.fold is None or sys.platform in ("darwin", "win32")
            assert folder.stat("a") is None
            with pytest.raises(FileNotFoundError) as caught:
                folder.create("a")
            assert caught.value.filename == str(tmp_path / "none")
        assert tree(tmp_path) == []

    @pytest.mark.parametrize("create", [True, False])
    def test_a_file_is_no_root(self, tmp_path: Path, windows: bool, create: bool) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError) as caught:
            Folder(tmp_path / "file", create=create, windows=windows)
        assert caught.value.filename == str(tmp_path / "file")

    @posix
    def test_a_dangling_root_is_an_error(self, tmp_path: Path, windows: bool) -> None:
        (tmp_path / "root").symlink_to("nowhere")
        with pytest.raises(FileNotFoundError):
            Folder(tmp_path / "root", windows=windows)

    @posix
    def test_a_folder_that_may_not_be_written_is_told_by_its_path(self, shared_path: Path, windows: bool) -> None:
        (shared_path / "sub").mkdir()
        (shared_path / "closed").mkdir(mode=0o700)
        with as_nobody(), Folder(shared_path, windows=windows) as folder:
            for key, path in (("a", "a"), ("sub/a", "sub/a"), ("new/a", "new"), ("closed/a", "closed/a")):
                with pytest.raises(PermissionError) as caught:
                    put(folder, key)
                assert caught.value.filename in (os.path.join(shared_path, path), str(shared_path / "closed"))
            for use in (folder.stat, folder.open):
                with pytest.raises(PermissionError) as caught:
                    use("closed/a")
                assert str(shared_path / "closed") in str(caught.value.filename)
            assert folder.fold is None or sys.platform == "darwin"

    def test_a_folder_that_cannot_be_opened_is_told_by_its_path(
        self, tmp_path: Path, windows: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*args: object, **options: object) -> None:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        (tmp_path / "a").mkdir()
        with Folder(tmp_path, windows=windows) as folder:
            monkeypatch.setattr(os, "mkdir" if windows else "open", broken)
            with pytest.raises(OSError, match="Too many open files") as caught:
                folder.create("a/b")
        assert caught.value.filename == str(tmp_path / "a")

    @posix
    def test_a_name_too_long_for_this_file_system_is_refused(self, tmp_path: Path, windows: bool) -> None:
        name = "é" * 128
        with Folder(tmp_path, windows=windows) as folder:
            expected = (
                "the file system cannot hold this name" if windows else "a name of 256 bytes, the file system takes 255"
            )
            assert refusal(folder, name) == f"{name}: {expected}"
            assert refusal(folder, f"{name}/x") == f"{name}/x: {expected}"
        assert tree(tmp_path) == []

    def test_a_path_is_shown_as_the_root_was_given(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            assert folder.path("a/b.json") == os.path.join(str(tmp_path), "a", "b.json")


class TestRules:
    @posix
    def test_posix_rules_hold_on_posix(self, tmp_path: Path) -> None:
        with Folder(tmp_path, windows=False) as folder:
            assert folder.refusal("con:x") is None
            assert folder.refusal("../x") == "a part '..' would lead elsewhere"

    def test_windows_rules_hold_on_windows(self, tmp_path: Path) -> None:
        with Folder(tmp_path, windows=True) as folder:
            assert folder.refusal("con") == "CON is the name of a device on Windows"

    def test_a_junction_is_as_good_as_a_symlink(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lstat = os.lstat

        class Junction:
            st_mode = stat.S_IFDIR | 0o755
            st_reparse_tag = 0xA0000003

        with Folder(tmp_path, windows=True) as folder:
            monkeypatch.setattr(os, "lstat", lambda path, **options: Junction if path.endswith(b"j") else lstat(path))
            assert refusal(folder, "j/x") == "j/x: j is a symbolic link"

    @posix
    @pytest.mark.parametrize(("answer", "longest"), [(143, 143), (-1, 255), (OSError(), 255)])
    def test_the_file_system_says_how_long_a_name_may_be(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int | OSError, longest: int
    ) -> None:
        def pathconf(path: object, name: str) -> int:
            if isinstance(answer, OSError):
                raise answer
            return answer

        monkeypatch.setattr(os, "pathconf", pathconf)
        with Folder(tmp_path) as folder:
            assert folder.refusal("x" * longest) is None
            assert folder.refusal("x" * (longest + 1)) is not None

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.text(st.sampled_from("ab./\\:~ \0é"), max_size=8), max_size=8))
    def test_whatever_the_keys_nothing_is_written_outside(self, keys: list[str]) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch) / "deep" / "root"
            written = set()
            with Folder(root) as folder:
                for key in keys:
                    try:
                        put(folder, key, key.encode())
                        written.add(key)
                    except RefusedKeyError:
                        pass
            assert {path.name for path in Path(scratch).iterdir()} == {"deep"}
            assert {path.name for path in root.parent.iterdir()} == {"root"}
            for key in written:
                assert root.joinpath(key).read_bytes() == key.encode()


class TestReading:
    @both
    def test_a_file_has_a_size_and_its_bytes(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            put(folder, "a/b", b"hello")
            assert folder.stat("a/b") == 5
            with folder.open("a/b") as file:
                assert file.readall() == b"hello"

    @both
    @pytest.mark.parametrize("key", ["c", "a/c", "c/d"])
    def test_what_is_missing_has_none(self, tmp_path: Path, windows: bool, key: str) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            put(folder, "a/b")
            assert folder.stat(key) is None
            with pytest.raises(FileNotFoundError):
                folder.open(key)
        assert tree(tmp_path) == ["a", "a/b"]

    @posix
    @pytest.mark.parametrize("kind", ["link", "fifo", "folder", "socket"])
    def test_what_is_no_regular_file_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        make_it: dict[str, Callable[[str], None]] = {
            "link": lambda path: os.symlink("elsewhere", path),
            "fifo": os.mkfifo,
            "folder": os.mkdir,
            "socket": bind,
        }
        Path("elsewhere").touch()
        make_it[kind]("a")
        with Folder(".") as folder:
            assert folder.stat("a") is None
            with pytest.raises(RefusedKeyError) as caught:
                folder.open("a")
        assert str(caught.value) == "a: not a regular file"

    @posix
    def test_a_file_that_cannot_be_looked_at_is_told_by_its_path(self, tmp_path: Path) -> None:
        name = "é" * 128  # Windows would take it
        with Folder(tmp_path, windows=True) as folder:
            for use in (folder.stat, folder.open):
                with pytest.raises(OSError, match="too long") as caught:
                    use(name)
                assert caught.value.filename == str(tmp_path / name)


def bind(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)


class TestFoldedNames:
    @pytest.mark.skipif(sys.platform != "linux", reason="other file systems fold")
    @both
    def test_a_file_system_that_tells_names_apart_folds_none(self, tmp_path: Path, windows: bool) -> None:
        with Folder(tmp_path, windows=windows) as folder:
            assert folder.fold is None
        assert tree(tmp_path) == []

    @pytest.mark.parametrize(
        ("same", "folds"),
        [
            (str.casefold, {"A": "a", "\u00c9": "e\u0301", "\u00e9": "e\u0301", "a": "a"}),
            (lambda name: unicodedata.normalize("NFC", name), {"A": "A", "\u00e9": "e\u0301", "e\u0301": "e\u0301"}),
        ],
    )
    @both
    def test_names_that_are_one_file_fold_to_one_text(
        self,
        tmp_path: Path,
        windows: bool,
        monkeypatch: pytest.MonkeyPatch,
        same: Callable[[str], str],
        folds: dict[str, str],
    ) -> None:
        lstat = os.lstat

        def found(path: bytes, *, dir_fd: int | None = None) -> os.stat_result:
            folder, name = os.path.split(path.decode())
            for there in os.listdir(tmp_path):
                if same(there) == same(name):
                    return lstat(os.path.join(folder, there), dir_fd=dir_fd)
            raise FileNotFoundError

        with Folder(tmp_path, windows=windows) as folder:
            monkeypatch.setattr(os, "lstat", found)
            fold = folder.fold
        assert fold is not None
        assert {name: fold(name) for name in folds} == folds
        assert tree(tmp_path) == []

    def test_a_file_system_of_few_letters_is_asked_about_case_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def few_letters(path: bytes, flags: int, mode: int, *, dir_fd: int | None) -> int:
            if not path.isascii():
                raise OSError(errno.EILSEQ, "no such letter")
            return real_open(path, flags, mode, dir_fd=dir_fd)

        real_open = os.open
        with Folder(tmp_path) as folder:
            monkeypatch.setattr(os, "open", few_letters)
            monkeypatch.setattr(module, "_exists", lambda root, name: name.isascii())
            assert folder.fold is not None
        assert tree(tmp_path) == []

    @pytest.mark.parametrize(("code", "is_fatal"), [(errno.EROFS, False), (errno.EACCES, False), (errno.EIO, True)])
    @pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
    def test_where_nothing_can_be_asked_the_system_decides(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, is_fatal: bool, platform: str
    ) -> None:
        def broken(*args: object, **options: object) -> None:
            raise OSError(code, "no")

        with Folder(tmp_path) as folder:
            monkeypatch.setattr(os, "open", broken)
            monkeypatch.setattr(sys, "platform", platform)
            if is_fatal:
                with pytest.raises(OSError, match="no") as caught:
                    _ = folder.fold
                assert caught.value.filename == str(tmp_path)
            else:
                assert (folder.fold is None) == (platform == "linux")


@posix
class TestRaces:
    def test_a_parent_that_keeps_becoming_a_symlink_lets_nothing_out(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        (root / "a" / "b").mkdir(parents=True)
        (outside / "b").mkdir(parents=True)
        done = threading.Event()

        def swap() -> None:
            for number in count():
                if done.is_set():
                    return
                try:
                    os.rename(root / "a", root / f"kept{number}")
                    os.symlink(outside, root / "a")
                    os.unlink(root / "a")
                except OSError:
                    pass  # the folder was made anew meanwhile, or not yet

        swapper = threading.Thread(target=swap)
        swapper.start()
        outcomes = set()
        with Folder(root) as folder:
            for number in range(2000):
                try:
                    put(folder, f"a/b/{number}")
                    outcomes.add("written")
                except (RefusedKeyError, OSError) as error:
                    outcomes.add(type(error).__name__)
        done.set()
        swapper.join()
        assert tree(outside) == ["b"]
        assert "written" in outcomes

    def test_a_parent_that_becomes_a_symlink_before_the_commit_lets_nothing_out(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "root", tmp_path / "outside"
        (root / "a").mkdir(parents=True)
        outside.mkdir()
        with Folder(root) as folder, folder.create("a/x") as target:
            os.rename(root / "a", root / "kept")
            os.symlink(outside, root / "a")
            target.commit()
        assert tree(tmp_path) == ["outside", "root", "root/a", "root/kept", "root/kept/x"]
        assert tree(outside) == []

    def test_a_parent_that_goes_and_comes_back_as_nothing_is_told(self, tmp_path: Path) -> None:
        with Folder(tmp_path) as folder:
            with folder.create("a/x") as target:
                os.unlink(next((tmp_path / "a").iterdir()))
                os.rmdir(tmp_path / "a")
                with pytest.raises(FileNotFoundError) as caught:
                    target.commit()
            assert caught.value.filename == str(tmp_path / "a" / "x")
