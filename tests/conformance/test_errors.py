"""Each trouble is an error of its own, and says what to do about it."""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.client import Send, client_of
from tests.conformance.defects import LIVE, expected
from tests.servers.server import Server
from timetrace import errors
from timetrace.s3.client import utc_now
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.operations import GetObject, PutObject
from timetrace.storage import S3Config, S3Store

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SECRET = "wrong/secret+0123456789012345678901234567"
UNKNOWN = f"unknown{secrets.token_hex(6)}"


def _outcome(attempt: Callable[[], object]) -> str:
    """The error's class, its status and the advice that it ends with; "none" without an error."""
    try:
        attempt()
    except errors.RequestError as error:
        told, status = str(error), f" {error.status}" if isinstance(error, errors.S3Error) else ""
        outcome = f"{type(error).__name__}{status}: {error.advice}"
    else:
        return "none"
    assert told.endswith(outcome.partition(": ")[2])
    assert SECRET not in told
    return outcome


def _signature(server: Server) -> str:
    return expected(
        server,
        "a wrong secret",
        "SignatureError 403: check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID",
    )


def test_a_wrong_secret_is_named(config: S3Config, server: Server, tmp_path: Path) -> None:
    with S3Store(config.replace(secret_key=SECRET, access_key=_given(config).access_key)) as store:
        (tmp_path / "a.json").write_text("{}")
        assert _outcome(lambda: store.write("a.json", {})) == _signature(server)
        assert _outcome(lambda: list(store.list())) == _signature(server)
        assert _outcome(lambda: store.exists("a.json")) == _signature(server)
        assert _outcome(lambda: store.sync_upload(tmp_path)) == _signature(server)
        assert _outcome(lambda: store.sync_download(tmp_path / "down")) == _signature(server)


def test_a_large_upload_with_a_wrong_secret_is_a_refusal_and_no_broken_pipe(
    config: S3Config, server: Server, tmp_path: Path
) -> None:
    (tmp_path / "large.json").write_bytes(random.Random(2).randbytes(12 * 2**20))
    with S3Store(config.replace(secret_key=SECRET, access_key=_given(config).access_key)) as store:
        assert _outcome(lambda: store.upload(tmp_path / "large.json", "large.json")) == _signature(server)


def test_an_unknown_access_key_is_named(config: S3Config, server: Server) -> None:
    with S3Store(config.replace(access_key=UNKNOWN, secret_key=SECRET)) as store:
        advice = "check AWS_ACCESS_KEY_ID, and that it is not swapped with AWS_SECRET_ACCESS_KEY"
        wanted = expected(server, "an unknown access key", f"InvalidAccessKeyError 403: {advice}")
        assert _outcome(lambda: store.write("a.json", {})) == wanted
        assert _outcome(lambda: list(store.list())) == wanted
        assert _outcome(lambda: store.exists("a.json")) == wanted


def test_a_session_token_that_nobody_gave_is_named(config: S3Config, server: Server) -> None:
    given = _given(config)
    other = config.replace(access_key=given.access_key, secret_key=given.secret_key, session_token="bm9ib2R5")
    with S3Store(other) as store:
        advice = "get new credentials; these have expired or their session token is not valid"
        wanted = expected(server, "an unknown session token", f"ExpiredCredentialsError 400: {advice}")
        assert _outcome(lambda: list(store.list())) == wanted


def test_an_anonymous_request_is_refused(config: S3Config, server: Server, store: S3Store) -> None:
    store.write("a.json", {})
    with S3Store(config.replace(access_key=None, secret_key=None, no_sign_request=True)) as anonymous:
        advice = "ask for the permission to list this bucket (s3:ListBucket)"
        listed = _outcome(lambda: list(anonymous.list()))
        assert listed == expected(server, "an anonymous list", f"AccessDeniedError 403: {advice}")
        advice = (
            "denied, or missing and this identity may not list: check the key, and the permission to get it "
            "(s3:GetObject)"
        )
        got = _outcome(lambda: anonymous.read("a.json"))
        assert got == expected(server, "an anonymous read", f"AccessDeniedError 403: {advice}")


def test_a_missing_bucket_is_no_missing_object(config: S3Config, server: Server, tmp_path: Path) -> None:
    wanted = "NoSuchBucketError 404: check -b or TIMETRACER_S3_BUCKET, the region and the endpoint"
    (tmp_path / "a.json").write_text("{}")
    with S3Store(config.replace(bucket=f"timetrace-none-{secrets.token_hex(8)}")) as store:
        attempts: dict[str, Callable[[], object]] = {
            "list": lambda: list(store.list()),
            "read": lambda: store.read("a.json"),
            "write": lambda: store.write("a.json", {}),
            "exists": lambda: store.exists("a.json"),
            "stat": lambda: store.stat("a.json"),
            "sync up": lambda: store.sync_upload(tmp_path),
            "sync down": lambda: store.sync_download(tmp_path),
        }
        observed = {name: _outcome(attempt) for name, attempt in attempts.items()}
    assert observed == {name: expected(server, f"{name} in a missing bucket", wanted) for name in attempts}


def test_a_missing_object_is_named_by_every_method(store: S3Store, server: Server, tmp_path: Path) -> None:
    wanted = "NoSuchKeyError 404: check the key and the prefix"
    assert _outcome(lambda: store.read("a b/é.json")) == wanted
    assert _outcome(lambda: store.read_bytes("a.json")) == wanted
    assert _outcome(lambda: store.stat("a b/é.json")) == wanted
    assert _outcome(lambda: store.download("a.json", tmp_path / "a.json")) == wanted
    assert store.exists("a b/é.json") is False
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(errors.NoSuchKeyError) as caught:
        store.read("a.json")
    assert (caught.value.method, caught.value.uri, caught.value.attempts) == ("GET", store.uri("a.json"), 1)


def test_a_wrong_region_is_corrected(
    config: S3Config, server: Server, store: S3Store, caplog: pytest.LogCaptureFixture
) -> None:
    region = "eu-west-1" if store.config.region != "eu-west-1" else "us-west-2"
    with S3Store(config.replace(region=region)) as other, caplog.at_level(logging.DEBUG, "timetrace"):
        other.write("a.json", 1)
        assert other.read("a.json") == 1
        assert other.exists("a.json")
    statuses = " ".join(record.getMessage().split()[2] for record in caplog.records)
    if server.name == LIVE:
        statuses = statuses[-len("200 200 200") :]  # AWS may refuse the first request with 301 or 400
    assert statuses == expected(server, "a wrong region", "200 200 200")


def _an_hour_ago() -> datetime:
    return utc_now() - timedelta(hours=1)


def _without_date(transport: Send) -> Send:
    def send(request: Request, headers: Headers) -> Response:
        answer = transport(request, headers)
        return Response(answer.status, {**answer.headers, "date": ""}, answer.body)

    return send


def test_a_wrong_clock_is_corrected(config: S3Config, server: Server, store: S3Store) -> None:
    with client_of(config, now=_an_hour_ago) as client:
        outcome = _outcome(lambda: client.perform(PutObject(f"{store.prefix}/a", b"", EMPTY)))
        assert outcome == expected(server, "a wrong clock", "none")
        if outcome == "none":
            assert client.perform(GetObject(f"{store.prefix}/a")).size == 0


def test_a_wrong_clock_is_named_where_the_right_time_is_not_told(
    config: S3Config, server: Server, store: S3Store
) -> None:
    with client_of(config, now=_an_hour_ago, between=_without_date) as client:
        outcome = _outcome(lambda: client.perform(PutObject(f"{store.prefix}/a", b"", EMPTY)))
    assert outcome == expected(server, "a wrong clock, not corrected", "ClockSkewError 403: set this machine's clock")


def _given(config: S3Config) -> S3Config:
    """The keys of `config`, else those of the environment of a live run."""
    return S3Config.from_env(bucket=config.bucket, access_key=config.access_key, secret_key=config.secret_key)
