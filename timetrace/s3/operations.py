"""The S3 calls on objects as values: each builds its Request and parses its Response.

Source: the Amazon S3 API Reference, one page a call.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from timetrace.errors import RangeIgnoredError, ResponseError
from timetrace.s3 import document
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import NONE, Body, Headers, Request, Response, Sink, http_date

T_co = TypeVar("T_co", covariant=True)
METADATA = "x-amz-meta-"
_HEX = frozenset("0123456789abcdef")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Operation(Protocol[T_co]):
    @property
    def key(self) -> str: ...

    def request(self, endpoint: Endpoint) -> Request: ...

    def parse(self, response: Response) -> T_co: ...


class ObjectStat(NamedTuple):
    """What HEAD or GET tell of an object. `size` is in bytes, `metadata` has lowercase names."""

    key: str
    size: int
    etag: str
    last_modified: datetime | None
    content_type: str
    content_encoding: str
    metadata: Mapping[str, str]
    encryption: str

    @property
    def md5(self) -> str | None:
        """The content's MD5 where the ETag is known to be one: a single part, and no KMS or own key."""
        return self.etag if is_md5(self.etag) and self.encryption in ("", "AES256") else None


def is_md5(etag: str) -> bool:
    """Whether it has the form of an MD5. Under SSE-KMS it has and is none, and a listing does not say so."""
    return len(etag) == 32 and _HEX.issuperset(etag)


def bare_etag(etag: str) -> str:
    """Without quotes; empty if no header could carry it, as a condition of a later request has to."""
    bare = etag.strip().removeprefix("W/").strip('"')
    return bare if bare.isascii() and bare.isprintable() else ""


def stat_from(key: str, headers: Headers) -> ObjectStat:
    """ResponseError without an ETag: a page of some gateway is no object."""
    if "etag" not in headers:
        raise ResponseError("the answer has no ETag, which every S3 server gives with an object")
    encryption = headers.get("x-amz-server-side-encryption", "")
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        encryption = "customer"
    return ObjectStat(
        key=key,
        size=_whole_size(headers),
        etag=bare_etag(headers.get("etag", "")),
        last_modified=http_date(headers.get("last-modified", "")),
        content_type=headers.get("content-type", ""),
        content_encoding=headers.get("content-encoding", ""),
        metadata={n.removeprefix(METADATA): v for n, v in headers.items() if n.startswith(METADATA)},
        encryption=encryption,
    )


def _whole_size(headers: Headers) -> int:
    """The object's size, of which the answer may hold only a range."""
    whole = headers.get("content-range", "").rpartition("/")[2]
    return size_of(whole if whole.isdigit() else headers.get("content-length", "0"))


class PutObject(NamedTuple):
    """Parses to the ETag. `sha256` is that of the body, in lowercase hex; `checksum` is one more header, by which the
    server refuses a body that was damaged on its way. With `create_only` an object that exists is left alone: 412.
    """

    key: str
    body: bytes | Body
    sha256: str
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = NONE
    content_encoding: str = ""
    checksum: tuple[str, str] | None = None
    create_only: bool = False

    def request(self, endpoint: Endpoint) -> Request:
        headers = described(self.content_type, self.content_encoding, self.metadata)
        headers["x-amz-content-sha256"] = self.sha256
        if self.checksum:
            headers[self.checksum[0]] = self.checksum[1]
        if self.create_only:
            headers["if-none-match"] = "*"
        return Request("PUT", endpoint, self.key, headers=headers, body=self.body)

    def parse(self, response: Response) -> str:
        if "etag" not in response.headers:
            raise ResponseError("the answer to a PUT has no ETag, which every S3 server gives")
        return bare_etag(response.headers["etag"])


def described(content_type: str, content_encoding: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """The headers that an object keeps."""
    headers = {"content-type": content_type}
    if content_encoding:
        headers["content-encoding"] = content_encoding
    for name, value in metadata.items():
        headers[METADATA + name] = value
    return headers


class GetObject(NamedTuple):
    """Parses to the object's stat; its content goes to what `receive` opens, anew at each attempt.

    `byte_range` is first and last byte, both included. `verify` looks at the whole once it is through and
    raises IntegrityError, whereupon the object is fetched once more.
    """

    key: str
    receive: Callable[[ObjectStat], Sink] | None = None
    verify: Callable[[ObjectStat], object] | None = None
    byte_range: tuple[int, int] | None = None
    if_match: str | None = None

    def request(self, endpoint: Endpoint) -> Request:
        headers: dict[str, str] = {}
        if self.byte_range:
            headers["range"] = f"bytes={self.byte_range[0]}-{self.byte_range[1]}"
        if self.if_match:
            headers["if-match"] = f'"{self.if_match}"'
        return Request("GET", endpoint, self.key, headers=headers, receive=self._receive)

    def _receive(self, headers: Headers) -> Sink:
        return self.receive(stat_from(self.key, headers)) if self.receive else lambda piece: None

    def parse(self, response: Response) -> ObjectStat:
        if response.status != 200 and not (response.status == 206 and self.byte_range):
            raise ResponseError(f"the answer to a GET of the whole object has status {response.status}")
        stat = stat_from(self.key, response.headers)
        if self.verify:
            self.verify(stat)
        return stat


class GetRange(NamedTuple):
    """The bytes from `start` up to `end`, which is not among them, of an object of this `size` and bare `etag`.

    Parses to the object's stat, which `receive` gets first and opens a sink for. The server refuses another object
    than that of `etag` with 412; it is sent in quotes unless `quoted` is false. RangeIgnoredError for the whole object.
    """

    key: str
    start: int
    end: int
    size: int
    etag: str
    receive: Callable[[ObjectStat], Sink]
    quoted: bool = True

    def request(self, endpoint: Endpoint) -> Request:
        etag = f'"{self.etag}"' if self.quoted else self.etag
        headers = {"range": f"bytes={self.start}-{self.end - 1}", "if-match": etag}
        return Request("GET", endpoint, self.key, headers=headers, receive=self._receive)

    def _receive(self, headers: Headers) -> Sink:
        # Some servers send a range with status 200: its Content-Range tells, and not the status.
        if headers.get("content-range", "").removeprefix("bytes ") != f"{self.start}-{self.end - 1}/{self.size}":
            raise RangeIgnoredError("the answer is not the range that was asked for")
        if headers.get("content-length", "") != str(self.end - self.start):
            raise ResponseError("the answer's length is not that of its range")
        return self.receive(stat_from(self.key, headers))

    def parse(self, response: Response) -> ObjectStat:
        return stat_from(self.key, response.headers)


class HeadObject(NamedTuple):
    key: str

    def request(self, endpoint: Endpoint) -> Request:
        return Request("HEAD", endpoint, self.key)

    def parse(self, response: Response) -> ObjectStat:
        return stat_from(self.key, response.headers)


class DeleteObject(NamedTuple):
    key: str

    def request(self, endpoint: Endpoint) -> Request:
        return Request("DELETE", endpoint, self.key)

    def parse(self, response: Response) -> None:
        if response.body:
            raise ResponseError("the answer to a DELETE is a page, which no S3 server gives")


class DeleteObjects(NamedTuple):
    """Up to 1,000 keys. Parses to code and message of each key that could not be deleted.

    ResponseError if the answer names another key: then nobody knows which one was meant.
    """

    keys: Sequence[str]
    checksum: tuple[str, str]
    key: str = ""

    @staticmethod
    def body(keys: Sequence[str]) -> bytes:
        objects = "".join([f"<Object><Key>{document.escape(key)}</Key></Object>" for key in keys])
        return f'<Delete xmlns="{NAMESPACE}"><Quiet>true</Quiet>{objects}</Delete>'.encode()

    def request(self, endpoint: Endpoint) -> Request:
        headers = {"content-type": "application/xml", self.checksum[0]: self.checksum[1]}
        body = self.body(self.keys)
        return Request("POST", endpoint, query=[("delete", "")], headers=headers, body=body, document=True)

    def parse(self, response: Response) -> dict[str, tuple[str, str]]:
        root = document.parse(response.body, "DeleteResult")
        errors = {
            document.text(error, "Key"): (document.text(error, "Code"), document.text(error, "Message"))
            for error in root.iterfind("Error")
        }
        if not errors.keys() <= set(self.keys):
            raise ResponseError("the answer has an error for a key that was not to be deleted")
        return errors


def size_of(text: str) -> int:
    """A size in bytes as a server wrote it."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ResponseError("the answer has a malformed size")
    return int(text)
