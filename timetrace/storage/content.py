"""An object's content on its way up, and the check of it on its way down."""

from __future__ import annotations

import hashlib
import os
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from io import FileIO
from threading import Lock
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from timetrace.errors import IntegrityError
from timetrace.storage import packing

if TYPE_CHECKING:
    from hashlib import _Hash

    from timetrace.s3.http import Piece, Sink
    from timetrace.s3.operations import ObjectStat

SHA256 = "timetrace-sha256"
"""The metadata name under which each object carries the SHA-256 of its plain content, in lowercase hex."""

# Up to here a file is read at once and held; beyond it is read twice, in pieces.
HELD = 8 * 2**20
_PIECE = 2**18


def new_md5() -> _Hash | None:
    """None where the system's policy has switched MD5 off altogether."""
    try:
        return hashlib.md5(usedforsecurity=False)
    except (ValueError, AttributeError):
        return None


class Hashes(NamedTuple):
    """`size` is in bytes; the hashes are in lowercase hex. `crc32` stands in where there is no MD5."""

    size: int
    sha256: str
    md5: str | None
    crc32: int = 0

    @property
    def checksum(self) -> tuple[str, str]:
        """The header by which a server refuses a damaged body: CRC32 only without MD5, as several break on it."""
        if self.md5 is not None:
            return "content-md5", b64encode(bytes.fromhex(self.md5)).decode()
        return "x-amz-checksum-crc32", b64encode(self.crc32.to_bytes(4, "big")).decode()


class Hasher:
    """Takes content piece by piece."""

    __slots__ = ("_crc32", "_md5", "_sha256", "_size", "_wants_crc32")

    def __init__(self, *, md5: bool = True) -> None:
        self._size = self._crc32 = 0
        self._sha256 = hashlib.sha256()
        self._md5 = new_md5() if md5 else None
        self._wants_crc32 = md5 and self._md5 is None

    def update(self, piece: Piece) -> None:
        self._size += len(piece)
        self._sha256.update(piece)
        if self._md5 is not None:
            self._md5.update(piece)
        elif self._wants_crc32:
            self._crc32 = zlib.crc32(piece, self._crc32)

    def hashes(self) -> Hashes:
        md5 = None if self._md5 is None else self._md5.hexdigest()
        return Hashes(self._size, self._sha256.hexdigest(), md5, self._crc32)


class Content(NamedTuple):
    """What is stored as `body`, with its own hashes, and those of the plain content: they differ where it is packed."""

    body: bytes | FileSlice
    stored: Hashes
    plain: Hashes
    encoding: str = ""

    def part(self, start: int, size: int, *, sha256_is_checked: bool = False) -> Content:
        """A part of the body, as it is read now. Its MD5 is left out where the server checks its SHA-256."""
        if isinstance(self.body, bytes):
            return content_of(self.body[start : start + size])
        source, begin = self.body.source, self.body.start + start
        part = source.slice(begin, size, md5=not sha256_is_checked)
        if sha256_is_checked or part.stored.md5 is not None:
            return part._replace(body=FileSlice(source, begin, size))
        return part

    def check_unchanged(self) -> None:
        """Raise IntegrityError if the file is no longer the one that was hashed."""
        if not isinstance(self.body, bytes):
            self.body.source.check_unchanged()


class Source(Protocol):
    """Where the bytes of a large body lie."""

    def pieces(self, start: int, size: int) -> Iterator[bytes]: ...

    def slice(self, start: int, size: int, *, md5: bool = True) -> Content: ...

    def check_unchanged(self) -> None: ...


class FileSlice:
    """Part of a large file, or all of it, as a request's body. What is not what was hashed is never sent whole.

    Without `sha256` that is left to the file's own state, and to the server, which checks each part's MD5 or SHA-256.
    """

    def __init__(self, source: Source, start: int, size: int, sha256: str = "") -> None:
        self.source = source
        self.start = start
        self._size = size
        self._sha256 = sha256

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        left = self._size
        held = b""
        for piece in self.source.pieces(self.start, self._size):
            left -= len(piece)
            if self._sha256:
                digest.update(piece)
            if held:
                yield held
            held = piece
        # The last piece is held back until all of them are known to be right: a short body stores nothing.
        self.source.check_unchanged()
        if left or (self._sha256 and digest.hexdigest() != self._sha256):
            raise _changed("the content")
        yield held


class _Sliced:
    """What each Source does alike."""

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        raise NotImplementedError

    def slice(self, start: int, size: int, *, md5: bool = True) -> Content:
        hasher = Hasher(md5=md5)
        for piece in self.pieces(start, size):
            hasher.update(piece)
        hashes = hasher.hashes()
        return Content(FileSlice(self, start, hashes.size, hashes.sha256), hashes, hashes)

    def check_unchanged(self) -> None:
        return None


class LocalFile(_Sliced):
    """A file of the user's, which may change at any moment. Each reading opens it anew."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._state = self._now()

    def _now(self) -> tuple[int, int, int]:
        found = os.stat(self.path)
        return found.st_ino, found.st_size, found.st_mtime_ns

    @property
    def size(self) -> int:
        return self._state[1]

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        with open(self.path, "rb", buffering=0) as file:
            file.seek(start)
            yield from _read(file, size)

    def check_unchanged(self) -> None:
        if self._now() != self._state:
            raise _changed(self.path)


class Spool(_Sliced):
    """A temporary file without a name, which goes when the last reader lets go of it."""

    def __init__(self) -> None:
        import tempfile  # slow, and for few

        self._file: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._lock = Lock()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def pieces(self, start: int, size: int) -> Iterator[bytes]:
        while size > 0:
            with self._lock:
                self._file.seek(start)
                piece = self._file.read(min(size, _PIECE))
            if not piece:
                return
            start += len(piece)
            size -= len(piece)
            yield piece


def _changed(what: str) -> IntegrityError:
    error = IntegrityError(f"{what} changed while it was read")
    error.retryable = False
    return error


def _read(file: FileIO, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


def load(path: str | os.PathLike[str], size: int, *, compress: bool = False, in_parts: bool = False) -> Content:
    """The content of the file at `path`; `size` decides whether it is held. OSError as open() has it.

    What goes `in_parts` is not hashed by MD5 as a whole: no ETag will be that, and each part has its own.
    """
    if size <= HELD:
        from timetrace.storage.files import read_stable

        data = read_stable(path)
        return packed_content(data) if compress else content_of(data)
    source = LocalFile(path)
    if compress and source.size <= packing.MAX_UNPACKED:
        return _spooled(source)
    loaded = source.slice(0, source.size, md5=not in_parts)
    source.check_unchanged()
    return loaded


def _spooled(source: LocalFile) -> Content:
    """The file, packed into a temporary one: a request tells its length before it begins."""
    spool, packer = Spool(), packing.packer()
    plain, stored = Hasher(), Hasher()

    def keep(piece: bytes) -> None:
        stored.update(piece)
        spool.write(piece)

    for piece in source.pieces(0, source.size):
        plain.update(piece)
        keep(packer.compress(piece))
    keep(packer.flush())
    source.check_unchanged()
    hashes = stored.hashes()
    return Content(FileSlice(spool, 0, hashes.size, hashes.sha256), hashes, plain.hashes(), packing.GZIP)


def content_of(data: bytes) -> Content:
    hashes = hashes_of(data)
    return Content(data, hashes, hashes)


def packed_content(data: bytes) -> Content:
    packed = packing.packed(data)
    return Content(packed, hashes_of(packed), hashes_of(data), packing.GZIP)


def hashes_of(data: bytes) -> Hashes:
    hasher = Hasher()
    hasher.update(data)
    return hasher.hashes()


def md5_of(pieces: Iterable[bytes]) -> str | None:
    """In lowercase hex; None where MD5 is switched off."""
    md5 = new_md5()
    if md5 is None:
        return None
    for piece in pieces:
        md5.update(piece)
    return md5.hexdigest()


def hashed(file: FileIO) -> Hashes:
    """The hashes of an open file, read in pieces."""
    hasher = Hasher()
    for piece in pieces(file):
        hasher.update(piece)
    return hasher.hashes()


def pieces(file: FileIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def is_same(hashes: Hashes, stat: ObjectStat) -> bool:
    """Whether the object holds this very content, as far as its metadata can tell."""
    if known := stat.metadata.get(SHA256):
        return known == hashes.sha256
    return hashes.md5 is not None and hashes.md5 == stat.md5


class Check:
    """Hashes what comes down and holds it against what was promised: our SHA-256, else a known MD5."""

    def __init__(self, stat: ObjectStat, sink: Sink) -> None:
        self._sink = sink
        self._promised = stat.metadata.get(SHA256)
        self._digest: _Hash | None = hashlib.sha256() if self._promised else None
        if self._promised is None and stat.md5:
            self._promised, self._digest = stat.md5, new_md5()
        self.size = 0

    def __call__(self, piece: Piece) -> None:
        self.size += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
        self._sink(piece)

    def verify(self) -> None:
        if self._digest is not None and self._digest.hexdigest() != self._promised:
            raise IntegrityError(f"the content's {self._digest.name.upper()} is not the one that was stored with it")
