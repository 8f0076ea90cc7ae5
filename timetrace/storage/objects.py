"""Cassettes as objects: full keys in, content checked both ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from timetrace.errors import (
    IntegrityError,
    NoSuchKeyError,
    PreconditionFailedError,
    RangeIgnoredError,
    RequestError,
)
from timetrace.s3.operations import DeleteObject, GetObject, ObjectStat, PutObject, is_md5
from timetrace.storage import content, keys, packing
from timetrace.storage.content import SHA256, Check, Content, Hasher, Hashes
from timetrace.storage.parts import Described, Parts

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client
    from timetrace.s3.http import Piece, Sink
    from timetrace.s3.listing import ObjectSummary
    from timetrace.storage.ranges import RandomAccess


class Target(Protocol):
    """Where an object's content goes. `restart` forgets what was written by an attempt that failed."""

    @property
    def anywhere(self) -> RandomAccess | None:
        """The same target, if it takes content in any order."""

    def restart(self) -> None: ...

    def write(self, data: Piece, /) -> object: ...


class Memory:
    """A target that keeps the content."""

    anywhere = None

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def restart(self) -> None:
        self._pieces.clear()

    def write(self, data: Piece) -> None:
        self._pieces.append(bytes(data))

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)


class Digest:
    """A target that keeps only the hashes."""

    anywhere = None

    def __init__(self) -> None:
        self._hasher = Hasher()

    def restart(self) -> None:
        self._hasher = Hasher()

    def write(self, data: Piece) -> None:
        self._hasher.update(data)

    @property
    def hashes(self) -> Hashes:
        return self._hasher.hashes()


class _Large(Exception):
    """Raised into the transport, to leave off an answer that goes better in ranges."""

    def __init__(self, stat: ObjectStat) -> None:
        self.stat = stat


class _Packed(Exception):
    """Raised into the transport: what is packed can only be unpacked from its start."""


class Objects(NamedTuple):
    """The objects of one bucket, by their full keys; `prefix` only serves to make keys relative."""

    client: S3Client
    prefix: str
    parts: Parts

    def full(self, key: str) -> str:
        """The full key of a relative one; InvalidKeyError for what S3 cannot hold."""
        full = keys.join(self.prefix, key)
        keys.check_key(key)
        keys.check_key(full)
        return full

    def relative(self, full_key: str) -> str:
        return keys.relative(self.prefix, full_key)

    def load(self, path: str, size: int, *, compress: bool = False, etag: str = "") -> Content:
        """The content of a file, ready to be put, or to be compared with `etag`."""
        in_parts = size > self.parts.threshold and not is_md5(etag)
        return content.load(path, size, compress=compress, in_parts=in_parts)

    def put(
        self, full_key: str, content: Content, content_type: str | None = None, *, create_only: bool = False
    ) -> None:
        """Store it. With `create_only`: PreconditionFailedError if the object exists.

        IntegrityError if the server takes the key for another one, which is left as it was if it exists.
        """
        self._refuse_alias(full_key)
        try:
            self._put(full_key, content, content_type, create_only)
        except RequestError as error:
            if not (_may_be_done(error) and self._holds(full_key, content)):
                raise
        self._refuse_alias(full_key)

    def _refuse_alias(self, full_key: str) -> None:
        if keys.is_odd(full_key):
            from timetrace.storage.guards import refuse_alias

            refuse_alias(self.client, full_key)

    def is_large(self, content: Content) -> bool:
        """Whether it is stored in parts."""
        return content.stored.size > self.parts.threshold

    def is_refused(self, full_key: str, content: Content) -> bool:
        """Whether the server refuses to store, with `create_only`, what it has already."""
        try:
            self._put(full_key, content, None, create_only=True)
        except PreconditionFailedError:
            return True
        return False

    def _put(self, full_key: str, content: Content, content_type: str | None, create_only: bool) -> None:
        described = Described(content_type or keys.content_type(full_key), {SHA256: content.plain.sha256})
        if content.encoding:
            described.metadata[packing.ENCODING] = content.encoding
        if self.is_large(content):
            self.parts.upload(
                full_key, content, described, lambda: self._holds(full_key, content), create_only=create_only
            )
            return
        self.client.perform(
            PutObject(
                full_key,
                content.body,
                content.stored.sha256,
                described.content_type,
                described.metadata,
                content.encoding,
                content.stored.checksum,
                create_only,
            )
        )

    def _holds(self, full_key: str, content: Content) -> bool:
        """Whether the object is the one that was sent, although no answer told so."""
        try:
            stat = self.client.head(full_key)
        except RequestError:
            return False
        return stat.metadata.get(SHA256) == content.plain.sha256 and stat.size == content.stored.size

    def get(
        self,
        full_key: str,
        target: Target,
        *,
        listed: ObjectSummary | None = None,
        unless_sha256: str | None = None,
    ) -> int | None:
        """Fetch into `target`, and give the content's size in bytes; IntegrityError if it is not what was stored.

        `listed` is what a listing said of it. None, with nothing written, if the object's own metadata says that its
        content has `unless_sha256`.
        """
        try:
            anywhere = target.anywhere
            if anywhere is None:
                return self._get_in_one(full_key, target, unless_sha256, most=None)
            try:
                if listed and listed.size > self.parts.threshold and listed.etag:
                    return self._get_in_parts(full_key, anywhere, listed.size, listed.etag)
                return self._get_in_one(full_key, target, unless_sha256, most=self.parts.threshold)
            except _Large as large:
                return self._get_in_parts(full_key, anywhere, large.stat.size, large.stat.etag)
        except (_Packed, RangeIgnoredError):
            return self._get_in_one(full_key, target, unless_sha256, most=None)

    def _get_in_parts(self, full_key: str, target: RandomAccess, size: int, etag: str) -> int:
        started = monotonic()
        try:
            return self.parts.download(full_key, target, size, etag, _refuse_packed).size
        except IntegrityError as error:
            if not error.retryable:
                raise
        try:
            return self.parts.download(full_key, target, size, etag, _refuse_packed).size
        except IntegrityError as error:
            error.method, error.uri = "GET", self.client.uri(full_key)
            error.attempts, error.seconds = 2, monotonic() - started
            raise

    def _get_in_one(self, full_key: str, target: Target, unless_sha256: str | None, most: int | None) -> int | None:
        flow: list[_Flow] = []

        def receive(stat: ObjectStat) -> Sink:
            if unless_sha256 and stat.metadata.get(SHA256) == unless_sha256:
                flow[:] = []
                return _nowhere
            if most is not None and stat.size > most and stat.etag and not packing.is_packed(stat.metadata):
                raise _Large(stat)
            target.restart()
            flow[:] = [_Flow(stat, target)]
            return flow[0].sink

        def verify(stat: ObjectStat) -> None:
            if flow:
                flow[0].finish()

        self.client.perform(GetObject(full_key, receive, verify))
        return flow[0].check.size if flow else None

    def read(self, full_key: str) -> bytes:
        memory = Memory()
        self.get(full_key, memory)
        return memory.content

    def stat(self, full_key: str) -> ObjectStat:
        return self.client.head(full_key)

    def exists(self, full_key: str) -> bool:
        try:
            self.client.head(full_key)
        except NoSuchKeyError:
            return False
        return True

    def delete(self, full_key: str) -> None:
        self.client.perform(DeleteObject(full_key))

    def listed(self, full_prefix: str, limit: int | None = None) -> Iterator[ObjectSummary]:
        if limit is not None:
            yield from self.client.list_objects(full_prefix, limit=limit)
            return
        from timetrace.storage.remote import PAGES_AHEAD, list_pages
        from timetrace.storage.workers import Ahead

        pages = list_pages(self.client, full_prefix)
        yield from next(pages, ())
        with closing(Ahead(pages, PAGES_AHEAD)) as ahead:
            for page in ahead:
                yield from page


class _Flow:
    """One attempt's way from the answer to the target: unpacked if it is packed, and checked."""

    def __init__(self, stat: ObjectStat, target: Target) -> None:
        self.check = Check(stat, target.write)
        self.unpacker = packing.Unpacker(self.check) if packing.is_packed(stat.metadata) else None

    @property
    def sink(self) -> Sink:
        return self.unpacker or self.check

    def finish(self) -> None:
        if self.unpacker:
            self.unpacker.finish()
        self.check.verify()


def _may_be_done(error: RequestError) -> bool:
    """Whether a PUT that failed so may have stored its object all the same."""
    return error.unsettled and not isinstance(error, IntegrityError)


def _refuse_packed(stat: ObjectStat) -> None:
    if packing.is_packed(stat.metadata):
        raise _Packed


def _nowhere(piece: Piece) -> None:
    return None
