"""ListObjectsV2 as a value: what is asked, and what of an answer is believed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from timetrace.errors import ResponseError
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Response
from timetrace.s3.listing import ListObjectsV2, ObjectSummary, Page

ENDPOINT = Endpoint("http", "h", None, "/b")
MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def listing(contents: str, more: str = "<IsTruncated>false</IsTruncated>") -> bytes:
    return f'<ListBucketResult xmlns="x">{more}{contents}</ListBucketResult>'.encode()


def contents(key: str, size: str = "1", etag: str = f'"{MD5}"') -> str:
    modified = "<LastModified>2026-01-15T10:00:00.000Z</LastModified>"
    return f"<Contents><Key>{key}</Key>{modified}<ETag>{etag}</ETag><Size>{size}</Size></Contents>"


def page(body: bytes, operation: ListObjectsV2 | None = None, headers: dict[str, str] | None = None) -> Page:
    return (operation or ListObjectsV2()).parse(Response(200, headers or {}, body))


def test_a_listing_asks_for_encoded_keys() -> None:
    assert ListObjectsV2("a b").request(ENDPOINT).target == "/b?encoding-type=url&list-type=2&prefix=a%20b"


def test_a_token_goes_back_untouched_and_encoded() -> None:
    target = ListObjectsV2("p", token="a+/=%", max_keys=4, encoded=False).request(ENDPOINT).target
    assert target == "/b?continuation-token=a%2B%2F%3D%25&list-type=2&max-keys=4&prefix=p"


def test_a_listing_gives_its_objects() -> None:
    found = page(listing(contents("a", "12")))
    assert found == Page([ObjectSummary("a", 12, MD5, "2026-01-15T10:00:00.000Z")], None, False)
    assert found.objects[0].last_modified == datetime(2026, 1, 15, 10, tzinfo=timezone.utc)


def test_keys_are_decoded_only_if_the_answer_says_that_they_are_encoded() -> None:
    encoded = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
    raw = contents("a+b%2Bc%2Fd")
    assert page(listing(raw, encoded)).objects[0].key == "a b+c/d"
    assert page(listing(raw)).objects[0].key == "a+b%2Bc%2Fd"


@pytest.mark.parametrize("etag", [MD5, f'"{MD5}"', f'W/"{MD5}"', f"&quot;{MD5}&quot;"])
def test_an_etag_is_bare_however_it_comes(etag: str) -> None:
    assert page(listing(contents("a", etag=etag))).objects[0].etag == MD5


def test_a_page_goes_on_where_it_says_so() -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t2</NextContinuationToken>"
    assert page(listing(contents("a"), more), ListObjectsV2(token="t1")).token == "t2"


@pytest.mark.parametrize(
    "body",
    [
        listing("", "<IsTruncated>true</IsTruncated>"),
        listing("", "<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken>"),
        listing(contents("outside")),
        listing(contents("")),
        listing("<Contents/>"),
        listing(contents("pa", size="")),
        listing(contents("pa", size="-1")),
        listing(contents("pa", size="1e3")),
        listing(contents("p%FF"), "<EncodingType>url</EncodingType>"),
        b"<Error><Code>InternalError</Code></Error>",
        b"<html/>",
        b"",
    ],
)
def test_a_listing_that_cannot_be_believed_is_an_error(body: bytes) -> None:
    with pytest.raises(ResponseError):
        page(body, ListObjectsV2("p", token="t1"))


def test_localstack_is_told_by_its_header() -> None:
    assert page(listing(""), headers={"x-localstack": "true"}).emulated


def test_a_listing_may_begin_after_a_key_but_a_token_wins() -> None:
    assert ListObjectsV2("p", start_after="p/a b").request(ENDPOINT).target == (
        "/b?encoding-type=url&list-type=2&prefix=p&start-after=p%2Fa%20b"
    )
    assert "start-after" not in ListObjectsV2("p", token="t", start_after="a").request(ENDPOINT).target


@pytest.mark.parametrize(
    ("told", "is_last"), [("true", False), (" TRUE ", False), ("false", True), ("", True), ("maybe", True)]
)
def test_a_page_is_the_last_unless_it_says_otherwise(told: str, is_last: bool) -> None:
    more = f"<IsTruncated>{told}</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    assert (page(listing("", more)).token is None) is is_last


def test_a_time_with_an_offset_is_given_in_utc() -> None:
    found = ObjectSummary("a", 1, "", "2026-01-15T12:00:00+02:00")
    assert found.last_modified == datetime(2026, 1, 15, 10, tzinfo=timezone.utc)
