"""Requests and responses as values, and the one percent-encoder.

What is signed and what is sent are both made from these values: S3 compares them byte by byte. They are named tuples,
here and in the calls, because making one dataclass takes a millisecond at each start, as long as a request. For the
same reason their annotations are not texts, which would be compiled one by one.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType
from typing import NamedTuple, Protocol

from timetrace.s3.endpoint import Endpoint

# RFC 3986's unreserved characters: the only ones that SigV4 leaves alone.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_QUERY_TABLE = [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_PATH_TABLE = [*_QUERY_TABLE]
_PATH_TABLE[ord("/")] = "/"
_is_plain = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
_is_plain_path = re.compile(r"[A-Za-z0-9._~/-]*").fullmatch
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def encode_path(key: str) -> str:
    """Percent-encode a key for a path: `/` stays. Encoded once, unlike every other AWS service."""
    if _is_plain_path(key):
        return key
    return "".join([_PATH_TABLE[byte] for byte in key.encode()])


def encode_query(text: str) -> str:
    """Percent-encode a name or a value of a query: space is `%20`, `/` is `%2F`."""
    if _is_plain(text):
        return text
    return "".join([_QUERY_TABLE[byte] for byte in text.encode()])


def canonical_query(query: Sequence[tuple[str, str]]) -> str:
    """The query as it is both signed and sent: encoded, sorted by encoded name, then value."""
    if not query:
        return ""
    pairs = sorted([(encode_query(name), encode_query(value)) for name, value in query])
    return "&".join([f"{name}={value}" for name, value in pairs])


def http_date(text: str) -> datetime | None:
    """`Wed, 21 Oct 2015 07:28:00 GMT` in UTC; None for anything else. strptime would ask the locale."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = map(int, clock.split(":"))
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


class Body(Protocol):
    """Content too large to hold. Each iteration reads it anew, from its start."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


Headers = Mapping[str, str]
"""Lowercase names; repeated ones are joined with a comma."""

NONE: Headers = MappingProxyType({})

Piece = bytes | memoryview
Sink = Callable[[Piece], object]
"""Takes the next piece of an object's content, which is only there until it returns: the memory is used again."""


class Request(NamedTuple):
    """One HTTP request, before it is signed.

    Every header in `headers` is signed; the transport adds those that must not be. `receive` opens,
    once for each answer 200 or 206, the sink of its body, which is then not kept in `Response.body`.
    Without it a body over `limit` bytes is refused. A `body` other than bytes comes with its hash, in the
    header x-amz-content-sha256. `document` marks calls that are answered in XML: there a 200 may hold an error.
    """

    method: str
    endpoint: Endpoint
    key: str = ""
    query: Sequence[tuple[str, str]] = ()
    headers: Headers = NONE
    body: bytes | Body = b""
    receive: Callable[[Headers], Sink] | None = None
    limit: int = 16 * 2**20
    document: bool = False

    @property
    def path(self) -> str:
        if not self.key:
            return self.endpoint.base_path or "/"
        return f"{self.endpoint.base_path}/{encode_path(self.key)}"

    @property
    def target(self) -> str:
        return f"{self.path}?{canonical_query(self.query)}" if self.query else self.path


class Response(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: Headers = NONE
    body: bytes = b""
