"""The calls of a multipart upload as values."""

from __future__ import annotations

import pytest

from timetrace.errors import ResponseError
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Response
from timetrace.s3.multipart import (
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    ListMultipartUploads,
    Upload,
    UploadPart,
    part_size,
)

ENDPOINT = Endpoint("http", "h", None, "/b")
MB = 2**20
AFTER = "<NextKeyMarker>p/a</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>"


@pytest.mark.parametrize(
    ("size", "wanted", "given"),
    [
        (100 * MB, 16 * MB, 16 * MB),
        (100 * MB, 1, 5 * MB),
        (160_000 * MB, 16 * MB, 16 * MB),
        (160_000 * MB + 1, 16 * MB, 16 * MB + 1),
        (5 * 2**40, 16 * MB, 549_755_814),
    ],
)
def test_parts_are_as_large_as_wanted_but_never_more_than_ten_thousand(size: int, wanted: int, given: int) -> None:
    assert part_size(size, wanted) == given
    assert -(-size // given) <= 10_000


def test_an_upload_begins_with_what_the_object_keeps() -> None:
    asked = CreateMultipartUpload("k", "application/json", {"timetrace-sha256": "abc"}, "gzip")
    request = asked.request(ENDPOINT)
    assert (request.method, request.target, request.body) == ("POST", "/b/k?uploads=", b"")
    assert request.headers == {
        "content-type": "application/json",
        "content-encoding": "gzip",
        "x-amz-meta-timetrace-sha256": "abc",
    }
    told = b'<InitiateMultipartUploadResult xmlns="x"><UploadId>a+b/c=</UploadId></InitiateMultipartUploadResult>'
    assert asked.parse(Response(200, {}, told)) == ("a+b/c=", False)


@pytest.mark.parametrize(
    ("software", "checks"), [("MinIO", True), ("VERSITYGW", True), ("AmazonS3", False), ("MinIO behind nginx", False)]
)
def test_some_servers_are_known_to_check_a_signed_body(software: str, checks: bool) -> None:
    told = b"<InitiateMultipartUploadResult><UploadId>i</UploadId></InitiateMultipartUploadResult>"
    begun = CreateMultipartUpload("k", "x").parse(Response(200, {"server": software}, told))
    assert begun.checks_sha256 is checks


def test_an_upload_without_an_id_is_an_error() -> None:
    told = b"<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"
    with pytest.raises(ResponseError, match="no upload id"):
        CreateMultipartUpload("k", "x").parse(Response(200, {}, told))


def test_a_part_names_its_upload_and_number() -> None:
    request = UploadPart("a b", "i+d/=", 7, b"body", "abc", ("content-md5", "m")).request(ENDPOINT)
    assert (request.method, request.target) == ("PUT", "/b/a%20b?partNumber=7&uploadId=i%2Bd%2F%3D")
    assert request.headers == {"x-amz-content-sha256": "abc", "content-md5": "m"}
    assert UploadPart("k", "i", 1, b"", "abc").request(ENDPOINT).headers == {"x-amz-content-sha256": "abc"}


def test_the_etag_of_a_part_goes_back_as_it_came() -> None:
    assert UploadPart("k", "i", 1, b"", "").parse(Response(200, {"etag": '"x"'})) == '"x"'
    with pytest.raises(ResponseError, match="no ETag"):
        UploadPart("k", "i", 1, b"", "").parse(Response(200))


def test_an_upload_ends_with_its_parts_in_order() -> None:
    request = CompleteMultipartUpload("k", "i", ['"a"', "<b>&"]).request(ENDPOINT)
    assert (request.method, request.target) == ("POST", "/b/k?uploadId=i")
    assert request.body == (
        b'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b'<Part><PartNumber>1</PartNumber><ETag>"a"</ETag></Part>'
        b"<Part><PartNumber>2</PartNumber><ETag>&lt;b&gt;&amp;</ETag></Part>"
        b"</CompleteMultipartUpload>"
    )
    assert "if-none-match" not in request.headers


def test_an_upload_that_only_creates_says_so_at_its_end() -> None:
    assert CompleteMultipartUpload("k", "i", ["a"], create_only=True).request(ENDPOINT).headers["if-none-match"] == "*"


def test_the_etag_of_the_whole_is_bare() -> None:
    told = b"<CompleteMultipartUploadResult><ETag>&quot;x-3&quot;</ETag></CompleteMultipartUploadResult>"
    assert CompleteMultipartUpload("k", "i", ["a"]).parse(Response(200, {}, told)) == "x-3"


def test_an_upload_is_aborted_by_its_id() -> None:
    request = AbortMultipartUpload("k", "i").request(ENDPOINT)
    assert (request.method, request.target) == ("DELETE", "/b/k?uploadId=i")


def uploads(contents: str) -> Response:
    return Response(200, {}, f"<ListMultipartUploadsResult>{contents}</ListMultipartUploadsResult>".encode())


def test_uploads_under_way_are_listed_page_by_page() -> None:
    asked = ListMultipartUploads("p/")
    assert asked.request(ENDPOINT).target == "/b?prefix=p%2F&uploads="
    page = asked.parse(
        uploads(
            "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
            "<NextKeyMarker>p%2Fa+b</NextKeyMarker><NextUploadIdMarker>i</NextUploadIdMarker>"
            "<Upload><Key>p%2Fa+b</Key><UploadId>i</UploadId><Initiated>2026-01-15T10:00:00Z</Initiated></Upload>"
        )
    )
    assert (page.uploads, page.after) == ([Upload("p/a b", "i", "2026-01-15T10:00:00Z")], ("p/a b", "i"))
    following = ListMultipartUploads("p/", page.after)
    assert "key-marker=p%2Fa%20b&prefix=p%2F&upload-id-marker=i" in following.request(ENDPOINT).target
    assert following.parse(uploads("<IsTruncated>false</IsTruncated>")) == ([], None)


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ("<Upload><Key>other</Key></Upload>", "outside the prefix"),
        ("<IsTruncated>true</IsTruncated>", "cut off"),
        (
            f"<IsTruncated>true</IsTruncated>{AFTER}",
            "cut off",
        ),
    ],
)
def test_a_list_of_uploads_that_cannot_be_believed_is_an_error(contents: str, told: str) -> None:
    with pytest.raises(ResponseError, match=told):
        ListMultipartUploads("p/", ("p/a", "i")).parse(uploads(contents))
