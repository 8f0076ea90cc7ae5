from __future__ import annotations

from datetime import datetime, timezone

import pytest

from timetrace.errors import ResponseError
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Response, http_date
from timetrace.s3.operations import (
    DeleteObject,
    GetObject,
    HeadObject,
    ObjectStat,
    PutObject,
    bare_etag,
    is_md5,
    stat_from,
)

ENDPOINT = Endpoint("http", "h", None, "/b")
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def test_a_put_carries_type_hash_and_metadata() -> None:
    request = PutObject("k", b"x", "abc", "application/json", {"timetrace-sha256": "abc"}).request(ENDPOINT)
    assert (request.method, request.target, request.body) == ("PUT", "/b/k", b"x")
    assert request.headers == {
        "content-type": "application/json",
        "x-amz-content-sha256": "abc",
        "x-amz-meta-timetrace-sha256": "abc",
    }


def test_the_etag_of_a_put_is_bare() -> None:
    assert PutObject("k", b"", "").parse(Response(200, {"etag": f'"{MD5}"'})) == MD5


def test_a_get_asks_for_a_range_and_a_version() -> None:
    request = GetObject("k", byte_range=(0, 9), if_match="x").request(ENDPOINT)
    assert request.headers == {"range": "bytes=0-9", "if-match": '"x"'}


def test_the_size_of_a_ranged_answer_is_that_of_the_whole() -> None:
    response = Response(206, {"etag": "e", "content-length": "10", "content-range": "bytes 0-9/443"})
    assert GetObject("k", byte_range=(0, 9)).parse(response).size == 443


@pytest.mark.parametrize("status", [201, 204, 206])
def test_a_part_is_never_taken_for_the_whole(status: int) -> None:
    response = Response(status, {"content-length": "10", "content-range": "bytes 0-9/443"})
    with pytest.raises(ResponseError, match=f"has status {status}"):
        GetObject("k").parse(response)


def test_head_and_delete_are_what_their_names_say() -> None:
    assert HeadObject("k").request(ENDPOINT).method == "HEAD"
    assert DeleteObject("k").request(ENDPOINT).method == "DELETE"
    assert DeleteObject("k").parse(Response(204)) is None


def test_a_stat_holds_what_the_headers_tell() -> None:
    stat = HeadObject("k").parse(
        Response(
            200,
            {
                "content-length": "7",
                "etag": f'W/"{MD5}"',
                "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT",
                "content-type": "application/json",
                "content-encoding": "gzip",
                "x-amz-meta-a": "b",
            },
        )
    )
    assert stat == ObjectStat(
        "k", 7, MD5, datetime(2015, 10, 21, 7, 28, tzinfo=timezone.utc), "application/json", "gzip", {"a": "b"}, ""
    )


@pytest.mark.parametrize(
    ("headers", "md5"),
    [
        ({}, MD5),
        ({"x-amz-server-side-encryption": "AES256"}, MD5),
        ({"x-amz-server-side-encryption": "aws:kms"}, None),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, None),
        ({"etag": f'"{MD5}-2"'}, None),
    ],
)
def test_an_etag_is_the_md5_only_where_it_is_known_to_be(headers: dict[str, str], md5: str | None) -> None:
    assert stat_from("k", {"etag": f'"{MD5}"', **headers}).md5 == md5


@pytest.mark.parametrize("etag", ["", "x", MD5[:-1], MD5.upper(), MD5 + "-1"])
def test_what_has_not_the_form_of_an_md5_is_none(etag: str) -> None:
    assert not is_md5(etag)


@pytest.mark.parametrize("text", ["", "yesterday", "Wed, 21 Xxx 2015 07:28:00 GMT", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert http_date(text) is None


@pytest.mark.parametrize(
    ("etag", "bare"),
    [('"abc"', "abc"), ("abc", "abc"), (' W/"a-b" ', "a-b"), ('"a\nb"', ""), ('"→"', ""), ("a\x7fb", "")],
)
def test_an_etag_is_one_that_a_header_can_carry(etag: str, bare: str) -> None:
    assert bare_etag(etag) == bare
