"""The folder that a sync or a download of many writes to, and that no key and no symlink leads out of."""

from __future__ import annotations

import errno
import os
import stat
import sys
import unicodedata
from collections.abc import Callable
from functools import cached_property
from io import FileIO

from timetrace.errors import RefusedKeyError
from timetrace.storage.keys import posix_refusal, visible, windows_refusal
from timetrace.storage.partial import (
    Directory,
    PartialFile,
    cannot_hold,
    create_temporary,
    located,
    refused,
    remove,
)

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0) | _CLOEXEC
# A FIFO that took a file's place must not stop us.
_READ = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

# A symlink, the same on FreeBSD; a socket, the same on BSD and macOS.
_IRREGULAR = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EOPNOTSUPP)
# No running sync leaves a file of its own alone for that long: it gives up before.
LEFTOVER = 24 * 3600.0
_JUNCTION = 0xA0000003  # stat.IO_REPARSE_TAG_MOUNT_POINT, which only Windows' Python has


class Folder:
    """A download root. Safe to share between threads.

    Every key is judged by the rules of the system, and walked from the root part by part without following a
    symlink: with descriptors (`dir_fd`), so that a folder swapped for a symlink at any moment leads nowhere.
    Windows has no such calls: there each part is looked at before it is entered.
    Opening its folder anew for each file costs 3 µs; a cache of descriptors would go on writing into folders
    that were moved away.
    """

    def __init__(self, root: str | os.PathLike[str], *, create: bool = True, windows: bool = os.name == "nt") -> None:
        """Makes the folder if it is missing; without `create` nothing can be written to a missing one.

        NotADirectoryError if it is something else, OSError if it can't be made or opened.
        """
        self.root = os.fspath(root)
        self._shown = os.path.join(self.root, "")
        self._windows = windows
        self._closed = False
        self._name_max = 255
        self._root: Directory | None = None
        if create:
            try:
                os.makedirs(self.root, exist_ok=True)
            except FileExistsError:
                pass  # no folder: told next
        try:
            self._open()
        except FileNotFoundError:
            if create:
                raise

    def _open(self) -> None:
        if self._windows:
            path = os.path.join(os.fsencode(os.path.abspath(self.root)), b"")
            if not stat.S_ISDIR(os.stat(self.root).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.root)
            self._root = Directory(None, path)
        else:
            self._root = Directory(os.open(self.root, _FOLDER))
            self._name_max = _name_max(self.root)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder. Files that are being written may still be committed."""
        self._closed = True
        self._root = None

    def refusal(self, key: str) -> str | None:
        """Why no file can have this key as its path here, or None."""
        return windows_refusal(key) if self._windows else posix_refusal(key, self._name_max)

    def path(self, key: str) -> str:
        """Where the key's file lies, as the root was given."""
        return self._shown + key.replace("/", os.sep)

    def create(self, key: str) -> PartialFile:
        """A file to be written; the folders above it are made. RefusedKeyError, OSError with the path."""
        folder, name = self._parent(key, make=True)
        return PartialFile(folder, name, self.path(key), key)

    def stat(self, key: str) -> int | None:
        """The size of the regular file, in bytes; None for what is missing or something else."""
        try:
            folder, name = self._parent(key, make=False)
            found = os.lstat(folder.base + name, dir_fd=folder.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise located(error, self.path(key)) from error
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def open(self, key: str) -> FileIO:
        """The regular file, for reading. FileNotFoundError; RefusedKeyError if it is something else."""
        folder, name = self._parent(key, make=False)
        try:
            fd = os.open(folder.base + name, _READ, dir_fd=folder.fd)
        except OSError as error:
            if error.errno in _IRREGULAR:
                raise refused(key, "not a regular file") from error
            raise located(error, self.path(key)) from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise refused(key, "not a regular file")
        return FileIO(fd, "rb")

    def remove(self, key: str) -> None:
        """Remove the file, or the symlink that has its name. RefusedKeyError, OSError with the path."""
        folder, name = self._parent(key, make=False)
        try:
            os.unlink(folder.base + name, dir_fd=folder.fd)
        except OSError as error:
            raise located(error, self.path(key)) from error

    def remove_leftover(self, key: str) -> None:
        """Remove a temporary file that a killed run left: one that nobody has written to for a day.

        What can't be removed stays.
        """
        try:
            folder, name = self._reach(key, make=False)
            found = os.lstat(folder.base + name, dir_fd=folder.fd)
            if stat.S_ISREG(found.st_mode) and _time_in(folder) - found.st_mtime > LEFTOVER:
                remove(folder, folder.base + name)
        except (OSError, RefusedKeyError):
            pass

    @cached_property
    def fold(self) -> Callable[[str], str] | None:
        """Maps names that this file system takes for one to one text; None if it tells all names apart.

        Found out with a temporary file. Where none can be made, macOS and Windows are taken to fold case.
        """
        try:
            root = self._opened()
            name, fd = self._probe(root)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS):
                raise located(error, self.root) from error
            return _fold_case if sys.platform in ("darwin", "win32") else None
        os.close(fd)
        text = name[len(root.base) :].decode()
        folds_case = _exists(root, text.replace("timetrace", "TIMETRACE"))
        folds_accents = not text.isascii() and _exists(root, _fold_accents(text))
        remove(root, name)
        if folds_case:
            # Coarser than any file system's own table: what it takes for one too many is refused, not lost.
            return _fold_case
        return _fold_accents if folds_accents else None

    def _probe(self, root: Directory) -> tuple[bytes, int]:
        try:
            return create_temporary(root, mark="\u00e9")
        except OSError as error:
            if not cannot_hold(error):
                raise
            return create_temporary(root)  # a file system of few letters

    def _opened(self) -> Directory:
        root = self._root
        if self._closed:
            raise ValueError("the folder is closed")
        if root is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.root)
        return root

    def _parent(self, key: str, *, make: bool) -> tuple[Directory, bytes]:
        """The open folder that the key's last part lies in. FileNotFoundError if it is not to be made."""
        reason = self.refusal(key)
        if reason:
            raise refused(key, reason)
        return self._reach(key, make=make)

    def _reach(self, key: str, *, make: bool) -> tuple[Directory, bytes]:
        folder = self._opened()
        *parts, name = key.encode().split(b"/")
        enter = _enter_by_path if self._windows else _enter
        for depth, part in enumerate(parts, 1):
            try:
                folder = enter(folder, part, make)
            except OSError as error:
                raise self._blocked(folder, part, key, depth, error) from error
        return folder, name

    def _blocked(self, folder: Directory, part: bytes, key: str, depth: int, error: OSError) -> Exception:
        above = "/".join(key.split("/")[:depth])
        if cannot_hold(error):
            return refused(key, "the file system cannot hold this name")
        try:
            found = os.lstat(folder.base + part, dir_fd=folder.fd)
        except OSError:
            return located(error, self.path(above))
        if _is_link(found):
            return refused(key, f"{visible(above)} is a symbolic link")
        if not stat.S_ISDIR(found.st_mode):
            return refused(key, f"{visible(above)} is a file, and cannot be a folder too")
        return located(error, self.path(above))


def _enter(folder: Directory, part: bytes, make: bool) -> Directory:
    try:
        return Directory(os.open(part, _FOLDER | _NOFOLLOW, dir_fd=folder.fd))
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(part, dir_fd=folder.fd)
    except FileExistsError:
        pass  # another thread was first
    return Directory(os.open(part, _FOLDER | _NOFOLLOW, dir_fd=folder.fd))


def _enter_by_path(folder: Directory, part: bytes, make: bool) -> Directory:
    path = folder.base + part
    if make:
        try:
            os.mkdir(path)
        except FileExistsError:
            pass
    found = os.lstat(path)
    if _is_link(found) or not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return Directory(None, os.path.join(path, b""))


def _is_link(found: os.stat_result) -> bool:
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


def _time_in(folder: Directory) -> float:
    """By the clock of the file system, which may be another machine's."""
    name, fd = create_temporary(folder)
    try:
        return os.fstat(fd).st_mtime
    finally:
        os.close(fd)
        remove(folder, name)


def _exists(folder: Directory, name: str) -> bool:
    try:
        os.lstat(folder.base + name.encode(), dir_fd=folder.fd)
    except OSError:
        return False
    return True


def _name_max(root: str) -> int:
    try:
        return max(os.pathconf(root, "PC_NAME_MAX"), 0) or 255  # -1: no limit of its own
    except OSError:
        return 255


def _fold_case(name: str) -> str:
    return _fold_accents(_fold_accents(name).casefold())


def _fold_accents(name: str) -> str:
    return unicodedata.normalize("NFD", name)
