"""Memory that does not grow with a listing: measured in a process of its own, against a server that makes up keys."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bucket import Bucket
from tests.folders import fill
from tests.scripted import answer

ETAG = hashlib.md5(b"x").hexdigest()

_MEASURE = """
import os, sys, tracemalloc
from timetrace.storage import S3Config, S3Store

url, folder = sys.argv[1:]
config = S3Config("bucket", "p", endpoint_url=url, access_key="AKID", secret_key="secret", max_concurrency=2)
with S3Store(config) as store:
    list(store.list(limit=1))  # what is imported late is not what is measured
    store.sync_upload(os.path.join(folder, "none"))
    tracemalloc.start()
    report = store.sync_upload(folder, exclude=["*9.json"])
    print(report.skipped, report.left_out, tracemalloc.get_traced_memory()[1])
"""


@dataclass
class Endless(Bucket):
    """Has `keys` objects in order below `p/`, and none below a longer prefix; it keeps none of them."""

    keys: int = 0

    def _list(self, query: dict[str, str]) -> bytes:
        self.requests.clear()
        start, end = int(query.get("continuation-token", "0")), self.keys
        end = min(start + int(query.get("max-keys", "1000")), self.keys)
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < self.keys else ""
        contents = "".join(
            [
                f"<Contents><Key>p/2026-01-15/POST__checkout__{number:08}.json</Key><Size>1</Size>"
                f"<LastModified>2026-01-15T10:00:00.000Z</LastModified><ETag>&quot;{ETAG}&quot;</ETag></Contents>"
                for number in range(start, end)
            ]
        )
        told = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{contents}"
        return answer(body=f"<ListBucketResult>{told}</ListBucketResult>".encode())


def measured(keys: int, folder: Path) -> tuple[int, int, int]:
    """What a sync skipped and left out, and the most bytes that Python had allocated at once meanwhile."""
    with Endless(keys=keys) as bucket:
        command = [sys.executable, "-c", _MEASURE, bucket.url, str(folder)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    skipped, left_out, peak = map(int, told.stdout.split())
    return skipped, left_out, peak


def test_two_hundred_thousand_keys_take_no_more_memory_than_twenty_thousand(tmp_path: Path) -> None:
    # Of the keys that are listed, and all planned for, the folder has the first one. Nothing is to be sent.
    fill(tmp_path, {"2026-01-15/POST__checkout__00000000.json": b"x"})
    fill(tmp_path / "none", {})
    skipped, left_out, less = measured(20_000, tmp_path)
    assert (skipped, left_out) == (1, 2_000)
    skipped, left_out, more = measured(200_000, tmp_path)
    assert (skipped, left_out) == (1, 20_000)
    assert more <= less * 1.1
