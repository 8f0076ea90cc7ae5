"""From a refusing answer to the error that names its cause.

Source: "Error responses" in the Amazon S3 API Reference, and what other servers were seen to send.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from timetrace.errors import (
    AccessDeniedError,
    ArchivedObjectError,
    ClockSkewError,
    ConflictError,
    ExpiredCredentialsError,
    InvalidAccessKeyError,
    NoSuchBucketError,
    NoSuchKeyError,
    NoSuchUploadError,
    PreconditionFailedError,
    ResponseError,
    S3Error,
    SignatureError,
    ThrottledError,
    UnsupportedError,
    WrongRegionError,
)
from timetrace.s3 import document
from timetrace.s3.endpoint import is_label
from timetrace.s3.http import Headers, Request, Response, http_date
from timetrace.text import redacted

_BY_CODE: dict[str, type[S3Error]] = {
    "NoSuchKey": NoSuchKeyError,
    "NoSuchBucket": NoSuchBucketError,
    "AccessDenied": AccessDeniedError,
    "AllAccessDisabled": AccessDeniedError,
    "AccountProblem": AccessDeniedError,
    "SignatureDoesNotMatch": SignatureError,
    "InvalidAccessKeyId": InvalidAccessKeyError,
    "RequestTimeTooSkewed": ClockSkewError,
    "RequestExpired": ClockSkewError,
    "ExpiredToken": ExpiredCredentialsError,
    "ExpiredTokenException": ExpiredCredentialsError,
    "InvalidToken": ExpiredCredentialsError,
    "InvalidTokenId": ExpiredCredentialsError,
    "TokenRefreshRequired": ExpiredCredentialsError,
    "AuthorizationHeaderMalformed": WrongRegionError,
    "AuthorizationQueryParametersError": WrongRegionError,
    "PermanentRedirect": WrongRegionError,
    "TemporaryRedirect": WrongRegionError,
    "IllegalLocationConstraintException": WrongRegionError,
    "InvalidObjectState": ArchivedObjectError,
    "PreconditionFailed": PreconditionFailedError,
    "ConditionalRequestConflict": ConflictError,
    "OperationAborted": ConflictError,
    "NoSuchUpload": NoSuchUploadError,
    "NotImplemented": UnsupportedError,
    "MethodNotAllowed": UnsupportedError,
    "SlowDown": ThrottledError,
    "Throttling": ThrottledError,
    "TooManyRequests": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "BandwidthLimitExceeded": ThrottledError,
}
# For answers without a body that names a code: all to a HEAD, and what proxies and gateways send.
_BY_STATUS: dict[int, tuple[str, type[S3Error]]] = {
    301: ("PermanentRedirect", WrongRegionError),
    307: ("TemporaryRedirect", WrongRegionError),
    401: ("Unauthorized", AccessDeniedError),
    403: ("AccessDenied", AccessDeniedError),
    404: ("NotFound", S3Error),
    405: ("MethodNotAllowed", UnsupportedError),
    412: ("PreconditionFailed", PreconditionFailedError),
    429: ("TooManyRequests", ThrottledError),
    501: ("NotImplemented", UnsupportedError),
    503: ("SlowDown", ThrottledError),
}
_ORIGIN = r"https?://[A-Za-z0-9.:\[\]-]{1,255}(?=[/?#]|\Z)"
# Servers repeat the key in their errors, and XML carries no control characters, not even escaped.
_ILLEGAL = rb"(?i)[\x01-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[1-8bcef]|1[0-9a-f])|0*(?:[1-8]|1[124-9]|2[0-9]|3[01]));"
# As Go's servers, nginx, Apache and Tomcat say it.
_WANTS_TLS = rb"(?i)to (an )?https (server|port)|ssl-enabled server port|requires tls"
_MISSING_OR_DENIED = (
    "denied, or missing and this identity may not list: check the key, and the permission to get it (s3:GetObject)"
)
_RIGHTS = {
    ("GET", False): "ask for the permission to list this bucket (s3:ListBucket)",
    ("PUT", True): "ask for the permission to put that key (s3:PutObject)",
    ("DELETE", True): "ask for the permission to delete that key (s3:DeleteObject)",
}


def error_from(request: Request, response: Response, secrets: Collection[str] = ()) -> S3Error:
    """The error that `response`, a status of 300 or more, stands for. Nothing of an unreadable body is kept.

    `secrets` are those that the request carried: what the server says is told without them.
    """
    code, message, region = _named(response.body, secrets)
    kind, named, hint = S3Error, code, ""
    if code:
        kind = _BY_CODE.get(code, S3Error)
    elif response.status in _BY_STATUS:
        named, kind = _BY_STATUS[response.status]
    elif response.status == 400 and request.endpoint.scheme == "http" and re.search(_WANTS_TLS, response.body):
        message, hint = "the port answers as one that speaks TLS", "write https:// in the endpoint"
    told = response.headers.get("x-amz-bucket-region") or region
    if kind is S3Error and told and response.status in (301, 307, 400):
        kind = WrongRegionError
    error = kind(
        response.status,
        named or f"HTTP {response.status}",
        message,
        request_id=_request_id(response.headers, secrets),
        region=told if told and is_label(told) and redacted(told, secrets) == told else None,
        hint=_redirected(response.headers.get("location", ""), secrets)
        or _hint(kind, request, response.status)
        or hint,
    )
    error.server_time = http_date(response.headers.get("date", ""))
    error.retry_after = _retry_after(response.headers.get("retry-after", ""), error.server_time)
    return error


def _retry_after(text: str, now: datetime | None) -> float | None:
    """Seconds, from a number of them or from a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:6])
    then = http_date(text)
    return max((then - now).total_seconds(), 0.0) if then and now else None


def hides_error(body: bytes) -> bool:
    """Whether the XML of a 200 is an error after all: the server began to answer before it knew."""
    return b"<Error" in body and bool(_named(body)[0])


def _named(body: bytes, secrets: Collection[str] = ()) -> tuple[str, str, str | None]:
    """Code, message and region of an error's XML; all empty where there is none."""
    if not body.strip():
        return "", "", None
    try:
        root = document.parse(re.sub(_ILLEGAL, b"?", body), "Error")
    except ResponseError:
        return "", "", None
    code, message = (redacted(document.text(root, tag), secrets) for tag in ("Code", "Message"))
    return code.strip()[:100], " ".join(message.split())[:300], document.text(root, "Region") or None


def _request_id(headers: Headers, secrets: Collection[str]) -> str:
    return redacted(headers.get("x-amz-request-id", ""), secrets)[:64]


def _redirected(location: str, secrets: Collection[str]) -> str:
    """Whereto, without the path, which may hold anything. It is told, and never followed."""
    origin = re.match(_ORIGIN, location)
    if not origin:
        return ""
    return f"it redirects to {redacted(origin[0], secrets)}: if that is the server, give it as the endpoint"


def _hint(kind: type[S3Error], request: Request, status: int) -> str:
    if kind is AccessDeniedError:
        if request.method == "GET" and request.key:
            return _MISSING_OR_DENIED
        return _RIGHTS.get((request.method, bool(request.key)), "")
    if kind is ThrottledError and status == 503:
        return "the server is overloaded or out of order; try again later"
    return ""
