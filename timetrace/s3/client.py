"""S3Client: one bucket. Sign, send, parse; try again where that helps."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from timetrace.errors import (
    ClockSkewError,
    ConnectTimeoutError,
    ExpiredCredentialsError,
    InvalidAccessKeyError,
    NoSuchBucketError,
    NoSuchKeyError,
    RequestError,
    ResponseError,
    S3Error,
    StaleConnectionError,
    UnreachableError,
    WrongRegionError,
)
from timetrace.s3 import forks, retry, sigv4
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.failure import error_from, hides_error
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.operations import GetObject, HeadObject, ObjectStat, Operation
from timetrace.s3.retry import Pace
from timetrace.text import redacted, visible

if TYPE_CHECKING:
    from timetrace.s3.listing import ObjectSummary, Page

T = TypeVar("T")
logger = logging.getLogger("timetrace")
# AWS refuses signatures that are a quarter of an hour off, others earlier.
MAX_SKEW = timedelta(minutes=4)
# A clock that lost its battery says 1970. What is further off is no clock, and leads out of the calendar.
MAX_CORRECTION = timedelta(days=366 * 100)

# What comes of a server that does not look for the bucket there.
_NOT_FOUND = (NoSuchBucketError, NoSuchKeyError, ResponseError, UnreachableError)
_PATH_STYLE = "check the endpoint, or leave out --virtual-host: most servers but AWS want path style"


def utc_now() -> datetime:
    # clock_gettime and not time(): a test that freezes the latter would have every signature refused.
    if hasattr(time, "clock_gettime"):
        return datetime.fromtimestamp(time.clock_gettime(time.CLOCK_REALTIME), timezone.utc)
    return datetime.now(timezone.utc)


class _Used(NamedTuple):
    """What a request was signed with. Other threads may have learnt better since."""

    region: str
    credentials: Credentials | None
    skew: timedelta


class S3Client:
    """Does operations on one bucket. Safe to share between threads.

    `resolve` gives the endpoint for a region, which the server may correct; `credentials` is asked before each
    request and gives None for anonymous ones.
    """

    def __init__(
        self,
        bucket: str,
        *,
        region: str,
        resolve: Callable[[str], Endpoint],
        credentials: Callable[[], Credentials | None],
        transport: Callable[[Request, Headers], Response],
        max_attempts: int = 5,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.bucket = bucket
        self._place = (region, resolve(region))
        self._resolve = resolve
        self._credentials = credentials
        self._transport = transport
        self._max_attempts = max_attempts
        self._now = now
        self._sleep = sleep
        self._clock = clock
        self._chance = chance
        self._skew = timedelta()
        self._budget = retry.RetryBudget()
        forks.watch(self._budget)
        self.pace = Pace()

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def perform(self, operation: Operation[T]) -> T:
        """What the operation parses to; a RequestError that says how often it was tried."""
        started = self._clock()
        corrected: list[type[RequestError]] = []
        attempt = 1
        unsettled = False
        while True:
            region, endpoint = self._place
            used = _Used(region, self._credentials(), self._skew)
            request = operation.request(endpoint)
            try:
                result = operation.parse(self._send(request, used, attempt + len(corrected)))
            except RequestError as error:
                unsettled = unsettled or retry.leaves_open(error)
                error.method, error.uri = request.method, self.uri(request.key)
                error.attempts, error.seconds = attempt + len(corrected), self._clock() - started
                error.unsettled = unsettled
                if self._is_virtual(endpoint) and isinstance(error, _NOT_FOUND):
                    error.advice = _PATH_STYLE
                # After a stale connection another thread may have given back one that is as old.
                most = 3 if isinstance(error, StaleConnectionError) else 1
                if corrected.count(type(error)) < most and self._correct(error, used):
                    corrected.append(type(error))
                    continue
                wait = retry.delay(error, attempt, self._chance())
                if error.seconds + wait > retry.MAX_SECONDS or not self._worth_retrying(error, attempt):
                    raise
                self._sleep(wait)
                attempt += 1
            else:
                if attempt == 1:
                    self._budget.refill()
                return result

    def _is_virtual(self, endpoint: Endpoint) -> bool:
        """Whether the bucket is part of the host's name, elsewhere than on AWS, which answers there."""
        aws = endpoint.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return endpoint.host.startswith(f"{self.bucket}.") and not aws

    def _worth_retrying(self, error: RequestError, attempt: int) -> bool:
        # An address that does not answer at all has had all of connect_timeout each time.
        most = min(self._max_attempts, 2) if isinstance(error, ConnectTimeoutError) else self._max_attempts
        if attempt >= most or not retry.is_retryable(error):
            return False
        if not self._budget.spend(error):
            error.reason += " (and too many requests fail to try this one again)"
            return False
        return True

    def _send(self, request: Request, used: _Used, attempt: int) -> Response:
        headers = sigv4.sign(request, used.credentials, used.region, self._now() + used.skew)
        started = time.monotonic()
        if not logger.isEnabledFor(logging.DEBUG):
            response = self._transport(request, headers)
        else:
            response = self._send_logged(request, headers, attempt)
        self.pace.note(time.monotonic() - started)
        if request.document and response.status == 200 and hides_error(response.body):
            response = response._replace(status=500)
        if response.status >= 300:
            raise error_from(request, response, _secrets(used.credentials, headers))
        return response

    def _send_logged(self, request: Request, headers: Headers, attempt: int) -> Response:
        outcome: object = "no answer"
        started = time.monotonic()
        try:
            response = self._transport(request, headers)
            outcome = response.status
        except RequestError as error:
            outcome = error.reason
            raise
        finally:
            again = f" (attempt {attempt})" if attempt > 1 else ""
            where, seconds = self.uri(request.key), time.monotonic() - started
            told = visible(where), visible(str(outcome))
            logger.debug("%s %s %s %.3f s%s", request.method, *told, seconds, again)
        return response

    def _correct(self, error: RequestError, used: _Used) -> bool:
        """Whether what is known now lets the very next attempt succeed."""
        if not isinstance(error, S3Error):
            return isinstance(error, StaleConnectionError)
        if self._is_skewed(error, used.skew):
            return True
        if isinstance(error, (ExpiredCredentialsError, InvalidAccessKeyError)):
            # What renews a file may have withdrawn the keys that were there before.
            return self._credentials() != used.credentials
        if error.region and error.region != used.region:
            # Only the region is the server's word. The host is made from it here: no answer names one.
            self._place = (error.region, self._resolve(error.region))
            return isinstance(error, WrongRegionError) or error.status in (301, 307, 400, 403)
        return False

    def _is_skewed(self, error: S3Error, used: timedelta) -> bool:
        """Whether the clocks differ by more than servers allow; if so, ours is taken for that much off from now on.

        Not every server says so, and no answer to a HEAD does, but all of them tell their time.
        """
        if error.server_time is None or error.status not in (400, 401, 403):
            return False
        skew = error.server_time - self._now()
        if not isinstance(error, ClockSkewError) and abs(skew - used) < MAX_SKEW:
            return False
        if abs(skew) > MAX_CORRECTION:
            return False
        self._skew = skew
        return True

    def told(self, text: str) -> str:
        """What the server said, without our secrets."""
        return redacted(text, _secrets(self._credentials(), {}))

    def head(self, key: str) -> ObjectStat:
        """A HEAD. Its refusals have no body, so a GET of one byte asks for the cause."""
        try:
            return self.perform(HeadObject(key))
        except S3Error as error:
            if error.status not in (400, 403, 404):
                raise
            return self.perform(GetObject(key, byte_range=(0, 0)))

    def list_objects(self, prefix: str = "", *, limit: int | None = None) -> Iterator[ObjectSummary]:
        """All objects below `prefix`, in the server's order, page by page."""
        for page in self.list_pages(prefix, limit=limit):
            yield from page

    def list_pages(
        self, prefix: str = "", *, start_after: str = "", limit: int | None = None
    ) -> Iterator[Sequence[ObjectSummary]]:
        """The same, a page at a time."""
        return (page.objects for page in self.pages(prefix, start_after=start_after, limit=limit))

    def pages(self, prefix: str = "", *, start_after: str = "", limit: int | None = None) -> Iterator[Page]:
        from timetrace.s3.listing import ListObjectsV2

        token: str | None = None
        encoded = True
        while limit is None or limit > 0:
            most = None if limit is None else min(limit, 1000)
            page = self.perform(ListObjectsV2(prefix, token, most, encoded, start_after))
            if page.emulated and encoded and page.token is not None:
                # LocalStack 4 loses or repeats keys when it pages through encoded names: begin again without.
                encoded = False
                continue
            if limit is not None:
                page = page._replace(objects=page.objects[:limit])
                limit -= len(page.objects)
            yield page
            if page.token is None:
                return
            token = page.token

    def presign(self, operation: Operation[object], expires: int) -> str:
        """A URL for `operation`, valid for `expires` seconds."""
        region, endpoint = self._place
        credentials = self._credentials()
        request = operation.request(endpoint)
        if credentials is None:
            return f"{endpoint.scheme}://{endpoint.authority}{request.target}"
        return sigv4.presign(request, credentials, region, self._now() + self._skew, expires)


def _secrets(credentials: Credentials | None, headers: Headers) -> list[str]:
    """What a request carries that nobody else may see."""
    if credentials is None:
        return []
    signature = headers.get("authorization", "").rpartition("Signature=")[2]
    return [secret for secret in (credentials.secret_key, credentials.session_token, signature) if secret]
