"""An S3 bucket in memory behind a loopback socket. It is a good one until a test makes it misbehave."""

from __future__ import annotations

import hashlib
import re
import socket
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.scripted import Answer, Received, Scripted, answer, error, reset
from timetrace.storage import S3Config, S3Store

MODIFIED = "2026-01-15T10:00:00.000Z"
MIN_PART = 5 * 2**20


@dataclass
class Stored:
    """An object. Its ETag is the MD5, as after a PUT without KMS, until a test sets another."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""

    def __post_init__(self) -> None:
        self.etag = self.etag or hashlib.md5(self.body).hexdigest()


@dataclass
class Upload:
    """A multipart upload under way: `parts` by their numbers."""

    key: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class _Fault:
    """`told` is None where the request is done and its answer lost."""

    method: str
    key: str | None
    query: str
    told: Answer | None
    times: int | None


@dataclass
class Bucket(Scripted):
    """`objects` holds what is stored, by whole keys; `requests` what came, as in Scripted.

    `page` is the length of a listing's page, `order` sorts it. With `kms`, a PUT's ETag looks like an MD5 and is
    none. `uploads` holds multipart uploads by their ids. What it can be made to be bad at, as real servers are:
    `ranges` is the status of a range, and with `whole` it is the whole object; `unquoted` takes no quotes in If-Match;
    `creates_only` and `deletes_many` are whether it knows If-None-Match and DeleteObjects. `kept` cannot be deleted.
    """

    answers: list[Answer] = field(default_factory=list)
    name: str = "bucket"
    server: str = ""
    page: int = 1000
    order: Callable[[str], Any] = str.encode
    kms: bool = False
    ranges: int = 206
    whole: bool = False
    unquoted: bool = False
    creates_only: bool = True
    deletes_many: bool = True
    kept: set[str] = field(default_factory=set)
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)

    def __enter__(self) -> Bucket:
        super().__enter__()
        return self

    def config(self, **settings: Any) -> S3Config:
        ours: dict[str, Any] = {"access_key": "AKID", "secret_key": "secret", "prefix": "", "max_attempts": 1}
        return S3Config(**{"bucket": self.name, "endpoint_url": self.url, **ours, **settings})

    def store(self, **settings: Any) -> S3Store:
        return S3Store(self.config(**settings))

    def misbehave(
        self, told: Answer, *, method: str = "", key: str | None = None, query: str = "", times: int | None = None
    ) -> None:
        """Give this answer instead, to requests of `method` (any) for `key` (any; "" is a listing), `times` over.

        `query` is a part of the request's target.
        """
        self._faults.append(_Fault(method, key, query, told, times))

    def lose(self, *, method: str = "", key: str | None = None, query: str = "", times: int | None = 1) -> None:
        """Do what such requests ask for, and break the connection instead of an answer."""
        self._faults.append(_Fault(method, key, query, None, times))

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
                        fault = self._fault(received)
                        told = (fault and fault.told) or self._answer(received)
                    if fault and fault.told is None:
                        reset(connection)
                        return
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

    def _fault(self, received: Received) -> _Fault | None:
        method, target, _ = received.line.split()
        for fault in self._faults:
            fits = fault.method in ("", method) and fault.key in (None, self._key(received)) and fault.query in target
            if fits and fault.times != 0:
                fault.times = fault.times and fault.times - 1
                return fault
        return None

    def _key(self, received: Received) -> str:
        path = urlsplit("http://h" + received.line.split()[1]).path
        return unquote(path.removeprefix(f"/{self.name}").removeprefix("/"))

    def _answer(self, received: Received) -> bytes:
        method, target, _ = received.line.split()
        key = self._key(received)
        query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        if refusal := _damage(received):
            return refusal
        if "uploads" in query or "uploadId" in query:
            return self._multipart(method, key, query, received)
        if method == "PUT":
            return self._put(key, received)
        if method == "POST":
            return self._delete_many(received) if self.deletes_many else error(501, "NotImplemented")
        if method == "DELETE":
            if key in self.kept:
                return error(403, "AccessDenied")
            self.objects.pop(key, None)
            return b"HTTP/1.1 204 No Content\r\n\r\n"
        if not key:
            return self._list(query)
        if key not in self.objects:
            return error(404, "NoSuchKey")
        return self._get(self.objects[key], received)

    def _get(self, stored: Stored, received: Received) -> bytes:
        headers = [f'ETag: "{stored.etag}"', *(f"{name}: {value}" for name, value in stored.headers.items())]
        expected = stored.etag if self.unquoted else f'"{stored.etag}"'
        if received.headers.get("if-match", expected) != expected:
            return error(412, "PreconditionFailed")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", received.headers.get("range", ""))
        if not wanted or self.whole or not stored.body:
            return answer(200, stored.body, headers)
        first, last = int(wanted[1]), min(int(wanted[2]), len(stored.body) - 1)
        span = f"Content-Range: bytes {first}-{last}/{len(stored.body)}"
        return answer(self.ranges, stored.body[first : last + 1], [*headers, span])

    def _exists(self, key: str, received: Received) -> bool:
        return self.creates_only and received.headers.get("if-none-match") == "*" and key in self.objects

    def _put(self, key: str, received: Received) -> bytes:
        if self._exists(key, received):
            return error(412, "PreconditionFailed")
        return answer(headers=[f'ETag: "{self._keep(key, Stored(received.body, _kept(received))).etag}"'])

    def _keep(self, key: str, stored: Stored) -> Stored:
        if self.kms:
            stored.headers["x-amz-server-side-encryption"] = "aws:kms"
            stored.etag = hashlib.md5(b"encrypted" + stored.body).hexdigest()
        self.objects[key] = stored
        return stored

    def _multipart(self, method: str, key: str, query: dict[str, str], received: Received) -> bytes:
        if method == "GET":
            told = "".join(
                f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{number}</UploadId></Upload>"
                for number, upload in self.uploads.items()
            )
            return answer(body=f"<ListMultipartUploadsResult>{told}</ListMultipartUploadsResult>".encode())
        if "uploads" in query:
            number = f"upload {len(self.requests)}"
            self.uploads[number] = Upload(key, _kept(received))
            told = f"<UploadId>{number}</UploadId>"
            body = f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>".encode()
            return answer(body=body, headers=self._named())
        upload = self.uploads.get(query["uploadId"])
        if upload is None or upload.key != key:
            return error(404, "NoSuchUpload")
        if method == "PUT":
            upload.parts[int(query["partNumber"])] = received.body
            return answer(headers=[f'ETag: "{hashlib.md5(received.body).hexdigest()}"'])
        if method == "POST":
            return self._complete(query["uploadId"], upload, received)
        del self.uploads[query["uploadId"]]
        return b"HTTP/1.1 204 No Content\r\n\r\n"

    def _complete(self, number: str, upload: Upload, received: Received) -> bytes:
        if self._exists(upload.key, received):
            return error(412, "PreconditionFailed")
        named = [
            (int(_text(part, "PartNumber")), _text(part, "ETag").strip('"')) for part in _elements(received, "Part")
        ]
        bodies = [upload.parts[at] for at, _ in named if at in upload.parts]
        hashes = [hashlib.md5(body) for body in bodies]
        if [etag for _, etag in named] != [found.hexdigest() for found in hashes] or named != sorted(named):
            return error(400, "InvalidPart")
        if any(len(body) < MIN_PART for body in bodies[:-1]):
            return error(400, "EntityTooSmall")
        etag = f"{hashlib.md5(b''.join(found.digest() for found in hashes)).hexdigest()}-{len(bodies)}"
        etag = self._keep(upload.key, Stored(b"".join(bodies), upload.headers, etag)).etag
        del self.uploads[number]
        told = f"<ETag>&quot;{etag}&quot;</ETag>"
        return answer(body=f"<CompleteMultipartUploadResult>{told}</CompleteMultipartUploadResult>".encode())

    def _delete_many(self, received: Received) -> bytes:
        if not {"content-md5", "x-amz-checksum-crc32"} & received.headers.keys():
            return error(400, "InvalidRequest")
        keys = [_text(found, "Key") for found in _elements(received, "Object")]
        if len(keys) > 1000:
            return error(400, "MalformedXML")
        for key in keys:
            if key not in self.kept:
                self.objects.pop(key, None)
        told = "".join(
            f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code><Message>kept</Message></Error>"
            for key in keys
            if key in self.kept
        )
        return answer(body=f"<DeleteResult>{told}</DeleteResult>".encode())

    def _list(self, query: dict[str, str]) -> bytes:
        prefix, after = query["prefix"], query.get("start-after", "")
        below = sorted((key for key in self.objects if key.startswith(prefix)), key=self.order)
        folders: list[str] = []
        if delimiter := query.get("delimiter", ""):
            inside = [key for key in below if delimiter in key[len(prefix) :]]
            names = {prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in inside if key > after}
            folders = sorted(names)
            below = [key for key in below if delimiter not in key[len(prefix) :]]
        first = next((at for at, key in enumerate(below) if key > after), len(below))
        start = int(query.get("continuation-token", first))
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
        parts += [f"<CommonPrefixes><Prefix>{encode(name)}</Prefix></CommonPrefixes>" for name in folders]
        return answer(body=f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode(), headers=self._named())

    def _named(self) -> list[str]:
        return [f"Server: {self.server}"] if self.server else []


def _damage(received: Received) -> bytes | None:
    """The refusal of a body that is not what its headers say of it."""
    body, headers = received.body, received.headers
    sha256 = hashlib.sha256(body).hexdigest()
    if body and headers["x-amz-content-sha256"] != sha256:
        return error(400, "XAmzContentSHA256Mismatch")
    md5 = b64encode(hashlib.md5(body).digest()).decode()
    crc32 = b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    if headers.get("content-md5", md5) != md5 or headers.get("x-amz-checksum-crc32", crc32) != crc32:
        return error(400, "BadDigest")
    return None


def _kept(received: Received) -> dict[str, str]:
    kept = ("content-type", "content-encoding", "x-amz-meta-")
    return {name: value for name, value in received.headers.items() if name.startswith(kept)}


def _elements(received: Received, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(received.body).findall(f"{{*}}{tag}")


def _text(element: ElementTree.Element, tag: str) -> str:
    return element.findtext(f"{{*}}{tag}") or ""
