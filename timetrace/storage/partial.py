"""Targets of downloads: files that get their name only once complete, and pipes that can't have it so."""

from __future__ import annotations

import atexit
import errno
import os
import re
import stat
from collections.abc import Iterator
from itertools import count
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from timetrace.errors import RefusedKeyError
from timetrace.storage.keys import visible

if TYPE_CHECKING:
    from timetrace.s3.http import Piece

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_CREATE = _NEW | _CLOEXEC | getattr(os, "O_BINARY", 0)

# A name has 16 hex digits: a run's, and a number. Where two runs share the first, or a process and its
# fork do, O_EXCL tells them apart: whoever comes second takes the next number.
_run = os.urandom(4).hex()
_numbers = count()

_umask_lock = Lock()
_umask: int | None = None
if hasattr(os, "register_at_fork"):
    # No child shall begin with the lock held, nor with the umask that is set for a moment below.
    os.register_at_fork(
        before=_umask_lock.acquire, after_in_parent=_umask_lock.release, after_in_child=_umask_lock.release
    )


class Directory:
    """A folder that file names are relative to: a descriptor, or a path where systems know no `dir_fd`.

    Closed when the last user lets go of it, so that no thread ever uses a descriptor's number after its end.
    """

    __slots__ = ("base", "fd")

    def __init__(self, fd: int | None, base: bytes = b"") -> None:
        self.fd = fd
        self.base = base

    def __del__(self) -> None:
        if self.fd is not None:
            os.close(self.fd)


T = TypeVar("T", bound="Target")


class Target:
    """What a download is written to. Unless it is committed, leaving the `with` discards it.

    Each method but `discard` raises OSError with the target's path.
    """

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path

    def write(self, data: Piece) -> None:
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, memoryview(data)[done:])
        except OSError as error:
            raise located(error, self._path) from error

    @property
    def anywhere(self) -> PartialFile | None:
        """The same target, if it takes content in any order."""
        return None

    def restart(self) -> None:
        """Take back what was written."""
        raise NotImplementedError

    def commit(self) -> None:
        """Publish what was written."""
        raise NotImplementedError

    def discard(self) -> None:
        """Drop what was written; nothing once it is committed. Never raises OSError."""
        raise NotImplementedError

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


_unfinished: set[PartialFile] = set()


def _discard_all() -> None:
    """What worker threads leave that the end of the process cuts off, as after Ctrl-C against a silent server."""
    for target in _unfinished.copy():
        target.discard()


atexit.register(_discard_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unfinished.clear)  # they are the parent's


class PartialFile(Target):
    """A file that has a temporary name beside its own, and mode 0600, until `commit()`.

    `key` is told where the final name proves impossible: RefusedKeyError, or OSError if `key` is None.
    """

    def __init__(self, folder: Directory, name: bytes, path: str, key: str | None = None) -> None:
        self._folder: Directory | None = folder
        self._name = folder.base + name
        self._key = key
        try:
            self._temporary, fd = create_temporary(folder)
        except OSError as error:
            raise located(error, path) from error
        self._empty = True
        self._lock = Lock()
        super().__init__(fd, path)
        _unfinished.add(self)

    @property
    def anywhere(self) -> PartialFile:
        return self

    def write(self, data: Piece) -> None:
        self._empty = False
        super().write(data)

    def write_at(self, data: Piece, offset: int) -> None:
        """Write at an offset in bytes; `write` then goes on anywhere. Safe to call from several threads."""
        self._empty = False
        try:
            done = 0
            while done < len(data):
                done += self._write_at(memoryview(data)[done:], offset + done)
        except OSError as error:
            raise located(error, self._path) from error

    def pieces(self, start: int, size: int) -> Iterator[memoryview]:
        """What was written there, each piece in the memory of the one before."""
        memory, end = memoryview(bytearray(2**18)), start + size
        while start < end and (read := self._read_at(memory[: end - start], start)):
            start += read
            yield memory[:read]

    def _write_at(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._fd, data, offset)
        with self._lock:  # pragma: no cover  # Windows
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.write(self._fd, data)

    def _read_at(self, memory: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._fd, [memory], offset)
        with self._lock:  # pragma: no cover  # Windows
            os.lseek(self._fd, offset, os.SEEK_SET)
            piece = os.read(self._fd, len(memory))
            memory[: len(piece)] = piece
            return len(piece)

    def restart(self) -> None:
        if self._empty:
            return
        try:
            os.ftruncate(self._fd, 0)
            os.lseek(self._fd, 0, os.SEEK_SET)
        except OSError as error:
            raise located(error, self._path) from error
        self._empty = True

    def commit(self) -> None:
        """Give the file its name and the permissions of the umask; what had the name before is gone.

        Not synced to the disk: a killed process loses nothing, a power cut may.
        """
        folder = self._folder
        if folder is None:
            raise ValueError("commit() after commit() or discard()")
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(self._fd, 0o666 & ~umask())
            self._close()  # some file systems tell only now that they were full
            os.replace(self._temporary, self._name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except OSError as error:
            self.discard()
            raise self._refusal(folder, error) or located(error, self._path) from error
        self._folder = None
        _unfinished.discard(self)

    def discard(self) -> None:
        folder, self._folder = self._folder, None
        _unfinished.discard(self)
        if folder is None:
            return
        try:
            self._close()
        except OSError:
            pass
        remove(folder, self._temporary)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _refusal(self, folder: Directory, error: OSError) -> RefusedKeyError | None:
        if self._key is None:
            return None
        if cannot_hold(error):
            return refused(self._key, "the file system cannot hold this name")
        try:
            there = os.lstat(self._name, dir_fd=folder.fd)
        except OSError:
            return None
        return refused(self._key, "a folder has this name") if stat.S_ISDIR(there.st_mode) else None


class Through(Target):
    """A pipe, a terminal or a device: what is written there can't be taken back."""

    _started = False

    def write(self, data: Piece) -> None:
        self._started = True
        super().write(data)

    def restart(self) -> None:
        if self._started:
            raise OSError(errno.ESPIPE, "cannot take back what was written there", self._path)

    def commit(self) -> None:
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError as error:
            raise located(error, self._path) from error

    def discard(self) -> None:
        if self._fd >= 0:
            try:
                self.commit()
            except OSError:
                pass


def open_target(path: str | os.PathLike[str]) -> Target:
    """The target of a single download. Symlinks are followed, as the user gave them.

    Missing folders are made. IsADirectoryError for a folder; other OSErrors as the system has them.
    """
    path = os.fspath(path)
    inherited = _inherited(path)
    if inherited is not None:
        try:
            return Through(os.dup(inherited), path)
        except OSError as error:
            raise located(error, path) from error
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode) or not os.path.basename(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        return Through(os.open(path, os.O_WRONLY | _CLOEXEC | getattr(os, "O_NOCTTY", 0)), path)
    parent, name = os.path.split(os.path.realpath(path) if os.path.islink(path) else path)
    if parent:
        os.makedirs(parent, exist_ok=True)
    base = os.path.join(os.fsencode(parent), b"") if parent else b""
    return PartialFile(Directory(None, base), os.fsencode(name), path)


def _inherited(path: str) -> int | None:
    """The descriptor that a path names. Opened by name, it would overwrite: `-o /dev/stdout >> log`."""
    if os.name == "nt":  # pragma: no cover
        return None
    number = {"/dev/stdout": "1", "/dev/stderr": "2"}.get(path, path.removeprefix("/dev/fd/"))
    return int(number) if number != path and re.fullmatch("[0-9]{1,9}", number) else None


def create_temporary(folder: Directory, *, mark: str = "") -> tuple[bytes, int]:
    """A new file of mode 0600: its name as `os` calls take it, and a descriptor for writing."""
    while True:
        temporary = folder.base + f".timetrace-{_run}{next(_numbers) & 0xFFFFFFFF:08x}{mark}.tmp".encode()
        try:
            return temporary, os.open(temporary, _CREATE, 0o600, dir_fd=folder.fd)
        except FileExistsError:
            continue


def remove(folder: Directory, name: bytes) -> None:
    """Unlink a temporary file; if that fails, it stays, and walks pass over it."""
    try:
        os.unlink(name, dir_fd=folder.fd)
    except OSError:
        pass


def umask() -> int:
    """The process's umask, read once. Only setting it tells it; files made meanwhile are private."""
    global _umask
    with _umask_lock:
        if _umask is None:
            _umask = os.umask(0o077)
            os.umask(_umask)
        return _umask


def located(error: OSError, path: str) -> OSError:
    """The same error, telling this path rather than a temporary name or none."""
    return OSError(error.errno, error.strerror, path)


def cannot_hold(error: OSError) -> bool:
    """Whether the error says that no such name can be on this file system."""
    return error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def refused(key: str, reason: str) -> RefusedKeyError:
    return RefusedKeyError(f"{visible(key)}: {reason}")
