"""Signs the same GET with timetrace, botocore and minio-py, and tells the µs of each: runs in the peers' environment.

Each starts from method, URL and header and ends with signed headers. All three must come to the same signature.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from statistics import median
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import minio.credentials
import minio.signer

from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Request
from timetrace.s3.sigv4 import EMPTY_SHA256, sign

ACCESS, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"
HOST, KEY = "s3.example.com", "cassettes/2026-01-15/POST__checkout__a91c.json"
URL = f"http://{HOST}/traces/{KEY}"
RANGE = {"range": "bytes=0-1023"}
LOOPS, BATCHES = 2_000, 7

Signed = Mapping[str, str]

ENDPOINT = resolve_endpoint("traces", region=REGION, endpoint_url=f"http://{HOST}")
OURS = Credentials(ACCESS, SECRET)
BOTO = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(ACCESS, SECRET), "s3", REGION)
MINIO = minio.credentials.Credentials(ACCESS, SECRET)


def by_timetrace(now: datetime) -> Signed:
    return sign(Request("GET", ENDPOINT, KEY, headers=RANGE), OURS, REGION, now)


def by_botocore(now: datetime) -> Signed:
    request = botocore.awsrequest.AWSRequest("GET", URL, headers={**RANGE, "host": HOST})
    BOTO.add_auth(request)  # at its own time, which `main` reads back
    return request.headers  # type: ignore[no-any-return]


def by_minio(now: datetime) -> Signed:
    headers = {**RANGE, "host": HOST, "x-amz-content-sha256": EMPTY_SHA256}
    headers["x-amz-date"] = now.strftime("%Y%m%dT%H%M%SZ")
    return minio.signer.sign_v4_s3(  # type: ignore[no-any-return]
        method="GET",
        url=urlsplit(URL),
        region=REGION,
        headers=headers,
        credentials=MINIO,
        content_sha256=EMPTY_SHA256,
        date=now,
    )


def signature(headers: Signed) -> str:
    value = {name.lower(): value for name, value in headers.items()}["authorization"]
    (found,) = re.findall("Signature=([0-9a-f]{64})", value)
    return str(found)


def microseconds(work: Callable[[datetime], Signed], now: datetime) -> float:
    """Of one call: the median of batches, after one for warmth."""
    took = []
    for _ in range(BATCHES + 1):
        started = time.perf_counter()
        for _ in range(LOOPS):
            work(now)
        took.append((time.perf_counter() - started) / LOOPS * 1e6)
    return median(took[1:])


def main() -> None:
    theirs = by_botocore(datetime.now(timezone.utc))
    now = datetime.strptime(theirs["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    found = {signature(by_timetrace(now)), signature(theirs), signature(by_minio(now))}
    if len(found) != 1:
        sys.exit(f"the three sign differently: {found}")
    ways = {"timetrace": by_timetrace, "botocore": by_botocore, "minio-py": by_minio}
    print(json.dumps({name: microseconds(way, now) for name, way in ways.items()}))


if __name__ == "__main__":
    main()
