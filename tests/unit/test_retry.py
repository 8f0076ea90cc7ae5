from __future__ import annotations

import pytest

from timetrace import errors
from timetrace.s3 import retry


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_these_statuses_are_worth_another_try(status: int) -> None:
    assert retry.is_retryable(errors.S3Error(status, "Whatever"))


@pytest.mark.parametrize("code", ["RequestTimeout", "SlowDown", "ThrottlingException", "InternalError"])
def test_these_codes_are_worth_another_try(code: str) -> None:
    assert retry.is_retryable(errors.S3Error(400, code))


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (errors.S3Error(404, "NoSuchKey"), False),
        (errors.S3Error(403, "AccessDenied"), False),
        (errors.ConnectionClosedError(""), True),
        (errors.ReadTimeoutError(""), True),
        (errors.UnreachableError(""), True),
        (errors.IntegrityError(""), True),
        (errors.TLSError(""), False),
        (errors.ResponseError(""), False),
    ],
)
def test_other_outcomes_are_judged_by_their_kind(error: errors.RequestError, worth: bool) -> None:
    assert retry.is_retryable(error) is worth


@pytest.mark.parametrize(
    ("error", "leaves_open"),
    [
        (errors.S3Error(500, "InternalError", "try again"), True),
        (errors.ThrottledError(503, "SlowDown"), True),
        (errors.ThrottledError(503, "SlowDown", "reduce your request rate"), False),
        (errors.S3Error(503, "ServiceUnavailable", "reduce your request rate"), False),
        (errors.S3Error(504, "HTTP 504"), True),
        (errors.S3Error(520, "HTTP 520"), True),
        (errors.UnsupportedError(501, "NotImplemented", "no such header"), False),
        (errors.S3Error(400, "RequestTimeout", "idle"), False),
        (errors.ConnectionClosedError(""), True),
        (errors.UnreachableError(""), False),
        (errors.IntegrityError(""), False),
    ],
)
def test_only_a_server_that_says_so_itself_has_done_nothing(error: errors.RequestError, leaves_open: bool) -> None:
    assert retry.leaves_open(error) is leaves_open


def test_the_wait_doubles_up_to_twenty_seconds() -> None:
    error = errors.ReadTimeoutError("")
    assert [retry.delay(error, attempt, 1.0) for attempt in (1, 2, 3, 4, 9, 100)] == [0.2, 0.4, 0.8, 1.6, 20.0, 20.0]


def test_the_wait_is_a_random_part_of_that() -> None:
    assert retry.delay(errors.ReadTimeoutError(""), 1, 0.25) == 0.05


def test_a_throttled_request_waits_longer() -> None:
    assert retry.delay(errors.S3Error(503, "SlowDown"), 1, 1.0) == 1.0
    assert retry.delay(errors.S3Error(429, "Odd"), 1, 1.0) == 1.0


def test_the_budget_runs_out_and_is_refilled_by_successes() -> None:
    budget = retry.RetryBudget(tokens=15)
    closed = errors.ConnectionClosedError("")
    assert budget.spend(errors.ReadTimeoutError(""))
    assert budget.spend(closed)
    assert not budget.spend(closed)
    for _ in range(20):
        budget.refill()
    assert [budget.spend(closed) for _ in range(4)] == [True, True, True, False]
