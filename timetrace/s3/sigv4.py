"""AWS Signature Version 4 for S3, each stage a function of its own.

Source: "Signature Calculations for the Authorization Header" and "Authenticating Requests: Using Query
Parameters" in the Amazon S3 API Reference.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from timetrace.s3.http import Headers, Request, canonical_query

if TYPE_CHECKING:
    from datetime import datetime
    from hashlib import _Hash

    from timetrace.s3.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
CONTENT_SHA256 = "x-amz-content-sha256"
MAX_EXPIRES = 7 * 24 * 3600

_DIGITS = [f"{number:02}" for number in range(60)]


def payload_hash(request: Request) -> str:
    """The hash in lowercase hex; whoever had to read the body for another reason has put it in the headers."""
    if known := request.headers.get(CONTENT_SHA256):
        return known
    body = request.body
    if not isinstance(body, bytes):
        raise TypeError(f"a body that is not bytes needs its hash in {CONTENT_SHA256}")
    return sha256(body).hexdigest() if body else EMPTY_SHA256


def canonical_request(method: str, path: str, query: str, headers: Headers, payload: str) -> tuple[str, str]:
    """The canonical request and its list of signed headers; `query` is canonical already."""
    names = sorted(headers)
    lines = "".join([f"{name}:{headers[name]}\n" for name in names])
    if " " in lines or "\t" in lines:
        # Blanks around a value do not count, and several are one. Hardly any value has one.
        lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
    signed = ";".join(names)
    return f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}", signed


def timestamp(now: datetime) -> str:
    # strftime takes three times as long.
    day = f"{now.year:04}{_DIGITS[now.month]}{_DIGITS[now.day]}"
    return f"{day}T{_DIGITS[now.hour]}{_DIGITS[now.minute]}{_DIGITS[now.second]}Z"


def scope(stamp: str, region: str) -> str:
    return f"{stamp[:8]}/{region}/s3/aws4_request"


def string_to_sign(stamp: str, credential_scope: str, canonical: str) -> str:
    return f"{ALGORITHM}\n{stamp}\n{credential_scope}\n{sha256(canonical.encode()).hexdigest()}"


# They hold for a day, a region and a secret; the second place serves the minutes around midnight.
@lru_cache(maxsize=2)
def signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=2)
def _begun(key: bytes) -> tuple[_Hash, _Hash]:
    """HMAC's two hashes (RFC 2104), each with the key in it: to go on from a copy takes half as long as to begin."""
    block = key.ljust(64, b"\0")
    return sha256(bytes([byte ^ 0x36 for byte in block])), sha256(bytes([byte ^ 0x5C for byte in block]))


def signature(key: bytes, to_sign: str) -> str:
    inside, outside = _begun(key)
    inner, outer = inside.copy(), outside.copy()
    inner.update(to_sign.encode())
    outer.update(inner.digest())
    return outer.hexdigest()


def sign(request: Request, credentials: Credentials | None, region: str, now: datetime) -> dict[str, str]:
    """All headers to send, with Authorization unless `credentials` is None. `now` is in UTC."""
    host = request.endpoint.authority
    if credentials is None:
        return {**request.headers, "host": host}
    stamp, payload = timestamp(now), payload_hash(request)
    headers = {**request.headers, "host": host, CONTENT_SHA256: payload, "x-amz-date": stamp}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    canonical, signed = canonical_request(
        request.method, request.path, canonical_query(request.query), headers, payload
    )
    where = scope(stamp, region)
    key = signing_key(credentials.secret_key, stamp[:8], region)
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{where},SignedHeaders={signed},"
        f"Signature={signature(key, string_to_sign(stamp, where, canonical))}"
    )
    return headers


def presign(request: Request, credentials: Credentials, region: str, now: datetime, expires: int) -> str:
    """A URL that does `request` for whoever holds it, for `expires` seconds from `now` (in UTC)."""
    stamp = timestamp(now)
    where = scope(stamp, region)
    headers = {**request.headers, "host": request.endpoint.authority}
    query = [
        *request.query,
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{credentials.access_key}/{where}"),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", ";".join(sorted(headers))),
    ]
    if credentials.session_token:
        query.append(("X-Amz-Security-Token", credentials.session_token))
    encoded = canonical_query(query)
    canonical, _ = canonical_request(request.method, request.path, encoded, headers, UNSIGNED_PAYLOAD)
    key = signing_key(credentials.secret_key, stamp[:8], region)
    signed = signature(key, string_to_sign(stamp, where, canonical))
    endpoint = request.endpoint
    return f"{endpoint.scheme}://{endpoint.authority}{request.path}?{encoded}&X-Amz-Signature={signed}"
