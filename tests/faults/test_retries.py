"""Retries, line by line: what the table of faults does not show."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from threading import Event, Thread
from typing import Any

import pytest

from tests.bucket import Bucket
from tests.scripted import Scripted, answer, error, reset
from timetrace import errors
from timetrace.s3 import retry
from timetrace.s3.client import S3Client
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.network import Resolver
from timetrace.s3.operations import DeleteObject, GetObject, HeadObject, PutObject
from timetrace.s3.transport import Transport

NOW = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
PUT = PutObject("k", b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
STORED = answer(headers=['ETag: "e"'])


def client(url: str, transport: Callable[[Request, Headers], Response] | None = None, **how: Any) -> S3Client:
    return S3Client(
        "bucket",
        region="us-east-1",
        resolve=lambda region: resolve_endpoint("bucket", region=region, endpoint_url=url),
        credentials=lambda: Credentials("AKID", "secret"),
        transport=transport or Transport(connect_timeout=5, read_timeout=5, environ={}),
        **{"now": lambda: NOW, "sleep": lambda seconds: None, **how},
    )


def at(hour: int) -> str:
    return f"Date: Thu, 15 Jan 2026 {hour}:00:00 GMT"


def refused(hour: int) -> bytes:
    """As a HEAD is, whose answer names no cause."""
    return answer(403, headers=[at(hour)])


def test_no_attempt_is_begun_after_five_minutes() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with Scripted([answer(503, headers=["Retry-After: 20"])]) as server:
        here = client(server.url, sleep=sleep, clock=lambda: clock[0], max_attempts=1000)
        with pytest.raises(errors.ThrottledError, match=r"gave up after 16 attempts over 300\.0 s"):
            here.perform(PUT)
    assert len(server.requests) == 16


def test_an_empty_budget_ends_the_retries_and_the_error_says_so() -> None:
    with Scripted([answer(500)]) as server:
        here = client(server.url, max_attempts=1000)
        with pytest.raises(errors.S3Error, match="gave up after 101 attempts"):
            here.perform(PUT)
        with pytest.raises(errors.S3Error, match="too many requests fail to try this one again"):
            here.perform(PUT)
    assert len(server.requests) == 102


@pytest.mark.parametrize("kind", [errors.ReadTimeoutError, errors.ConnectTimeoutError])
def test_a_retry_after_a_timeout_costs_twice(kind: type[errors.RequestError]) -> None:
    assert [retry.RetryBudget(9).spend(kind("")), retry.RetryBudget(9).spend(errors.ConnectionClosedError(""))] == [
        False,
        True,
    ]


def test_a_clock_that_jumps_back_is_corrected_again() -> None:
    clock = [NOW]
    with Scripted([refused(13), STORED, refused(13), STORED]) as server:
        here = client(server.url, now=lambda: clock[0])
        here.perform(PUT)
        clock[0] = NOW + timedelta(hours=1)
        here.perform(PUT)
    signed = [request.headers["x-amz-date"][9:13] for request in server.requests]
    assert signed == ["1200", "1300", "1400", "1300"]


def test_a_request_under_way_while_another_thread_corrects_the_clock_is_corrected_too() -> None:
    """Its refusal comes when the offset is known already."""
    late, corrected = Event(), Event()

    def wait(connection: socket.socket) -> None:
        late.set()
        assert corrected.wait(5)
        connection.sendall(refused(13))
        connection.close()

    with Scripted([wait, refused(13), STORED]) as server:
        here = client(server.url)
        raised: list[BaseException] = []

        def first() -> None:
            try:
                here.perform(PUT)
            except errors.RequestError as problem:
                raised.append(problem)

        thread = Thread(target=first)
        thread.start()
        assert late.wait(5)
        here.perform(PUT)
        corrected.set()
        thread.join(5)
    assert raised == []
    assert len(server.requests) == 4


def test_a_kept_connection_that_dies_is_replaced_with_a_request_that_is_signed_anew() -> None:
    times = iter([NOW, NOW, NOW + timedelta(seconds=9)])
    with Scripted([STORED, reset, STORED]) as server:
        here = client(server.url, now=lambda: next(times), max_attempts=1)
        here.perform(PUT)
        here.perform(PUT)
    assert [request.headers["x-amz-date"][-3:] for request in server.requests] == ["00Z", "00Z", "09Z"]


def test_an_upload_that_was_stored_by_a_connection_that_died_is_not_reported_as_one_that_exists() -> None:
    with Bucket() as bucket, bucket.store(max_attempts=1) as store:
        store.delete("warm-up")
        bucket.lose(method="PUT")
        from timetrace.storage.content import content_of

        store._objects.put("a.json", content_of(b"{}"), create_only=True)
        assert bucket.asked("PUT") == ["PUT a.json"] * 2
        assert bucket.objects["a.json"].body == b"{}"


def test_an_upload_is_settled_although_the_last_attempt_met_no_server() -> None:
    """Stored by the first attempt, whose answer was lost; the second finds no connection."""
    sent: list[str] = []

    def transport(request: Request, headers: Headers) -> Response:
        sent.append(request.method)
        raise errors.ConnectionClosedError("broke") if len(sent) == 1 else errors.UnreachableError("gone")

    with pytest.raises(errors.UnreachableError) as caught:
        client("http://h", transport, max_attempts=2).perform(PUT)
    assert caught.value.unsettled
    with pytest.raises(errors.UnreachableError) as caught:
        client("http://h", transport, max_attempts=2).perform(PUT)
    assert not caught.value.unsettled


def test_a_conflict_at_the_end_of_an_upload_in_parts_is_not_tried_again_in_place() -> None:
    conflict = errors.ConflictError(409, "ConditionalRequestConflict")
    assert retry.is_retryable(conflict)
    conflict.method = "POST"
    assert not retry.is_retryable(conflict)


def test_a_redirect_is_told_and_not_followed() -> None:
    moved = answer(301, headers=["Location: https://s3.example:9000/bucket/k?X-Amz-Security-Token=t"])
    with Scripted([moved]) as server:
        hint = r"it redirects to https://s3\.example:9000: if that is the server, give it as the endpoint$"
        with pytest.raises(errors.WrongRegionError, match=hint):
            client(server.url).perform(PUT)


@pytest.mark.parametrize("operation", [GetObject("k"), HeadObject("k"), DeleteObject("k")])
def test_a_page_of_some_gateway_is_no_object(operation: Any) -> None:
    with Scripted([answer(body=b"<html>Sign in</html>")], close=True) as server:
        told = server.answers[0]
        assert isinstance(told, bytes)
        if isinstance(operation, HeadObject):
            server.answers[0] = told.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        with pytest.raises(errors.ResponseError, match=r"which (every|no) S3 server gives"):
            client(server.url).perform(operation)


def test_one_silent_lookup_serves_all_who_wait_for_it() -> None:
    asked, over = [], Event()

    def hang(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        over.wait(10)
        return []

    resolver = Resolver(hang)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            resolver.addresses("s3.example", 80, 0.1)
        except errors.ConnectTimeoutError as problem:
            failed.append(problem)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    over.set()
    assert (len(failed), asked) == (8, ["s3.example"])


def test_an_address_that_answered_is_tried_first_from_then_on() -> None:
    def both(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    resolver = Resolver(both)
    with Scripted([STORED], close=True) as server:
        url = f"http://s3.example:{server.port}"
        transport = Transport(connect_timeout=5, read_timeout=5, environ={}, resolver=resolver)
        client(url, transport).perform(PUT)
        assert resolver.addresses("s3.example", server.port, 1) == ["127.0.0.1", "127.0.0.2"]


def test_a_region_that_is_put_right_costs_no_attempt() -> None:
    moved = error(400, "AuthorizationHeaderMalformed", extra="<Region>eu-west-1</Region>")
    with Scripted([moved, STORED]) as server:
        client(server.url, max_attempts=1).perform(PUT)
    assert "/eu-west-1/s3/" in server.requests[1].headers["authorization"]
