"""ListObjectsV2 as a value: it builds its Request and parses its Response.

Source: "ListObjectsV2" in the Amazon S3 API Reference.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import unquote_plus

from timetrace.errors import ResponseError
from timetrace.s3 import document
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Request, Response
from timetrace.s3.operations import bare_etag, size_of


class ObjectSummary(NamedTuple):
    """One object of a listing. `etag` is bare: without quotes or `W/`. `modified` is ISO 8601."""

    key: str
    size: int
    etag: str
    modified: str

    @property
    def last_modified(self) -> datetime:
        """In UTC; ResponseError if the server wrote no time."""
        try:
            return datetime.fromisoformat(self.modified.replace("Z", "+00:00")).astimezone(timezone.utc)
        except (ValueError, OverflowError):
            pass
        raise ResponseError("the listing has a malformed time")


class Page(NamedTuple):
    """`token` is None on the last page; `emulated` marks an answer of LocalStack.

    `folders` are what lies below the prefix up to the delimiter, if there was one. `server` is the header of that name.
    """

    objects: list[ObjectSummary]
    token: str | None
    emulated: bool
    folders: Sequence[str] = ()
    server: str = ""


class ListObjectsV2(NamedTuple):
    """One page. Key encoding is asked for: XML cannot carry control characters."""

    prefix: str = ""
    token: str | None = None
    max_keys: int | None = None
    encoded: bool = True
    start_after: str = ""
    delimiter: str = ""
    key: str = ""

    def request(self, endpoint: Endpoint) -> Request:
        query = [("list-type", "2"), ("prefix", self.prefix)]
        if self.encoded:
            query.append(("encoding-type", "url"))
        if self.max_keys is not None:
            query.append(("max-keys", str(self.max_keys)))
        if self.delimiter:
            query.append(("delimiter", self.delimiter))
        if self.token is not None:
            query.append(("continuation-token", self.token))
        elif self.start_after:
            query.append(("start-after", self.start_after))
        return Request("GET", endpoint, query=query, document=True)

    def parse(self, response: Response) -> Page:
        root = document.parse(response.body, "ListBucketResult")
        # A server that does not encode says so by leaving the element out: `+` and `%` then mean themselves.
        encoded = document.text(root, "EncodingType").lower() == "url"
        objects = []
        for contents in root.iterfind("Contents"):
            fields = {child.tag: child.text or "" for child in contents}
            key = unquoted(fields.get("Key", ""), encoded)
            if not key or not key.startswith(self.prefix):
                raise ResponseError("the listing has a key outside the prefix that was asked for")
            etag = bare_etag(fields.get("ETag", ""))
            objects.append(ObjectSummary(key, size_of(fields.get("Size", "")), etag, fields.get("LastModified", "")))
        folders = tuple(unquoted(document.text(found, "Prefix"), encoded) for found in root.iterfind("CommonPrefixes"))
        page = Page(objects, None, "x-localstack" in response.headers, folders, response.headers.get("server", ""))
        if document.text(root, "IsTruncated").strip().lower() != "true":
            return page
        token = document.text(root, "NextContinuationToken")
        if not token or token == self.token:
            raise ResponseError(
                "the listing is cut off: the server gave no token, or the same again, for its next page"
            )
        return page._replace(token=token)


def unquoted(key: str, encoded: bool) -> str:
    """A key as a listing gives it, which says whether its keys are `encoded`."""
    if not encoded or ("%" not in key and "+" not in key):
        return key
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise ResponseError("the listing has a key that is no UTF-8") from error
