"""A server that says what no server should is an error of ours, and never ends the program otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import answer, error
from timetrace.errors import ClockSkewError, ResponseError, S3Error


@pytest.mark.parametrize("when", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_a_clock_at_the_end_of_the_calendar_is_not_taken_for_one(when: str) -> None:
    with Bucket() as bucket, bucket.store() as store:
        body = b"<Error><Code>RequestTimeTooSkewed</Code></Error>"
        bucket.misbehave(answer(403, body, [f"Date: {when}"]))
        for _ in range(2):
            with pytest.raises(ClockSkewError):
                store.read_bytes("a.json")
        assert len(bucket.requests) == 2


def test_a_date_with_a_year_that_no_integer_holds_is_none() -> None:
    with Bucket() as bucket, bucket.store() as store:
        bucket.misbehave(answer(403, headers=["Date: Thu, 15 Jan 99999999999999999999 10:00:00 GMT"]))
        with pytest.raises(S3Error, match="403 AccessDenied"):
            store.read_bytes("a.json")


@pytest.mark.parametrize("code", ["InternalError", "AccessDenied"])
def test_a_deletion_that_names_a_key_that_nobody_asked_for(tmp_path: Path, code: str) -> None:
    with Bucket() as bucket, bucket.store() as store:
        bucket.objects.update({"a.json": Stored(b"1"), "b.json": Stored(b"2")})
        told = f"<DeleteResult><Error><Key>other.json</Key><Code>{code}</Code></Error></DeleteResult>"
        bucket.misbehave(answer(body=told.encode()), method="POST")
        report = store.delete_files(["a.json", "b.json"])
    assert report.deleted == 2


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_a_listing_with_a_malformed_time_is_an_error_that_says_so(time: str) -> None:
    contents = f"<Contents><Key>a</Key><Size>1</Size><LastModified>{time}</LastModified></Contents>"
    with Bucket() as bucket, bucket.store() as store:
        bucket.misbehave(answer(body=f"<ListBucketResult>{contents}</ListBucketResult>".encode()), key="")
        [found] = store.objects()
    with pytest.raises(ResponseError, match="the listing has a malformed time"):
        assert found.last_modified


def test_what_a_server_says_of_its_region_is_a_region_or_nothing() -> None:
    with Bucket() as bucket, bucket.store() as store:
        bucket.misbehave(error(301, "PermanentRedirect", extra="<Region>evil.example/?</Region>"))
        with pytest.raises(S3Error) as caught:
            store.read_bytes("a.json")
    assert caught.value.region is None
