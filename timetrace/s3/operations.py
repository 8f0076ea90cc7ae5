"""The S3 calls as values: each builds its Request and parses its Response.

Source: the Amazon S3 API Reference, one page a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import unquote_plus

from timetrace.errors import ResponseError
from timetrace.s3 import document
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Body, Headers, Request, Response, Sink

T_co = TypeVar("T_co", covariant=True)
METADATA = "x-amz-meta-"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Operation(Protocol[T_co]):
    @property
    def key(self) -> str: ...

    def request(self, endpoint: Endpoint) -> Request: ...

    def parse(self, response: Response) -> T_co: ...


class ObjectSummary(NamedTuple):
    """One object of a listing. `etag` is bare: without quotes or `W/`. `modified` is ISO 8601."""

    key: str
    size: int
    etag: str
    modified: str

    @property
    def last_modified(self) -> datetime:
        """In UTC."""
        return datetime.fromisoformat(self.modified.replace("Z", "+00:00")).astimezone(timezone.utc)


@dataclass(frozen=True, slots=True)
class ObjectStat:
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
    return len(etag) == 32 and all(digit in "0123456789abcdef" for digit in etag)


def bare_etag(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def stat_from(key: str, headers: Headers, size: int | None = None) -> ObjectStat:
    encryption = headers.get("x-amz-server-side-encryption", "")
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        encryption = "customer"
    return ObjectStat(
        key=key,
        size=_size(headers.get("content-length", "0")) if size is None else size,
        etag=bare_etag(headers.get("etag", "")),
        last_modified=http_date(headers.get("last-modified", "")),
        content_type=headers.get("content-type", ""),
        content_encoding=headers.get("content-encoding", ""),
        metadata={n.removeprefix(METADATA): v for n, v in headers.items() if n.startswith(METADATA)},
        encryption=encryption,
    )


def http_date(text: str) -> datetime | None:
    """`Wed, 21 Oct 2015 07:28:00 GMT` in UTC; None for anything else. strptime would ask the locale."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = map(int, clock.split(":"))
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class PutObject:
    """Parses to the ETag. `sha256` is that of the body, in lowercase hex."""

    key: str
    body: bytes | Body = field(repr=False)
    sha256: str
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def request(self, endpoint: Endpoint) -> Request:
        headers = {"content-type": self.content_type, "x-amz-content-sha256": self.sha256}
        for name, value in self.metadata.items():
            headers[METADATA + name] = value
        return Request("PUT", endpoint, self.key, headers=headers, body=self.body)

    def parse(self, response: Response) -> str:
        return bare_etag(response.headers.get("etag", ""))


@dataclass(frozen=True, slots=True)
class GetObject:
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
        whole = response.headers.get("content-range", "").rpartition("/")[2]
        stat = stat_from(self.key, response.headers, int(whole) if whole.isdigit() else None)
        if self.verify:
            self.verify(stat)
        return stat


@dataclass(frozen=True, slots=True)
class HeadObject:
    key: str

    def request(self, endpoint: Endpoint) -> Request:
        return Request("HEAD", endpoint, self.key)

    def parse(self, response: Response) -> ObjectStat:
        return stat_from(self.key, response.headers)


@dataclass(frozen=True, slots=True)
class DeleteObject:
    key: str

    def request(self, endpoint: Endpoint) -> Request:
        return Request("DELETE", endpoint, self.key)

    def parse(self, response: Response) -> None:
        return None


class Page(NamedTuple):
    """`token` is None on the last page; `emulated` marks an answer of LocalStack."""

    objects: list[ObjectSummary]
    token: str | None
    emulated: bool


@dataclass(frozen=True, slots=True)
class ListObjectsV2:
    """One page. Key encoding is asked for: XML cannot carry control characters."""

    prefix: str = ""
    token: str | None = None
    max_keys: int | None = None
    encoded: bool = True
    key: str = ""

    def request(self, endpoint: Endpoint) -> Request:
        query = [("list-type", "2"), ("prefix", self.prefix)]
        if self.encoded:
            query.append(("encoding-type", "url"))
        if self.max_keys is not None:
            query.append(("max-keys", str(self.max_keys)))
        if self.token is not None:
            query.append(("continuation-token", self.token))
        return Request("GET", endpoint, query=query)

    def parse(self, response: Response) -> Page:
        root = document.parse(response.body)
        if root.tag != "ListBucketResult":
            raise ResponseError("the answer to a listing is no ListBucketResult")
        # A server that does not encode says so by leaving the element out: `+` and `%` then mean themselves.
        encoded = document.text(root, "EncodingType").lower() == "url"
        objects = []
        for contents in root.iterfind("Contents"):
            fields = {child.tag: child.text or "" for child in contents}
            key = fields.get("Key", "")
            if encoded and ("%" in key or "+" in key):
                try:
                    key = unquote_plus(key, errors="strict")
                except UnicodeDecodeError as error:
                    raise ResponseError("the listing has a key that is no UTF-8") from error
            if not key or not key.startswith(self.prefix):
                raise ResponseError("the listing has a key outside the prefix that was asked for")
            etag = bare_etag(fields.get("ETag", ""))
            objects.append(ObjectSummary(key, _size(fields.get("Size", "")), etag, fields.get("LastModified", "")))
        emulated = "x-localstack" in response.headers
        if document.text(root, "IsTruncated").strip().lower() != "true":
            return Page(objects, None, emulated)
        token = document.text(root, "NextContinuationToken")
        if not token or token == self.token:
            raise ResponseError(
                "the listing is cut off: the server gave no token, or the same again, for its next page"
            )
        return Page(objects, token, emulated)


def _size(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ResponseError("the answer has a malformed size")
    return int(text)
