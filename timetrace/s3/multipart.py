"""Multipart uploads: the calls that put a large object together from parts, as values.

Source: "Uploading and copying objects using multipart upload" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from timetrace.errors import ResponseError
from timetrace.s3 import document
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import NONE, Body, Request, Response
from timetrace.s3.listing import unquoted
from timetrace.s3.operations import NAMESPACE, bare_etag, described

MIN_PART = 5 * 2**20
MAX_PARTS = 10_000
# By their Server header: they hold each body against its signed SHA-256, so that it needs no other check. So does AWS,
# but a bucket with Object Lock wants an MD5 there all the same.
_CHECK_SHA256 = ("minio", "versitygw")


def part_size(size: int, wanted: int) -> int:
    """The size of each part but the last, in bytes: `wanted` unless that made more parts than S3 takes."""
    return max(wanted, MIN_PART, -(-size // MAX_PARTS))


class Begun(NamedTuple):
    """An upload's id; `checks_sha256` where the server is known to refuse a body without its signed SHA-256."""

    upload_id: str
    checks_sha256: bool


class CreateMultipartUpload(NamedTuple):
    """What the object keeps of its headers is given here."""

    key: str
    content_type: str
    metadata: Mapping[str, str] = NONE
    content_encoding: str = ""

    def request(self, endpoint: Endpoint) -> Request:
        headers = described(self.content_type, self.content_encoding, self.metadata)
        return Request("POST", endpoint, self.key, [("uploads", "")], headers, document=True)

    def parse(self, response: Response) -> Begun:
        # rclone leaves "Result" out.
        root = document.parse(response.body, "InitiateMultipartUploadResult", "InitiateMultipartUpload")
        upload_id = document.text(root, "UploadId")
        if not upload_id:
            raise ResponseError("the answer names no upload id")
        return Begun(upload_id, response.headers.get("server", "").lower() in _CHECK_SHA256)


class UploadPart(NamedTuple):
    """Parses to the part's ETag, as the server wrote it. `number` counts from 1; `sha256` is that of the body."""

    key: str
    upload_id: str
    number: int
    body: bytes | Body
    sha256: str
    checksum: tuple[str, str] | None = None

    def request(self, endpoint: Endpoint) -> Request:
        query = [("partNumber", str(self.number)), ("uploadId", self.upload_id)]
        headers = {"x-amz-content-sha256": self.sha256}
        if self.checksum:
            headers[self.checksum[0]] = self.checksum[1]
        return Request("PUT", endpoint, self.key, query, headers, self.body)

    def parse(self, response: Response) -> str:
        etag = response.headers.get("etag", "")
        if not etag:
            raise ResponseError("the answer to a part has no ETag")
        return etag


class CompleteMultipartUpload(NamedTuple):
    """Parses to the object's ETag. `etags` are those of the parts, in order."""

    key: str
    upload_id: str
    etags: Sequence[str]
    create_only: bool = False

    def request(self, endpoint: Endpoint) -> Request:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{document.escape(etag)}</ETag></Part>"
            for number, etag in enumerate(self.etags, 1)
        )
        body = f'<CompleteMultipartUpload xmlns="{NAMESPACE}">{parts}</CompleteMultipartUpload>'.encode()
        headers = {"content-type": "application/xml"}
        if self.create_only:
            headers["if-none-match"] = "*"
        return Request("POST", endpoint, self.key, [("uploadId", self.upload_id)], headers, body, document=True)

    def parse(self, response: Response) -> str:
        root = document.parse(response.body, "CompleteMultipartUploadResult")
        return bare_etag(document.text(root, "ETag"))


class AbortMultipartUpload(NamedTuple):
    key: str
    upload_id: str

    def request(self, endpoint: Endpoint) -> Request:
        return Request("DELETE", endpoint, self.key, [("uploadId", self.upload_id)])

    def parse(self, response: Response) -> None:
        return None


class Upload(NamedTuple):
    """A multipart upload that was neither completed nor aborted. `initiated` is ISO 8601."""

    key: str
    upload_id: str
    initiated: str


class UploadsPage(NamedTuple):
    """`after` is key and upload id that the next page begins after; None on the last."""

    uploads: list[Upload]
    after: tuple[str, str] | None


class ListMultipartUploads(NamedTuple):
    """One page of the uploads under way below `prefix`.

    Encoded keys are for those that XML cannot carry, and for nothing else: Ceph RGW 16 encodes them and does not say
    so, SeaweedFS 4 and LocalStack 4 say so and do not encode them.
    """

    prefix: str = ""
    after: tuple[str, str] | None = None
    encoded: bool = False
    key: str = ""

    def request(self, endpoint: Endpoint) -> Request:
        query = [("uploads", ""), ("prefix", self.prefix)]
        if self.encoded:
            query.append(("encoding-type", "url"))
        if self.after:
            query += [("key-marker", self.after[0]), ("upload-id-marker", self.after[1])]
        return Request("GET", endpoint, query=query, document=True)

    def parse(self, response: Response) -> UploadsPage:
        root = document.parse(response.body, "ListMultipartUploadsResult")
        encoded = document.text(root, "EncodingType").lower() == "url"
        uploads = []
        for found in root.iterfind("Upload"):
            key = unquoted(document.text(found, "Key"), encoded)
            if not key.startswith(self.prefix):
                raise ResponseError("the answer has an upload outside the prefix that was asked for")
            uploads.append(Upload(key, document.text(found, "UploadId"), document.text(found, "Initiated")))
        if document.text(root, "IsTruncated").strip().lower() != "true":
            return UploadsPage(uploads, None)
        after = (unquoted(document.text(root, "NextKeyMarker"), encoded), document.text(root, "NextUploadIdMarker"))
        if after == self.after or not after[0]:
            raise ResponseError("the list of uploads is cut off: the server did not say where its next page begins")
        return UploadsPage(uploads, after)
