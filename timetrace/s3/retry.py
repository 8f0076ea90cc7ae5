"""Which outcomes are worth another try, and how long to wait before it.

Source: the AWS SDKs' standard retry mode ("Retry behavior" in the AWS SDKs and Tools Reference Guide).
"""

from __future__ import annotations

from threading import Lock

from timetrace.errors import (
    ConnectTimeoutError,
    IntegrityError,
    ReadTimeoutError,
    RequestError,
    S3Error,
    UnreachableError,
)

MAX_DELAY = 20.0
MAX_SECONDS = 300.0
BASE_DELAY = 0.2
THROTTLED_BASE_DELAY = 1.0

_STATUSES = frozenset((408, 429, 500, 502, 503, 504))
_THROTTLED = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
}
_CODES = _THROTTLED | {"RequestTimeout", "InternalError", "ServiceUnavailable", "ConditionalRequestConflict"}


def is_retryable(error: RequestError) -> bool:
    if isinstance(error, S3Error):
        if error.code == "ConditionalRequestConflict" and error.method == "POST":
            return False  # a multipart upload that met it has to be begun anew
        return error.status in _STATUSES or error.code in _CODES
    return error.retryable


def leaves_open(error: RequestError) -> bool:
    """Whether the request may have been done although it failed so: the answer was lost, or a gateway gave its own."""
    if isinstance(error, S3Error):
        # A server that says in its own words that it is overloaded, or cannot, has done nothing.
        return error.status >= 500 and not (error.status in (501, 503) and error.message)
    return not isinstance(error, (UnreachableError, IntegrityError))


def delay(error: RequestError, attempt: int, random: float) -> float:
    """Seconds to wait after attempt number `attempt` (from 1) failed; `random` is in [0, 1).

    A server that asks for more time gets it, up to MAX_DELAY.
    """
    throttled = isinstance(error, S3Error) and (error.code in _THROTTLED or error.status == 429)
    base = THROTTLED_BASE_DELAY if throttled else BASE_DELAY
    ours = random * min(base * float(1 << min(attempt - 1, 16)), MAX_DELAY)
    asked = (error.retry_after or 0.0) if isinstance(error, S3Error) else 0.0
    return max(ours, min(asked, MAX_DELAY))


class RetryBudget:
    """A bucket of tokens that all threads share: it ends the retries when everything fails at once."""

    def __init__(self, tokens: int = 500) -> None:
        self._capacity = self._tokens = tokens
        self._lock = Lock()

    def spend(self, error: RequestError) -> bool:
        """Pay for a retry after `error`; False when the tokens are gone."""
        cost = 10 if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)) else 5
        with self._lock:
            if self._tokens < cost:
                return False
            self._tokens -= cost
            return True

    def refill(self) -> None:
        """A success at the first attempt gives a token."""
        if self._tokens < self._capacity:
            with self._lock:
                self._tokens = min(self._tokens + 1, self._capacity)


_SLOWER = 2.5
_RECENT = 1 / 16


class Pace:
    """How long answers take, now and at best, in seconds.

    Where the network is what takes time, all threads wait for it side by side: more of them help. Where the server or
    this process is, answers take longer the more are asked for. Updates from several threads may get lost, which
    costs nothing.
    """

    __slots__ = ("_best", "_recent")

    def __init__(self) -> None:
        self._best = self._recent = 0.0

    def note(self, seconds: float) -> None:
        """One answer took this long."""
        if not self._best or seconds < self._best:
            self._best = seconds
        self._recent += (seconds - self._recent) * _RECENT if self._recent else seconds

    @property
    def is_steady(self) -> bool:
        """Whether answers come about as fast as the fastest did."""
        return self._recent <= self._best * _SLOWER
