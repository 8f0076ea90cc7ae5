"""The client against a scripted server on a loopback socket: what is sent, what is tried again, what is said."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from threading import Thread

import pytest

from tests.scripted import Answer, Received, Scripted, answer, error, reset
from timetrace import errors
from timetrace.s3.client import S3Client
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Headers, Piece, Request, Response
from timetrace.s3.multipart import CompleteMultipartUpload
from timetrace.s3.operations import DeleteObject, GetObject, HeadObject, PutObject
from timetrace.s3.transport import Transport

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
NOW = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
SECRET = "s3cr3t-s3cr3t"
TOKEN = "t0k3n-t0k3n"
STORED = answer(headers=['ETag: "e"'])
SKEWED = answer(
    403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>", headers=["Date: Thu, 15 Jan 2026 13:00:00 GMT"]
)


def client(
    url: str,
    *,
    slept: list[float] | None = None,
    credentials: Callable[[], Credentials | None] = lambda: Credentials("AKID", SECRET, TOKEN),
    max_attempts: int = 3,
    read_timeout: float = 5,
    now: Callable[[], datetime] = lambda: NOW,
) -> S3Client:
    return S3Client(
        "bucket",
        region="us-east-1",
        resolve=lambda region: resolve_endpoint("bucket", region=region, endpoint_url=url),
        credentials=credentials,
        transport=Transport(connect_timeout=5, read_timeout=read_timeout, environ={}),
        max_attempts=max_attempts,
        now=now,
        sleep=(slept if slept is not None else []).append,
    )


def put(key: str = "k", body: bytes = b"") -> PutObject:
    return PutObject(key, body, EMPTY)


def signed_at(request: Received) -> str:
    return request.headers["x-amz-date"]


def test_a_put_is_one_request_on_one_connection() -> None:
    with Scripted([STORED]) as server:
        here = client(server.url)
        assert [here.perform(put()) for _ in range(3)] == ["e", "e", "e"]
    assert [request.line for request in server.requests] == ["PUT /bucket/k HTTP/1.1"] * 3
    assert server.connections == 1


def test_what_is_sent_is_what_was_signed() -> None:
    key = "a/../b//c d~!'()*:+%#?&=@é\u0301/."
    with Scripted([STORED]) as server:
        client(server.url).perform(put(key))
    path = "/bucket/a/../b//c%20d~%21%27%28%29%2A%3A%2B%25%23%3F%26%3D%40%C3%A9%CC%81/."
    assert server.requests[0].line == f"PUT {path} HTTP/1.1"
    headers = server.requests[0].headers
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["accept-encoding"] == "identity"
    assert "expect" not in headers


def test_an_anonymous_request_carries_no_signature() -> None:
    with Scripted([STORED]) as server:
        client(server.url, credentials=lambda: None).perform(DeleteObject("k"))
    assert not {"authorization", "x-amz-date", "x-amz-security-token"} & set(server.requests[0].headers)


@pytest.mark.parametrize(
    "trouble",
    [
        error(500, "InternalError"),
        error(503, "SlowDown"),
        error(400, "RequestTimeout"),
        answer(429),
        answer(408),
        answer(504),
        answer(502, b"<html>Bad gateway</html>"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        reset,
    ],
    ids=["500", "503", "RequestTimeout", "429", "408", "504", "502", "cut", "reset"],
)
def test_a_passing_trouble_is_tried_again(trouble: Answer) -> None:
    slept: list[float] = []
    with Scripted([trouble, STORED]) as server:
        if isinstance(trouble, bytes) and trouble.endswith(b"ab"):
            server.answers[0] = lambda connection: connection.sendall(trouble)
        client(server.url, slept=slept).perform(GetObject("k"))
    assert len(server.requests) == 2
    assert len(slept) == 1


def test_each_attempt_is_signed_anew() -> None:
    times = iter([NOW, NOW + timedelta(seconds=7)])
    with Scripted([answer(500), STORED]) as server:
        client(server.url, now=lambda: next(times)).perform(put())
    assert [signed_at(request) for request in server.requests] == ["20260115T120000Z", "20260115T120007Z"]


def test_credentials_are_asked_for_at_each_attempt() -> None:
    keys = iter(["OLD", "NEW"])
    with Scripted([answer(500), STORED]) as server:
        client(server.url, credentials=lambda: Credentials(next(keys), SECRET)).perform(put())
    used = [request.headers["authorization"].partition("Credential=")[2][:3] for request in server.requests]
    assert used == ["OLD", "NEW"]


def test_giving_up_tells_how_often_it_was_tried() -> None:
    gave_up = pytest.raises(errors.ThrottledError, match="gave up after 3 attempts over")
    with Scripted([error(503, "SlowDown")]) as server, gave_up as caught:
        client(server.url).perform(put("a.json"))
    assert len(server.requests) == 3
    assert str(caught.value).startswith("PUT s3://bucket/a.json: 503 SlowDown (request REQ1): told so (gave up")


@pytest.mark.parametrize("status", [403, 404, 400, 501])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with Scripted([error(status, "Whatever")]) as server, pytest.raises(errors.S3Error):
        client(server.url).perform(put())
    assert len(server.requests) == 1


def test_a_connection_closed_while_idle_costs_a_new_one_and_no_error() -> None:
    slept: list[float] = []
    with Scripted([STORED], close=True) as server:
        here = client(server.url, slept=slept)
        for _ in range(3):
            here.perform(put())
    assert (server.connections, slept) == (3, [])


def test_a_kept_connection_that_dies_under_a_request_is_replaced_at_once() -> None:
    slept: list[float] = []
    with Scripted([STORED, reset, STORED]) as server:
        here = client(server.url, slept=slept, max_attempts=1)
        here.perform(put())
        here.perform(put())
    assert (server.connections, slept) == (2, [])


def test_kept_connections_that_die_one_after_another_are_replaced_at_once() -> None:
    """As when another thread gave one back meanwhile that is as old."""
    slept: list[float] = []
    with Scripted([STORED]) as server:
        here = client(server.url, slept=slept, max_attempts=1)
        true, stale = here._transport, [errors.StaleConnectionError("closed")] * 3

        def send(request: Request, headers: Headers) -> Response:
            if stale:
                raise stale.pop()
            return true(request, headers)

        here._transport = send
        assert here.perform(put()) == "e"
        stale[:] = [errors.StaleConnectionError("closed")] * 9
        with pytest.raises(errors.StaleConnectionError):
            here.perform(put())
    assert (len(stale), slept) == (5, [])


def test_a_silent_server_is_a_timeout() -> None:
    with Scripted([b""]) as server, pytest.raises(errors.ReadTimeoutError, match="fell silent"):
        client(server.url, read_timeout=0.05, max_attempts=1).perform(put())


def test_a_large_put_that_is_refused_early_tells_the_refusal() -> None:
    def refuse_early(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(error(403, "SignatureDoesNotMatch"))
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1000)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=refuse_early, args=(listener,), daemon=True).start()
        with pytest.raises(errors.SignatureError):
            client(f"http://127.0.0.1:{listener.getsockname()[1]}").perform(put(body=b"x" * 50_000_000))


def test_nobody_there_is_an_error_with_the_address_and_the_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.UnreachableError, match=rf"no connection to 127\.0\.0\.1:{port} \(Connection refused\)"):
        client(f"http://127.0.0.1:{port}", max_attempts=1).perform(put())


def test_tls_to_a_server_without_it_says_so() -> None:
    def answer_plainly(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.sendall(answer(400, b"plain HTTP request sent to HTTPS port"))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=answer_plainly, args=(listener,), daemon=True).start()
        with pytest.raises(errors.TLSError, match="http or https"):
            client(f"https://127.0.0.1:{listener.getsockname()[1]}").perform(put())


def test_what_is_no_http_says_so() -> None:
    with Scripted([b"220 mail.example ESMTP\r\n\r\n"]) as server, pytest.raises(errors.ResponseError, match="http"):
        client(server.url).perform(put())


def test_a_redirect_to_a_region_is_signed_for_it_once_and_remembered() -> None:
    moved = error(301, "PermanentRedirect", extra="<Endpoint>evil.example</Endpoint><Region>eu-west-1</Region>")
    with Scripted([moved, STORED]) as server:
        here = client(server.url)
        here.perform(put())
        here.perform(put())
    regions = [request.headers["authorization"].split("/")[2] for request in server.requests]
    assert regions == ["us-east-1", "eu-west-1", "eu-west-1"]


def test_on_aws_the_region_makes_the_host() -> None:
    hosts = []

    def transport(request: object, headers: object) -> object:
        from timetrace.s3.http import Request, Response

        assert isinstance(request, Request)
        hosts.append(request.endpoint.host)
        return Response(200, {"etag": "e"}) if len(hosts) > 1 else Response(301, {"x-amz-bucket-region": "eu-west-1"})

    S3Client(
        "bucket",
        region="us-east-1",
        resolve=lambda region: resolve_endpoint("bucket", region=region),
        credentials=lambda: Credentials("AKID", SECRET),
        transport=transport,  # type: ignore[arg-type]
    ).perform(put())
    assert hosts == ["bucket.s3.us-east-1.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com"]


def test_a_location_is_never_followed() -> None:
    with Scripted([STORED]) as other:
        moved = answer(307, headers=[f"Location: {other.url}/bucket/k"])
        with Scripted([moved]) as server, pytest.raises(errors.WrongRegionError):
            client(server.url).perform(put())
    assert (len(server.requests), other.requests) == (1, [])


def test_a_second_redirect_is_an_error() -> None:
    moves = [error(301, "PermanentRedirect", extra=f"<Region>r-{n}</Region>") for n in range(3)]
    with Scripted([*moves]) as server, pytest.raises(errors.WrongRegionError):
        client(server.url).perform(put())
    assert len(server.requests) == 2


def test_a_skewed_clock_is_corrected_once_from_the_servers_and_remembered() -> None:
    with Scripted([SKEWED, STORED]) as server:
        here = client(server.url)
        here.perform(put())
        here.perform(put())
    assert [signed_at(request)[9:13] for request in server.requests] == ["1200", "1300", "1300"]


def test_a_clock_that_stays_skewed_is_an_error() -> None:
    with Scripted([SKEWED]) as server, pytest.raises(errors.ClockSkewError, match="clock"):
        client(server.url).perform(put())
    assert len(server.requests) == 2


@pytest.mark.parametrize("refusal", [error(400, "ExpiredToken"), error(403, "InvalidAccessKeyId")])
def test_credentials_that_hold_no_more_are_asked_for_again_once(refusal: bytes) -> None:
    found = iter([Credentials("OLD", SECRET), Credentials("NEW", SECRET), Credentials("NEW", SECRET)])
    with Scripted([refusal, STORED]) as server:
        client(server.url, credentials=lambda: next(found)).perform(put())
    assert "Credential=NEW/" in server.requests[1].headers["authorization"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (error(400, "ExpiredToken"), errors.ExpiredCredentialsError),
        (error(403, "InvalidAccessKeyId"), errors.InvalidAccessKeyError),
    ],
)
def test_credentials_that_stay_the_same_are_an_error(refusal: bytes, kind: type[errors.S3Error]) -> None:
    with Scripted([refusal]) as server, pytest.raises(kind):
        client(server.url).perform(put())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (error(404, "NoSuchKey"), errors.NoSuchKeyError),
        (error(404, "NoSuchBucket"), errors.NoSuchBucketError),
        (error(403, "InvalidAccessKeyId"), errors.InvalidAccessKeyError),
    ],
)
def test_a_head_that_is_refused_asks_with_a_get_for_the_cause(refusal: bytes, kind: type[errors.S3Error]) -> None:
    without_body = b"HTTP/1.1 %d No\r\nContent-Length: 300\r\n\r\n" % (404 if b" 404 " in refusal else 403)
    with Scripted([without_body, refusal]) as server, pytest.raises(kind):
        client(server.url).head("k")
    assert [request.line.split()[0] for request in server.requests] == ["HEAD", "GET"]


def test_a_head_of_other_trouble_is_that_trouble() -> None:
    with Scripted([answer(501)]) as server, pytest.raises(errors.UnsupportedError):
        client(server.url).head("k")
    assert len(server.requests) == 1


def test_a_head_tells_the_stat() -> None:
    with Scripted([b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: "e"\r\n\r\n']) as server:
        stat = client(server.url).head("k")
    assert (stat.size, stat.etag) == (12, "e")


def listing(keys: list[str], token: str | None = None) -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    objects = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    return f"<ListBucketResult>{more}{objects}</ListBucketResult>".encode()


def test_a_listing_goes_on_to_its_last_page() -> None:
    pages = [answer(body=listing(["a", "b"], "t1")), answer(body=listing([], "t2")), answer(body=listing(["c"]))]
    with Scripted([*pages]) as server:
        assert [found.key for found in client(server.url).list_objects()] == ["a", "b", "c"]
    assert ["t1" in server.requests[1].line, "t2" in server.requests[2].line] == [True, True]


def test_a_limit_ends_the_listing() -> None:
    with Scripted([answer(body=listing(["a", "b"], "t1")), answer(body=listing(["c", "d"], "t2"))]) as server:
        assert [found.key for found in client(server.url).list_objects(limit=3)] == ["a", "b", "c"]
        assert list(client(server.url).list_objects(limit=0)) == []
    assert ["max-keys=3" in server.requests[0].line, "max-keys=1" in server.requests[1].line] == [True, True]


def test_a_listing_that_repeats_its_token_is_an_error() -> None:
    with (
        Scripted([answer(body=listing(["a"], "t1"))]) as server,
        pytest.raises(errors.ResponseError, match="same again"),
    ):
        list(client(server.url).list_objects())
    assert len(server.requests) == 2


def test_a_page_that_fails_is_an_error_and_not_the_end() -> None:
    with Scripted([answer(body=listing(["a"], "t1")), error(403, "AccessDenied")]) as server:
        found = client(server.url).list_objects()
        assert next(found).key == "a"
        with pytest.raises(errors.AccessDeniedError):
            next(found)


def test_localstack_is_listed_without_encoding() -> None:
    first = answer(body=listing(["a"], "t1"), headers=["x-localstack: true"])
    again = answer(body=listing(["a"], "t2"), headers=["x-localstack: true"])
    with Scripted([first, again, answer(body=listing(["b"]), headers=["x-localstack: true"])]) as server:
        assert [found.key for found in client(server.url).list_objects()] == ["a", "b"]
    assert ["encoding-type" in request.line for request in server.requests] == [True, False, False]


def test_an_error_after_a_long_wait_for_the_end_of_an_upload_is_tried_again() -> None:
    """S3 sends blanks meanwhile, between the XML's declaration and what came of it."""
    waited = b'<?xml version="1.0" encoding="UTF-8"?>\n' + b" " * 2000
    failed = answer(body=waited + b"<Error><Code>InternalError</Code></Error>")
    done = b"<CompleteMultipartUploadResult><ETag>e-1</ETag></CompleteMultipartUploadResult>"
    with Scripted([failed, answer(body=waited + done)]) as server:
        assert client(server.url).perform(CompleteMultipartUpload("k", "1", ["e"])) == "e-1"
    assert len(server.requests) == 2


def test_a_refused_content_is_fetched_once_more() -> None:
    seen: list[list[Piece]] = []

    def receive(stat: object) -> Callable[[Piece], None]:
        seen.append([])
        return seen[-1].append

    def verify(stat: object) -> None:
        if seen[-1] == [b"bad"]:
            raise errors.IntegrityError("not what was stored")

    with Scripted([answer(body=b"bad", headers=["ETag: e"]), answer(body=b"good", headers=["ETag: e"])]) as server:
        client(server.url).perform(GetObject("k", receive, verify))
    assert seen == [[b"bad"], [b"good"]]


def test_each_request_is_logged_with_its_outcome_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "timetrace")
    with Scripted([reset, error(500, "InternalError"), STORED]) as server:
        client(server.url).perform(put("a.json"))
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rsplit(" s", 1)[0].rsplit(" ", 1)[0] for line in lines] == [
        "PUT s3://bucket/a.json the connection broke: Connection reset by peer",
        "PUT s3://bucket/a.json 500",
        "PUT s3://bucket/a.json 200",
    ]
    assert lines[2].endswith("(attempt 3)")
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text
    assert "Signature" not in caplog.text


def test_a_presigned_url_of_an_anonymous_client_is_the_plain_one() -> None:
    here = client("http://127.0.0.1:9", credentials=lambda: None)
    assert here.presign(HeadObject("a b"), 60) == "http://127.0.0.1:9/bucket/a%20b"
    assert "X-Amz-Signature=" in client("http://127.0.0.1:9").presign(GetObject("a"), 60)


def test_ipv6_and_a_base_path_are_part_of_the_request() -> None:
    with Scripted([STORED], host="::1") as server:
        client(f"{server.url}/base").perform(put())
    assert server.requests[0].line == "PUT /base/bucket/k HTTP/1.1"
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
