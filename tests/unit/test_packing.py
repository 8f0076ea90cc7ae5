from __future__ import annotations

import gzip
import random

import pytest

from timetrace.errors import IntegrityError
from timetrace.s3.http import Piece
from timetrace.storage import packing
from timetrace.storage.packing import MAX_UNPACKED, Unpacker, is_packed, packed

LONG = b"again and again " * 1000


def unpacked(data: bytes, limit: int = MAX_UNPACKED) -> bytes:
    pieces: list[Piece] = []
    unpacker = Unpacker(pieces.append, limit)
    unpacker(data)
    unpacker.finish()
    return b"".join(pieces)


def test_packed_content_is_gzip_that_any_program_reads() -> None:
    assert gzip.decompress(packed(LONG)) == LONG
    assert len(packed(LONG)) < 200


def test_equal_contents_make_equal_bytes_whenever_they_are_packed() -> None:
    assert packed(LONG) == packed(LONG)
    assert packed(LONG)[4:8] == bytes(4)  # no time


def test_content_packed_piece_by_piece_is_the_same() -> None:
    packer = packing.packer()
    pieces = [packer.compress(LONG[start : start + 777]) for start in range(0, len(LONG), 777)]
    assert b"".join([*pieces, packer.flush()]) == packed(LONG)


@pytest.mark.parametrize("step", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("content", [b"", b"{}", LONG, bytes(3 * 2**20)], ids=["empty", "tiny", "text", "zeros"])
def test_what_was_packed_comes_back_however_it_is_cut(content: bytes, step: int) -> None:
    data = packed(content)
    pieces: list[Piece] = []
    unpacker = Unpacker(pieces.append)
    for start in range(0, len(data), step):
        unpacker(data[start : start + step])
    unpacker.finish()
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= 2**18


def test_only_our_own_mark_makes_an_object_packed() -> None:
    assert is_packed({"timetrace-encoding": "gzip"})
    assert not is_packed({"timetrace-encoding": "zstd"})
    assert not is_packed({"content-encoding": "gzip"})


@pytest.mark.parametrize("cut", [0, 1, 9, 10, 20, -8, -4, -1])
def test_what_breaks_off_is_an_error(cut: int) -> None:
    with pytest.raises(IntegrityError, match="it breaks off"):
        unpacked(packed(LONG)[:cut])


@pytest.mark.parametrize("data", [b"no gzip", b"\x1f\x8b\x09" + bytes(20), packed(LONG)[:-8] + b"12345678"])
def test_what_is_no_gzip_is_an_error(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="the packed content cannot be unpacked") as told:
        unpacked(data)
    assert told.value.retryable


@pytest.mark.parametrize("tail", [b"x", packed(b"another")], ids=["bytes", "another member"])
def test_what_goes_on_after_its_end_is_an_error(tail: bytes) -> None:
    with pytest.raises(IntegrityError, match="goes on after its end"):
        unpacked(packed(LONG) + tail)
    unpacker = Unpacker(lambda piece: None)
    unpacker(packed(LONG))
    with pytest.raises(IntegrityError, match="goes on after its end"):
        unpacker(tail)


def test_a_bomb_stops_at_the_limit_and_is_not_fetched_again() -> None:
    bomb = packed(bytes(50 * 2**20))
    assert len(bomb) < 60_000
    taken: list[int] = []
    unpacker = Unpacker(lambda piece: taken.append(len(piece)), limit=2**20)
    with pytest.raises(IntegrityError, match="unpacks to more than 1048576 bytes") as told:
        unpacker(bomb)
    assert not told.value.retryable
    assert sum(taken) <= 2**20


def test_what_just_fits_the_limit_passes() -> None:
    assert unpacked(packed(bytes(1000)), limit=1000) == bytes(1000)
    with pytest.raises(IntegrityError):
        unpacked(packed(bytes(1001)), limit=1000)


def test_the_limit_is_a_gigabyte() -> None:
    assert MAX_UNPACKED == 2**30


@pytest.mark.parametrize("size", [0, 1, 100, 5_000, 20_000, 300_000])
def test_nothing_grows_by_more_than_the_most(size: int) -> None:
    noise = random.Random(size).randbytes(size)
    assert size < len(packed(noise)) <= packing.most(size)
