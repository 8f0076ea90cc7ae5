"""Every exception that the package raises. `str(error)` is one line: what failed, why, and what to do.

Keys and what servers say are in it, so what a terminal or a log would act on is made visible there; the attributes
have it as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from timetrace.text import visible


class TimetraceError(Exception):
    """The base of all."""

    def __str__(self) -> str:
        return visible(super().__str__())


class ConfigError(TimetraceError):
    """Usage or configuration is at fault; nothing was sent."""


class CredentialsError(ConfigError):
    """No credentials, or half of them."""


class MissingDependencyError(ConfigError, ImportError):
    """An extra is not installed."""


class InvalidKeyError(TimetraceError, ValueError):
    """A key that S3 cannot hold, or a malformed `s3://` URI."""


class RefusedKeyError(TimetraceError):
    """A legal key without a safe local path, or a local name that no key can hold."""


class CassetteError(TimetraceError, ValueError):
    """Content that is not what `read` and `write` speak: JSON."""


class DeletionRefusedError(TimetraceError):
    """A sync would delete so much that it has to be told to. `keys` are those that it would delete."""

    def __init__(self, reason: str, keys: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.keys = keys


class RequestError(TimetraceError):
    """A request that did not do what it was sent for.

    `method` and `uri` say which; `attempts` and `seconds` what was spent on it; `retryable` whether the
    same request may fare better; `unsettled` whether the server may have done all the same what it was asked for.
    """

    hint: ClassVar[str] = ""
    retryable: bool = False

    def __init__(self, reason: str, *, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = hint or self.hint
        self.method = ""
        self.uri = ""
        self.attempts = 1
        self.seconds = 0.0
        self.unsettled = False

    def __str__(self) -> str:
        where = f"{self.method} {self.uri}: " if self.method else ""
        tries = f" (gave up after {self.attempts} attempts over {self.seconds:.1f} s)" if self.attempts > 1 else ""
        advice = f": {self.advice}" if self.advice else ""
        return visible(f"{where}{self.reason}{tries}{advice}")

    def __reduce__(self) -> tuple[object, ...]:
        # Pickle would call the class with `args`, which some of them do not take.
        return _revived, (type(self), self.args, vars(self))


def _revived(kind: type[RequestError], args: tuple[object, ...], state: dict[str, object]) -> RequestError:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class IntegrityError(RequestError):
    """The bytes that came are not those that a checksum or a length promised."""

    retryable = True


class ResponseError(RequestError):
    """An answer that no S3 server gives: broken HTTP, broken XML, a page of some proxy."""

    hint = "check that the endpoint is an S3 server"


class RangeIgnoredError(ResponseError):
    """The server does not send ranges of an object."""


class TransportError(RequestError):
    """No complete answer came."""

    retryable = True


class UnreachableError(TransportError):
    """No connection could be made."""

    hint = "check the endpoint, the network and that the server runs"


class ConnectTimeoutError(UnreachableError):
    """No connection within `connect_timeout`."""


class ReadTimeoutError(TransportError):
    """The server fell silent for `read_timeout`, or sent too slowly to ever end."""

    hint = "check the network, or allow more with TIMETRACER_S3_READ_TIMEOUT"


class ConnectionClosedError(TransportError):
    """The connection broke before the answer was complete."""

    hint = "check the network, and that the endpoint's port speaks http or https as the endpoint says"


class StaleConnectionError(ConnectionClosedError):
    """A connection that was kept from an earlier request broke before any answer, as servers close what is idle."""


class TLSError(UnreachableError):
    """The server's certificate or the TLS handshake was not accepted."""

    hint = "check the endpoint's name, and --ca-bundle or AWS_CA_BUNDLE if its certificate is private"
    retryable = False


class ProxyError(UnreachableError):
    """The proxy did not connect us."""

    hint = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"


class S3Error(RequestError):
    """The server's own refusal, as it named it. `server_time` is in UTC, `retry_after` in seconds."""

    server_time: datetime | None = None
    retry_after: float | None = None

    def __init__(
        self,
        status: int,
        code: str,
        message: str = "",
        *,
        request_id: str = "",
        region: str | None = None,
        hint: str = "",
    ) -> None:
        named = f" (request {request_id})" if request_id else ""
        told = f": {message}" if message and message != code else ""
        super().__init__(f"{status} {code}{named}{told}", hint=hint)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.region = region


class NoSuchKeyError(S3Error):
    """There is no such object."""

    hint = "check the key and the prefix"


class NoSuchBucketError(S3Error):
    hint = "check -b or TIMETRACER_S3_BUCKET, the region and the endpoint"


class AccessDeniedError(S3Error):
    hint = "ask for the permission to do this on that key"


class SignatureError(S3Error):
    """The secret key is not the one that belongs to the access key."""

    hint = "check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID"


class InvalidAccessKeyError(S3Error):
    hint = "check AWS_ACCESS_KEY_ID, and that it is not swapped with AWS_SECRET_ACCESS_KEY"


class ClockSkewError(S3Error):
    hint = "set this machine's clock"


class ExpiredCredentialsError(S3Error):
    hint = "get new credentials; these have expired or their session token is not valid"


class WrongRegionError(S3Error):
    """`region` is the bucket's, where the server told."""

    hint = "set --region or TIMETRACER_S3_REGION to the bucket's region"


class ArchivedObjectError(S3Error):
    hint = "restore the object from its archive first"


class PreconditionFailedError(S3Error):
    hint = "the object exists, or is another than was expected"


class ConflictError(S3Error):
    """Another request for the same key was under way."""

    hint = "try again"


class NoSuchUploadError(S3Error):
    """The multipart upload was completed or aborted."""

    hint = "the upload was completed or aborted by another; start it anew"


class UnsupportedError(S3Error):
    """The server does not implement the request."""

    hint = "this server cannot do that"


class ThrottledError(S3Error):
    hint = "lower the concurrency, or try again later"
