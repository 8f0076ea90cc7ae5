"""Large objects: up in parts, down in ranges, several at a time, and never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from timetrace.errors import AccessDeniedError, ConflictError, NoSuchUploadError, RequestError, ResponseError
from timetrace.s3 import forks

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client
    from timetrace.s3.multipart import Begun, Upload
    from timetrace.s3.operations import ObjectStat
    from timetrace.storage.content import Content
    from timetrace.storage.ranges import RandomAccess


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
        forks.watch(self)

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
        from timetrace.storage.workers import PATIENCE

        created = CreateMultipartUpload(key, described.content_type, described.metadata, content.encoding)
        begun = self._client.perform(created)
        try:
            etags = self._send(key, begun, content)
            content.check_unchanged()
            self._client.perform(CompleteMultipartUpload(key, begun.upload_id, etags, create_only))
        except BaseException as error:
            # Parts that nobody completes are kept, and paid for, but never seen.
            def abort() -> None:
                with suppress(RequestError):
                    self._client.perform(AbortMultipartUpload(key, begun.upload_id))

            thread = Thread(target=abort, daemon=True)
            thread.start()
            thread.join(None if isinstance(error, Exception) else PATIENCE)  # Ctrl-C does not wait for a silent server
            raise

    def _send(self, key: str, begun: Begun, content: Content) -> list[str]:
        from timetrace.s3.multipart import UploadPart, part_size
        from timetrace.storage.workers import run_all

        whole = content.stored.size
        size = part_size(whole, self._part_size)
        etags = [""] * -(-whole // size)

        def send(index: int) -> None:
            start = index * size
            part = content.part(start, min(size, whole - start), sha256_is_checked=begun.checks_sha256)
            checksum = None if begun.checks_sha256 else part.stored.checksum
            etags[index] = self._client.perform(
                UploadPart(key, begun.upload_id, index + 1, part.body, part.stored.sha256, checksum)
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
        from timetrace.storage.ranges import Ranges

        with self._lock:
            return Ranges(self._client, key, target, size, etag, accept).fetch(self._part_size, self._concurrency)


def begun_before(client: S3Client, prefix: str, moment: datetime) -> Iterator[Upload]:
    """The uploads that nobody finished. Their parts are kept, and paid for, but never seen.

    Those below the full key prefix that began before `moment`, or then. ResponseError where no time is told."""
    for upload in _below(client, prefix):
        begun = _time(upload.initiated)
        if begun is None:
            raise ResponseError("the list of uploads has a time that is none")
        # A server that tells no zone means UTC, as S3 does.
        if (begun if begun.tzinfo else begun.replace(tzinfo=timezone.utc)) <= moment:
            yield upload


def _time(text: str) -> datetime | None:
    """None rather than an error, which would hold what the server said."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def _below(client: S3Client, prefix: str) -> Iterator[Upload]:
    nothing = True
    for upload in _listed(client, prefix):
        nothing = False
        yield upload
    if nothing and prefix:
        # MinIO takes a prefix for a whole key, and finds nothing; it lists the whole bucket's.
        with suppress(AccessDeniedError):
            yield from (upload for upload in _listed(client, "") if upload.key.startswith(prefix))


def _listed(client: S3Client, prefix: str) -> Iterator[Upload]:
    from timetrace.s3.multipart import ListMultipartUploads

    after: tuple[str, str] | None = None
    encoded = False
    while True:
        try:
            page = client.perform(ListMultipartUploads(prefix, after, encoded))
        except ResponseError:
            if encoded:
                raise
            encoded = True
            continue
        yield from page.uploads
        if page.after is None:
            return
        after = page.after
