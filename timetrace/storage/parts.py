"""Large objects: up in parts, down in ranges, several at a time, and never held whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from timetrace.errors import (
    ConflictError,
    IntegrityError,
    NoSuchUploadError,
    PreconditionFailedError,
    RequestError,
)
from timetrace.s3.operations import GetRange
from timetrace.storage.content import Check
from timetrace.storage.workers import run_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from timetrace.s3.client import S3Client
    from timetrace.s3.http import Sink
    from timetrace.s3.operations import ObjectStat
    from timetrace.storage.content import Content


class RandomAccess(Protocol):
    """A target that takes its content in any order, and gives it back."""

    def restart(self) -> None: ...

    def write_at(self, data: bytes, offset: int, /) -> object: ...

    def pieces(self) -> Iterator[bytes]: ...


class Described(NamedTuple):
    """What an object keeps beside its content."""

    content_type: str
    metadata: dict[str, str]


class Parts:
    """Moves objects of more than `threshold` bytes. One at a time: its parts are in parallel already."""

    def __init__(self, client: S3Client, *, threshold: int, part_size: int, concurrency: int) -> None:
        self.threshold = threshold
        self._client = client
        self._part_size = part_size
        self._concurrency = concurrency
        self._lock = Lock()

    def upload(
        self, key: str, content: Content, described: Described, is_stored: Callable[[], bool], *, create_only: bool
    ) -> None:
        """Store `content`; what was uploaded of it is removed again if that fails.

        `is_stored` looks whether the object is there, for when the answer to that was lost.
        """
        with self._lock:
            try:
                self._upload(key, content, described, create_only)
            except (ConflictError, NoSuchUploadError):
                if not is_stored():
                    self._upload(key, content, described, create_only)

    def _upload(self, key: str, content: Content, described: Described, create_only: bool) -> None:
        from timetrace.s3.multipart import AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload

        created = CreateMultipartUpload(key, described.content_type, described.metadata, content.encoding)
        upload_id = self._client.perform(created)
        try:
            etags = self._send(key, upload_id, content)
            content.check_unchanged()
            self._client.perform(CompleteMultipartUpload(key, upload_id, etags, create_only))
        except BaseException:
            # Parts that nobody completes are kept, and paid for, but never seen.
            with suppress(RequestError):
                self._client.perform(AbortMultipartUpload(key, upload_id))
            raise

    def _send(self, key: str, upload_id: str, content: Content) -> list[str]:
        from timetrace.s3.multipart import UploadPart, part_size

        whole = content.stored.size
        size = part_size(whole, self._part_size)
        etags = [""] * -(-whole // size)

        def send(index: int) -> None:
            start = index * size
            part = content.part(start, min(size, whole - start))
            etags[index] = self._client.perform(
                UploadPart(key, upload_id, index + 1, part.body, part.stored.sha256, part.stored.checksum)
            )

        run_all(range(len(etags)), send, self._concurrency)
        return etags

    def download(
        self, key: str, target: RandomAccess, size: int, etag: str, accept: Callable[[ObjectStat], None]
    ) -> ObjectStat:
        """Fetch the object of this size and ETag into `target`, and check it.

        `accept` looks at each answer before it is taken, and may raise. IntegrityError if the object changes meanwhile,
        RangeIgnoredError if the server does not know ranges.
        """
        with self._lock:
            target.restart()
            stats: list[ObjectStat] = []
            quoted = [True]

            def fetch(start: int) -> None:
                end = min(start + self._part_size, size)

                def receive(stat: ObjectStat) -> Sink:
                    accept(stat)
                    if stat.etag != etag:
                        raise _changed()
                    return _Sequel(target, start)

                while True:
                    unquoted = not quoted[0]
                    try:
                        wanted = GetRange(key, start, end, size, etag, receive, quoted=not unquoted)
                        stats.append(self._client.perform(wanted))
                        return
                    except PreconditionFailedError as error:
                        if unquoted:
                            raise _changed() from error
                        quoted[0] = False  # Ceph RGW 16 knows no quotes here

            run_all(range(0, size, self._part_size), fetch, self._concurrency)
        check = Check(stats[0], _nowhere)
        for piece in target.pieces():
            check(piece)
        check.verify()
        return stats[0]


class _Sequel:
    """A sink that begins at an offset."""

    __slots__ = ("_offset", "_target")

    def __init__(self, target: RandomAccess, offset: int) -> None:
        self._target = target
        self._offset = offset

    def __call__(self, data: bytes) -> None:
        self._target.write_at(data, self._offset)
        self._offset += len(data)


def _nowhere(piece: bytes) -> None:
    return None


def _changed() -> IntegrityError:
    error = IntegrityError("the object changed while it was fetched")
    error.retryable = False
    return error
