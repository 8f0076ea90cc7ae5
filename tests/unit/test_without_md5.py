"""A system whose policy has switched MD5 off, as FIPS builds of Python do: in a process of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zlib
from base64 import b64encode
from pathlib import Path

from tests.bucket import Bucket, Stored
from tests.folders import content, fill

_SYNC = """
import hashlib, sys

def md5(*args, **kwargs):
    raise ValueError("[digital envelope routines] unsupported")

hashlib.md5 = md5
from timetrace.storage import S3Config, S3Store

url, folder = sys.argv[1:]
config = S3Config("bucket", "", endpoint_url=url, access_key="AKID", secret_key="secret", max_concurrency=1)
with S3Store(config) as store:
    for sync, options in (
        (store.sync_upload, {"delete": True, "force": True}),
        (store.sync_upload, {"delete": True, "force": True}),
        (store.sync_upload, {"compress": True}),
        (store.sync_download, {"delete": True}),
    ):
        report = sync(folder, **options)
        print(report.transferred, report.skipped, report.deleted, report.ok)
    store.sync_download(folder + "-2")
    print(store.read_bytes("foreign.txt").decode())
"""


def test_checksums_are_crc32_and_sha256_decides(tmp_path: Path) -> None:
    fill(tmp_path / "here", {"a.json": b"a" * 100, "b.json": b"b"})
    with Bucket() as bucket:
        bucket.objects = {"old.json": Stored(b"old"), "foreign.txt": Stored(b"foreign")}
        command = [sys.executable, "-c", _SYNC, bucket.url, str(tmp_path / "here")]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert told.stderr == ""
        assert told.stdout.splitlines() == ["2 0 1 True", "0 2 0 True", "0 2 0 True", "0 2 0 True", "foreign"]
        assert sorted(bucket.objects) == ["a.json", "b.json", "foreign.txt"]
        sent = [request for request in bucket.requests if request.body]
        assert [request.line.split()[0] for request in sent] == ["PUT", "PUT", "POST"]
        for request in sent:
            crc32 = b64encode(zlib.crc32(request.body).to_bytes(4, "big")).decode()
            assert request.headers["x-amz-checksum-crc32"] == crc32
            assert request.headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
            assert "content-md5" not in request.headers
        assert bucket.asked().count("HEAD a.json") == 3
    assert content(tmp_path / "here-2") == content(tmp_path / "here")
