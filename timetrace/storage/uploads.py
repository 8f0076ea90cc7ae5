"""Multipart uploads that nobody finished: their parts are kept, and paid for, but never seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from timetrace.errors import AccessDeniedError, ResponseError
from timetrace.s3.multipart import ListMultipartUploads, Upload

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client


def begun_before(client: S3Client, prefix: str, moment: datetime) -> Iterator[Upload]:
    """Those below the full key prefix that began before `moment`, or then. ResponseError where no time is told."""
    for upload in _below(client, prefix):
        try:
            begun = datetime.fromisoformat(upload.initiated.replace("Z", "+00:00"))
        except ValueError:
            raise ResponseError(f"the list of uploads has a time that is none ({upload.initiated!a})") from None
        # A server that tells no zone means UTC, as S3 does.
        if (begun if begun.tzinfo else begun.replace(tzinfo=timezone.utc)) <= moment:
            yield upload


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
