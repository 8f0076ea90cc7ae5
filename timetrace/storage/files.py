"""Reads local files and walks local folders, in the order in which S3 lists keys."""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from timetrace.storage.keys import CASSETTES, Patterns, is_temporary

READ_ATTEMPTS = 3
# Who wrote a moment ago may still be at it, piece by piece. And two changes within one step of the system's clock,
# of up to 10 ms, leave the same time behind.
AT_REST = 0.02

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)


def read_stable(path: str | os.PathLike[str]) -> bytes:
    """The whole content of a file, as it was at one moment; what is no regular file is read to its end.

    A file that changes meanwhile is read again, three times in all; one that changed in the last 20 ms is given as
    much time to come to rest. Raises OSError: FileNotFoundError, IsADirectoryError, PermissionError, and EBUSY for
    a file that went on changing.
    """
    path = os.fspath(path)
    for _ in range(READ_ATTEMPTS):
        data = _read_once(path)
        if data is not None:
            return data
    raise OSError(errno.EBUSY, f"changed while it was read, {READ_ATTEMPTS} times over", path)


def read_whole(path: str, size: int) -> bytes | None:
    """A file of this size, to be compared; None if it has another. OSError as open() has it."""
    fd = os.open(path, _READ)
    try:
        data = os.read(fd, size + 1)
    finally:
        os.close(fd)
    return data if len(data) == size else None


def _read_once(path: str) -> bytes | None:
    fd = os.open(path, _READ)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            # Elsewhere open() itself would have refused a folder.
            if stat.S_ISDIR(before.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
        if abs(time.time() - before.st_mtime) < AT_REST:
            time.sleep(AT_REST)
        # One byte more than there should be: what grew shows without another call.
        data = os.read(fd, before.st_size + 1)
        while 0 < len(data) < before.st_size:
            more = os.read(fd, before.st_size + 1 - len(data))
            if not more:
                break
            data += more
        after = os.fstat(fd)
    finally:
        os.close(fd)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return data if same and len(data) == after.st_size else None


class LocalFile(NamedTuple):
    """A file that a walk found: its key below the folder, its path, its size in bytes."""

    key: str
    path: str
    size: int


class LeftOut(NamedTuple):
    """What a walk does not give: by choice, or as no key can hold it, or as it could not be read."""

    path: str
    reason: str
    action: Literal["leave out", "refuse", "fail"] = "leave out"

    @property
    def failed(self) -> bool:
        return self.action != "leave out"


def walk(
    folder: str | os.PathLike[str],
    *,
    patterns: Patterns | None = CASSETTES,
    follow_symlinks: bool = False,
    on_temporary: Callable[[str], object] | None = None,
) -> Iterator[LocalFile | LeftOut]:
    """The files below a folder that `patterns` take (None: all files), in the order of `sorted(key)`.

    Streams: it holds the names of one folder at each level. Symlinks to files are followed, to folders
    only with `follow_symlinks`. Temporary files of ours are passed over, and told to `on_temporary` alone.
    A folder that is missing or can't be read raises OSError here and now; one below it is a LeftOut that failed.
    """
    takes = patterns.matcher() if patterns else None
    return _Walk(takes, follow_symlinks, on_temporary).over(os.fsencode(folder))


class _Level(NamedTuple):
    path: bytes
    prefix: str
    names: Iterator[bytes]
    identity: tuple[int, int] | None


class _Walk:
    """Works on bytes: S3's keys are UTF-8, whatever encoding this system has for its names."""

    def __init__(
        self,
        takes: Callable[[str], bool] | None,
        follow_symlinks: bool,
        on_temporary: Callable[[str], object] | None,
    ) -> None:
        self.takes = takes
        self.on_temporary = on_temporary
        self.follow = follow_symlinks
        # Python's is_symlink() does not tell Windows' junctions: they are entered, so they may loop.
        self.may_loop = follow_symlinks or os.name == "nt"
        self.left_out: list[LeftOut] = []

    def over(self, root: bytes) -> Iterator[LocalFile | LeftOut]:
        return self.below([self.level(root, "", self.identity(root))])

    def identity(self, path: bytes) -> tuple[int, int] | None:
        if not self.may_loop:
            return None
        found = os.stat(path)
        return found.st_dev, found.st_ino

    def level(self, path: bytes, prefix: str, identity: tuple[int, int] | None) -> _Level:
        """Lists one folder. A name ends in "/" where it is to be entered: so it sorts as S3 sorts keys."""
        names = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_symlink() and _leads_to_folder(entry):
                    if not self.follow:
                        self.left_out.append(LeftOut(os.fsdecode(entry.path), "a symbolic link to a folder"))
                        continue
                    names.append(entry.name + b"/")
                else:
                    names.append(entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name)
        names.sort()
        return _Level(path, prefix, iter(names), identity)

    def below(self, levels: list[_Level]) -> Iterator[LocalFile | LeftOut]:
        while levels:
            yield from self.told()
            level = levels[-1]
            for name in level.names:
                if name.endswith(b"/"):
                    inner = self.enter(levels, name)
                    if inner is not None:
                        levels.append(inner)
                        break
                    yield from self.told()
                else:
                    found = self.file(level, name)
                    if found is not None:
                        yield found
            else:
                levels.pop()

    def told(self) -> Iterator[LeftOut]:
        told, self.left_out = self.left_out, []
        return iter(told)

    def enter(self, levels: list[_Level], name: bytes) -> _Level | None:
        path = os.path.join(levels[-1].path, name[:-1])
        try:
            identity = self.identity(path)
            if identity and identity in [level.identity for level in levels]:
                self.left_out.append(LeftOut(os.fsdecode(path), "a symbolic link to a folder that holds it"))
                return None
            return self.level(path, levels[-1].prefix + name.decode(), identity)
        except UnicodeDecodeError:
            self.left_out.append(LeftOut(os.fsdecode(path), "the folder's name is not valid UTF-8", "refuse"))
        except FileNotFoundError:
            pass  # removed since its parent was listed
        except OSError as error:
            self.left_out.append(LeftOut(os.fsdecode(path), _reason(error), "fail"))
        return None

    def file(self, level: _Level, name: bytes) -> LocalFile | LeftOut | None:
        text = name.decode(errors="surrogateescape")
        if is_temporary(text):
            if self.on_temporary is not None:
                self.on_temporary(level.prefix + text)
            return None
        raw = os.path.join(level.path, name)
        path = os.fsdecode(raw)
        if self.takes is not None and not self.takes(level.prefix + text):
            return LeftOut(path, "no pattern takes it")
        try:
            found = os.stat(raw)
        except FileNotFoundError:
            # Or it was removed since its folder was listed.
            return LeftOut(path, "a broken symbolic link", "fail") if os.path.lexists(raw) else None
        except OSError as error:
            return LeftOut(path, _reason(error), "fail")
        if not stat.S_ISREG(found.st_mode):
            return LeftOut(path, "not a regular file")
        if not _is_utf8(text):
            return LeftOut(path, "the name is not valid UTF-8", "refuse")
        return LocalFile(level.prefix + text, path, found.st_size)


def _leads_to_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links, or no permission on the way: told when it is looked at as a file
        return False


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
