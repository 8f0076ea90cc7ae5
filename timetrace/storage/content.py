"""An object's content on its way up, and the check of it on its way down."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple

from timetrace.errors import IntegrityError
from timetrace.storage.files import read_stable

if TYPE_CHECKING:
    from timetrace.s3.http import Body, Sink
    from timetrace.s3.operations import ObjectStat

SHA256 = "timetrace-sha256"
"""The metadata name under which each object carries the SHA-256 of its plain content, in lowercase hex."""

# Up to here a file is read at once and held; beyond it is read twice, in pieces.
HELD = 8 * 2**20
_PIECE = 2**18


class Hashes(NamedTuple):
    """`size` is in bytes; the hashes are in lowercase hex."""

    size: int
    sha256: str
    md5: str


class Content(NamedTuple):
    """A local file's content, or what shall become an object's."""

    body: bytes | Body
    hashes: Hashes


class FileBody:
    """A large file as a request's body. What is not what was hashed is never sent whole."""

    def __init__(self, path: str | os.PathLike[str], size: int, sha256: str) -> None:
        self._path = path
        self._size = size
        self._sha256 = sha256

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        digest = hashlib.sha256()
        left = self._size
        held = b""
        for piece in _pieces(self._path):
            left -= len(piece)
            if left < 0:
                break
            digest.update(piece)
            if held:
                yield held
            held = piece
        # The last piece is held back until all of them are known to be right: a short body stores nothing.
        if left or digest.hexdigest() != self._sha256:
            changed = IntegrityError(f"{os.fspath(self._path)} changed while it was read")
            changed.retryable = False
            raise changed
        yield held


def _pieces(path: str | os.PathLike[str]) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            yield piece


def load(path: str | os.PathLike[str], size: int) -> Content:
    """The content of the file at `path`; `size` decides whether it is held. OSError as open() has it."""
    if size <= HELD:
        return content_of(read_stable(path))
    with open(path, "rb", buffering=0) as file:
        hashes = hashed(file)
    return Content(FileBody(path, hashes.size, hashes.sha256), hashes)


def content_of(data: bytes) -> Content:
    md5 = hashlib.md5(data, usedforsecurity=False)
    return Content(data, Hashes(len(data), hashlib.sha256(data).hexdigest(), md5.hexdigest()))


def hashed(file: FileIO) -> Hashes:
    """The hashes of an open file, read in pieces."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    while piece := file.read(_PIECE):
        sha256.update(piece)
        md5.update(piece)
        size += len(piece)
    return Hashes(size, sha256.hexdigest(), md5.hexdigest())


def is_same(hashes: Hashes, stat: ObjectStat) -> bool:
    """Whether the object holds this very content, as far as its metadata can tell."""
    if known := stat.metadata.get(SHA256):
        return known == hashes.sha256
    return hashes.md5 == stat.md5


class Check:
    """Hashes what comes down and holds it against what was promised: our SHA-256, else a known MD5."""

    def __init__(self, stat: ObjectStat, sink: Sink) -> None:
        self._sink = sink
        self._size = 0
        self._promised = stat.metadata.get(SHA256)
        self._digest = hashlib.sha256()
        if self._promised is None:
            self._promised = stat.md5
            self._digest = hashlib.md5(usedforsecurity=False)

    def __call__(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._promised:
            self._digest.update(piece)
        self._sink(piece)

    def verify(self) -> None:
        if self._promised and self._digest.hexdigest() != self._promised:
            raise IntegrityError(f"the content's {self._digest.name.upper()} is not the one that was stored with it")
