"""An S3 bucket in memory behind a loopback socket. It is a good one until a test makes it misbehave."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.scripted import Answer, Received, Scripted, answer, error
from timetrace.storage import S3Config, S3Store

MODIFIED = "2026-01-15T10:00:00.000Z"


@dataclass
class Stored:
    """An object. Its ETag is the MD5, as after a PUT without KMS, until a test sets another."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.md5(self.body).hexdigest()


@dataclass
class _Fault:
    method: str
    key: str | None
    told: Answer
    times: int | None


@dataclass
class Bucket(Scripted):
    """`objects` holds what is stored, by whole keys; `requests` what came, as in Scripted.

    `page` is the length of a listing's page, `order` sorts it. With `kms`, a PUT's ETag looks like an MD5 and is
    none.
    """

    answers: list[Answer] = field(default_factory=list)
    name: str = "bucket"
    page: int = 1000
    order: Callable[[str], Any] = str.encode
    kms: bool = False
    objects: dict[str, Stored] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)

    def __enter__(self) -> Bucket:
        super().__enter__()
        return self

    def config(self, **settings: Any) -> S3Config:
        ours: dict[str, Any] = {"access_key": "AKID", "secret_key": "secret", "prefix": "", "max_attempts": 1}
        return S3Config(**{"bucket": self.name, "endpoint_url": self.url, **ours, **settings})

    def store(self, **settings: Any) -> S3Store:
        return S3Store(self.config(**settings))

    def misbehave(self, told: Answer, *, method: str = "", key: str | None = None, times: int | None = None) -> None:
        """Give this answer instead, to requests of `method` (any) for `key` (any; "" is a listing), `times` over."""
        self._faults.append(_Fault(method, key, told, times))

    def asked(self, method: str = "") -> list[str]:
        """Method and key of each request, in order: `GET a.json`; `LIST` for a listing."""
        told = [f"{request.line.split()[0]} {self._key(request)}" for request in self.requests]
        return [line for line in ("LIST" if line == "GET " else line for line in told) if line.startswith(method)]

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while received := self._receive(connection, number):
                    with self._lock:
                        self.requests.append(received)
                        told = self._fault(received) or self._answer(received)
                    if not isinstance(told, bytes):
                        told(connection)
                        return
                    if received.line.startswith("HEAD"):
                        told = told.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                    connection.sendall(told)
                    if self.close:
                        return
            except OSError:
                return

    def _fault(self, received: Received) -> Answer | None:
        method, key = received.line.split()[0], self._key(received)
        for fault in self._faults:
            if fault.method in ("", method) and fault.key in (None, key) and fault.times != 0:
                fault.times = fault.times and fault.times - 1
                return fault.told
        return None

    def _key(self, received: Received) -> str:
        path = urlsplit("http://h" + received.line.split()[1]).path
        return unquote(path.removeprefix(f"/{self.name}").removeprefix("/"))

    def _answer(self, received: Received) -> bytes:
        method, target, _ = received.line.split()
        key = self._key(received)
        if method == "PUT":
            return self._put(key, received)
        if method == "DELETE":
            self.objects.pop(key, None)
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if not key:
            return self._list(dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)))
        if key not in self.objects:
            return error(404, "NoSuchKey")
        stored = self.objects[key]
        headers = [f'ETag: "{stored.etag}"', *(f"{name}: {value}" for name, value in stored.headers.items())]
        if received.headers.get("range") == "bytes=0-0" and stored.body:
            return answer(206, stored.body[:1], [*headers, f"Content-Range: bytes 0-0/{len(stored.body)}"])
        return answer(200, stored.body, headers)

    def _put(self, key: str, received: Received) -> bytes:
        if received.headers["x-amz-content-sha256"] != hashlib.sha256(received.body).hexdigest():
            return error(400, "XAmzContentSHA256Mismatch")
        kept = ("content-type", "content-encoding", "x-amz-meta-")
        headers = {name: value for name, value in received.headers.items() if name.startswith(kept)}
        stored = Stored(received.body, headers)
        if self.kms:
            stored.headers["x-amz-server-side-encryption"] = "aws:kms"
            stored.etag = hashlib.md5(b"encrypted" + received.body).hexdigest()
        self.objects[key] = stored
        return answer(headers=[f'ETag: "{stored.etag}"'])

    def _list(self, query: dict[str, str]) -> bytes:
        below = sorted((key for key in self.objects if key.startswith(query["prefix"])), key=self.order)
        start = int(query.get("continuation-token", "0"))
        end = start + min(self.page, int(query.get("max-keys", "1000")))
        encode = quote_plus if query.get("encoding-type") == "url" else escape
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < len(below) else ""
        parts = [f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}"]
        parts += ["<EncodingType>url</EncodingType>"] if "encoding-type" in query else []
        for key in below[start:end]:
            stored = self.objects[key]
            parts.append(
                f"<Contents><Key>{encode(key)}</Key><LastModified>{MODIFIED}</LastModified>"
                f"<ETag>&quot;{stored.etag}&quot;</ETag><Size>{len(stored.body)}</Size></Contents>"
            )
        return answer(body=f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode())
