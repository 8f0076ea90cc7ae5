"""Multipart uploads that nobody finished: their parts are kept, and paid for, but never seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from timetrace.errors import ResponseError
from timetrace.s3.multipart import ListMultipartUploads, Upload

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client


def begun_before(client: S3Client, prefix: str, moment: datetime) -> Iterator[Upload]:
    """Those below the full key prefix that began before `moment`, or then; all pages. ResponseError for no time."""
    after: tuple[str, str] | None = None
    while True:
        page = client.perform(ListMultipartUploads(prefix, after))
        for upload in page.uploads:
            try:
                begun = datetime.fromisoformat(upload.initiated.replace("Z", "+00:00"))
            except ValueError:
                raise ResponseError(f"the list of uploads has a time that is none ({upload.initiated!a})") from None
            # A server that tells no zone means UTC, as S3 does.
            if (begun if begun.tzinfo else begun.replace(tzinfo=timezone.utc)) <= moment:
                yield upload
        if page.after is None:
            return
        after = page.after
