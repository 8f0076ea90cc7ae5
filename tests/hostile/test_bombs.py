"""A megabyte that holds a gigabyte stops at a limit, and so does an answer without end."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from timetrace.errors import CassetteError, IntegrityError
from timetrace.storage import cassettes, packing

ROOT = Path(__file__).parent.parent.parent


def bomb(size: int) -> bytes:
    """Gzip of so many zeros, made without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(2**20)
    return b"".join([packer.compress(zeros) for _ in range(size // 2**20)]) + packer.flush()


def test_a_cassette_that_unpacks_to_more_than_the_limit_is_an_error_that_says_so() -> None:
    data = bomb(2**21)
    with pytest.raises(CassetteError) as caught:
        cassettes.decode("a.json.gz", data, 2**21 - 1)
    assert str(caught.value) == (
        "a.json.gz: the packed content cannot be unpacked: it unpacks to more than 2097151 bytes: "
        "read_bytes gives its bytes as they are"
    )
    with pytest.raises(CassetteError, match="is no JSON"):
        cassettes.decode("a.json.gz", data, 2**21)


def test_a_file_of_several_small_members_counts_as_a_whole() -> None:
    with pytest.raises(IntegrityError, match="more than 2097152 bytes"):
        packing.gunzipped(bomb(2**20) * 3, 2**21)
    assert packing.gunzipped(bomb(2**20) * 2, 2**21) == bytes(2**21)


MARKED = {"x-amz-meta-timetrace-encoding": "gzip", "content-encoding": "gzip"}


def test_an_object_marked_as_packed_stops_at_the_limit_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_UNPACKED", 2**21)
    with Bucket() as bucket, bucket.store(max_attempts=3) as store:
        bucket.objects["a.json"] = Stored(bomb(2**22), {**MARKED})
        bucket.objects["b.json"] = Stored(
            packing.packed(b"{}"), {**MARKED, "x-amz-meta-timetrace-sha256": hashlib.sha256(b"{}").hexdigest()}
        )
        for call in (
            lambda: store.read_bytes("a.json"),
            lambda: store.read("a.json"),
            lambda: store.download("a.json", tmp_path / "x.json"),
        ):
            with pytest.raises(IntegrityError, match="it unpacks to more than 2097152 bytes") as caught:
                call()
            assert caught.value.attempts == 1
        report = store.sync_download(tmp_path)
    assert [item.key for item in report.failed] == ["a.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


CHILD = """
import resource, sys
from timetrace.errors import CassetteError, IntegrityError
from timetrace.storage import cassettes, packing
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = []
if sys.argv[2] == "file":
    size = 0
    def sink(piece):
        global size
        size += len(piece)
    try:
        packing.Unpacker(sink)(data)
    except IntegrityError as error:
        told.append(error.reason)
    assert size <= packing.MAX_UNPACKED
else:
    try:
        cassettes.decode("a.json.gz", data)
    except CassetteError as error:
        told.append(str(error))
print(told[0])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts ru_maxrss in kB")
@pytest.mark.parametrize(("what", "most"), [("file", 16), ("memory", 1024 + 256)])
def test_a_real_bomb_of_a_megabyte_takes_no_more_memory_than_the_limit(tmp_path: Path, what: str, most: int) -> None:
    data = bomb(packing.MAX_UNPACKED + 2**20)
    assert len(data) < 1_100_000
    (tmp_path / "bomb").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "bomb", what],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    told, grown = done.stdout.splitlines()
    assert "it unpacks to more than 1073741824 bytes" in told
    assert int(grown) <= most


def test_trailers_without_end_are_an_error() -> None:
    from tests.hostile.targets import ENDPOINT
    from timetrace.errors import ResponseError
    from timetrace.s3.http import Request
    from timetrace.s3.wire import Reader

    class Endless:
        def recv(self, size: int, /) -> bytes:
            return b"a: b\r\n" * 1000

        def recv_into(self, buffer: memoryview, /) -> int:
            raise AssertionError("nothing here is that long")

        def sendall(self, data: bytes, /) -> None:
            return None

        def settimeout(self, seconds: float, /) -> None:
            return None

    reader = Reader(Endless())
    reader._buffer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with pytest.raises(ResponseError, match="trailers do not end"):
        reader.response(Request("GET", ENDPOINT))


def test_a_body_of_tiny_chunks_takes_little_more_memory_than_its_bytes() -> None:
    import tracemalloc

    from timetrace.s3.wire import collect

    tracemalloc.start()
    try:
        assert len(collect((b"%02d" % (number % 100) for number in range(500_000)), 2**20)) == 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
