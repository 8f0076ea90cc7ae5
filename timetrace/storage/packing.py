"""Gzip in storage: a cassette that is stored packed, and comes down as it was."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from timetrace.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from timetrace.s3.http import Piece, Sink

GZIP = "gzip"
ENCODING = "timetrace-encoding"
"""The metadata name that marks what timetrace packed itself; a Content-Encoding alone may be anybody's."""

# A packed cassette of a megabyte may hold a gigabyte of nothing: a disk or a memory must not fill up with it.
MAX_UNPACKED = 2**30

_PIECE = 2**18
_LEVEL = 6
_WITH_HEADER = 31  # of gzip, without a time: equal contents make equal objects


def packer() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _WITH_HEADER)


def packed(data: bytes) -> bytes:
    """The same bytes for the same content, wherever the same zlib is."""
    compressor = packer()
    return compressor.compress(data) + compressor.flush()


def most(size: int) -> int:
    """More bytes than content of this size gets by being packed: what cannot be made smaller grows a little."""
    return size + size // 256 + 64


def is_packed(metadata: Mapping[str, str]) -> bool:
    return metadata.get(ENCODING) == GZIP


class Unpacker:
    """A sink that unpacks into another.

    IntegrityError for what is no gzip, or holds more than `limit` bytes, MAX_UNPACKED unless one is given.
    """

    def __init__(self, sink: Sink, limit: int | None = None) -> None:
        self._sink = sink
        self._left = self._limit = MAX_UNPACKED if limit is None else limit
        self._decompressor = zlib.decompressobj(_WITH_HEADER)

    def __call__(self, data: Piece) -> None:
        while data:
            if self._decompressor.eof:
                raise _broken("it goes on after its end")
            try:
                piece = self._decompressor.decompress(data, _PIECE)
            except zlib.error as error:
                raise _broken(str(error)) from error
            self._left -= len(piece)
            if self._left < 0:
                raise _bomb(self._limit)
            self._sink(piece)
            data = self._decompressor.unconsumed_tail or self._decompressor.unused_data

    def finish(self) -> None:
        """Raise IntegrityError unless the end has come."""
        if not self._decompressor.eof:
            raise _broken("it breaks off")


def gunzipped(data: bytes, limit: int | None = None) -> bytearray:
    """What a gzip file of anybody's holds: it may have several members, and zeros after them.

    IntegrityError if that is too much, as above; zlib.error and EOFError for what is broken.
    """
    limit = MAX_UNPACKED if limit is None else limit
    content, member = bytearray(), None
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        while piece:
            if member is None or member.eof:
                member = zlib.decompressobj(_WITH_HEADER)
            content += member.decompress(piece, _PIECE)
            if len(content) > limit:
                raise _bomb(limit)
            piece = member.unused_data.lstrip(b"\0") if member.eof else member.unconsumed_tail
    if member is not None and not member.eof:
        raise EOFError("it breaks off")
    return content


def _broken(why: str) -> IntegrityError:
    return IntegrityError(f"the packed content cannot be unpacked: {why}")


def _bomb(limit: int) -> IntegrityError:
    bomb = _broken(f"it unpacks to more than {limit} bytes")
    bomb.retryable = False
    return bomb
