from __future__ import annotations

import pytest

from timetrace import errors
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.failure import error_from
from timetrace.s3.http import Request, Response

ENDPOINT = Endpoint("http", "h", None, "/b")


def failed(
    status: int, body: bytes = b"", headers: dict[str, str] | None = None, method: str = "PUT"
) -> errors.S3Error:
    return error_from(Request(method, ENDPOINT, "k"), Response(status, headers or {}, body))


def xml(code: str, extra: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><Error xmlns="x"><Code>{code}</Code><Message>told\n so</Message>{extra}</Error>'.encode()
    )


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", errors.NoSuchKeyError),
        (404, "NoSuchBucket", errors.NoSuchBucketError),
        (403, "AccessDenied", errors.AccessDeniedError),
        (403, "SignatureDoesNotMatch", errors.SignatureError),
        (403, "InvalidAccessKeyId", errors.InvalidAccessKeyError),
        (403, "RequestTimeTooSkewed", errors.ClockSkewError),
        (400, "ExpiredToken", errors.ExpiredCredentialsError),
        (400, "AuthorizationHeaderMalformed", errors.WrongRegionError),
        (301, "PermanentRedirect", errors.WrongRegionError),
        (403, "InvalidObjectState", errors.ArchivedObjectError),
        (412, "PreconditionFailed", errors.PreconditionFailedError),
        (503, "SlowDown", errors.ThrottledError),
        (501, "NotImplemented", errors.UnsupportedError),
        (400, "SomethingElse", errors.S3Error),
    ],
)
def test_each_cause_has_an_error_of_its_own(status: int, code: str, kind: type[errors.S3Error]) -> None:
    error = failed(status, xml(code))
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code, "told so")


def test_the_error_is_one_line_with_what_failed_why_and_what_to_do() -> None:
    error = failed(403, xml("SignatureDoesNotMatch"), {"x-amz-request-id": "4F2"})
    error.method, error.uri = "PUT", "s3://traces/a.json"
    assert str(error) == (
        "PUT s3://traces/a.json: 403 SignatureDoesNotMatch (request 4F2): told so: "
        "check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID"
    )


def test_a_give_up_says_how_often_it_was_tried() -> None:
    error = failed(503, xml("SlowDown"))
    error.attempts, error.seconds = 5, 12.34
    assert "gave up after 5 attempts over 12.3 s" in str(error)


def test_a_denied_get_may_mean_a_missing_key() -> None:
    assert "denied, or missing and this identity may not list" in str(failed(403, xml("AccessDenied"), method="GET"))
    assert "or missing" not in str(failed(403, xml("AccessDenied")))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, errors.WrongRegionError),
        (403, errors.AccessDeniedError),
        (404, errors.S3Error),
        (412, errors.PreconditionFailedError),
        (503, errors.ThrottledError),
        (500, errors.S3Error),
    ],
)
@pytest.mark.parametrize("body", [b"", b"  \n", b"<html><p>no</html>", b"Forbidden", b"<Other/>", b"<!DOCTYPE html>"])
def test_without_xml_the_status_speaks(status: int, kind: type[errors.S3Error], body: bytes) -> None:
    error = failed(status, body)
    assert type(error) is kind
    assert error.message == ""


@pytest.mark.parametrize("status", [301, 307, 400])
def test_a_head_tells_the_region_in_a_header(status: int) -> None:
    error = failed(status, headers={"x-amz-bucket-region": "eu-west-1"}, method="HEAD")
    assert isinstance(error, errors.WrongRegionError)
    assert error.region == "eu-west-1"


def test_a_body_tells_the_region_too() -> None:
    assert failed(400, xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>")).region == "eu-west-1"


@pytest.mark.parametrize("region", ["evil.example", "a/b", "-a", "a" * 64, "a b", "a\n"])
def test_a_region_that_is_no_host_label_is_not_believed(region: str) -> None:
    assert failed(301, headers={"x-amz-bucket-region": region}).region is None


@pytest.mark.parametrize(
    "said",
    [
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"<html><h1>400 Bad Request</h1><center>The plain HTTP request was sent to HTTPS port</center></html>",
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        b"Bad Request\r\nThis combination of host and port requires TLS.\r\n",
    ],
)
def test_a_port_that_wants_tls_is_told(said: bytes) -> None:
    told = "400 HTTP 400: the port answers as one that speaks TLS: write https:// in the endpoint"
    assert str(failed(400, said)) == told


def test_a_page_that_names_https_tells_nothing() -> None:
    assert str(failed(400, b"<a href='https://nginx.org'>Bad Request</a>")) == "400 HTTP 400"
    through_tls = Request("PUT", Endpoint("https", "h", None, "/b"), "k")
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    assert str(error_from(through_tls, Response(400, {}, said))) == "400 HTTP 400"
