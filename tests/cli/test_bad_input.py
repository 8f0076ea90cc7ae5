"""What bad input gets: one line on stderr that says what failed, why and what to do, and an exit code."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran, Run
from tests.scripted import Scripted, answer, error
from timetrace.storage import S3Store


def test_missing_file(run: Run) -> None:
    assert run("upload nosuch.json") == (1, "", "timetrace: nosuch.json: No such file or directory\n")


def test_missing_folder(run: Run) -> None:
    assert run("upload nosuch/") == (1, "", "timetrace: nosuch/: No such file or directory\n")


def test_folder_given_to_upload_in_python(remote: S3Store, tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="sync_upload"):
        remote.upload(tmp_path)


@pytest.mark.parametrize(
    "command", ["list", "cat k", "url k", "rm k --yes", "download k", "sync up -d .", "sync down -d ."]
)
def test_no_bucket(offline: Run, command: str) -> None:
    assert offline(command) == (
        2,
        "",
        "timetrace: no bucket: give -b (in Python, bucket=…) or set TIMETRACER_S3_BUCKET\n",
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("-b bucket --endpoint-url localhost:9000", "endpoint"),
        ("-b bucket --endpoint-url ftp://localhost", "endpoint"),
        ("-b bucket --endpoint-url http://localhost:99999", "endpoint"),
        ("-b 'no such name'", "bucket"),
        ("-b bucket/key", "bucket"),
        ("-b bucket --region 'eu central'", "region"),
        ("-b arn:aws:s3:us-east-1:123456789012:accesspoint/traces", "ARN"),
        ("-b bucket -p /outer/", "prefix"),
        ("-b bucket --profile nosuch", "nosuch"),
    ],
)
def test_malformed_setting_is_named_before_any_request(offline: Run, options: str, named: str) -> None:
    ran = offline(f"list {options}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("timetrace: ")
    assert named in ran.err
    assert ran.err.count("\n") == 1


def test_no_credentials_say_where_was_looked(offline: Run) -> None:
    ran = offline("list -b bucket --endpoint-url http://127.0.0.1:9")
    assert ran.code == 2
    assert "AWS_ACCESS_KEY_ID" in ran.err


def test_unreachable_endpoint_names_its_address_and_the_cause(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ran = run(f"list --endpoint-url http://127.0.0.1:{port}")
    assert ran.code == 1
    assert f"127.0.0.1:{port}" in ran.err
    assert "refused" in ran.err
    assert "check the endpoint" in ran.err


def test_endpoint_that_answers_nothing_ends_within_its_deadline(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMETRACER_S3_READ_TIMEOUT", "0.2")
    monkeypatch.setenv("TIMETRACER_S3_MAX_ATTEMPTS", "1")
    with Scripted([lambda connection: time.sleep(1.0)]) as server:
        ran = run(f"list --endpoint-url {server.url}")
    assert ran.code == 1
    assert "the server fell silent" in ran.err


def scripted(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, *answers: bytes) -> Ran:
    with Scripted([*answers]) as server:
        monkeypatch.setenv("TIMETRACER_S3_MAX_ATTEMPTS", "1")
        return run(f"{command} -b bucket --endpoint-url {server.url}")


EIGHT = {
    "NoSuchKey": (404, "check the key and the prefix"),
    "NoSuchBucket": (404, "check -b or TIMETRACER_S3_BUCKET, the region and the endpoint"),
    "AccessDenied": (403, "denied, or missing and this identity may not list"),
    "SignatureDoesNotMatch": (403, "check AWS_SECRET_ACCESS_KEY"),
    "RequestTimeTooSkewed": (403, "set this machine's clock"),
    "ExpiredToken": (400, "get new credentials; these have expired or their session token is not valid"),
    "PermanentRedirect": (301, "set --region or TIMETRACER_S3_REGION to the bucket's region"),
    "InvalidObjectState": (403, "restore the object from its archive first"),
}


@pytest.mark.parametrize("code", EIGHT)
def test_refusals_are_eight_different_errors(run: Run, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    status, advice = EIGHT[code]
    ran = scripted(run, monkeypatch, "cat a.json", error(status, code))
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith(f"timetrace: GET s3://bucket/cassettes/a.json: {status} {code} (request REQ1): told so")
    assert advice in ran.err
    assert ran.err.count("\n") == 1


def test_wrong_secret_on_a_real_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-mine")
    ran = run("list")
    assert ran.code == 1
    assert "SignatureDoesNotMatch" in ran.err
    assert "check AWS_SECRET_ACCESS_KEY" in ran.err
    assert "wrong-secret-of-mine" not in ran.err


def test_missing_bucket_on_a_real_server(run: Run) -> None:
    ran = run("list -b no-such-bucket-here")
    assert ran.code == 1
    assert "404 NoSuchBucket" in ran.err
    assert "check -b or TIMETRACER_S3_BUCKET" in ran.err


def test_missing_bucket_stops_the_whole_upload_at_once(run: Run, make: Callable[..., None]) -> None:
    make(*(f"cassettes/{number}.json" for number in range(30)))
    ran = run("sync up -d cassettes -b no-such-bucket-here")
    assert ran.code == 1
    assert ran.err.count("NoSuchBucket") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<ListBucketResult><Contents>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>',
        b"<html><body>Welcome to the proxy</body></html>",
        b"\x00\xff\xfe",
    ],
)
def test_hostile_or_broken_xml_is_an_error_and_nothing_is_printed(
    run: Run, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    ran = scripted(run, monkeypatch, "list", answer(200, body))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("timetrace: GET s3://bucket/")
    assert ran.err.count("\n") == 1


def test_message_of_a_server_reaches_no_terminal_raw(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    xml = "<Error><Code>AccessDenied</Code><Message>no\n\u202e\u009b31m</Message></Error>".encode()
    ran = scripted(run, monkeypatch, "cat a.json", answer(403, xml))
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "\u202e" not in ran.err
    assert "\u009b" not in ran.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("", "commands"),
        ("nosuch", "invalid choice: 'nosuch'"),
        ("sync sideways -d .", "invalid choice: 'sideways'"),
        ("sync up", "the following arguments are required: -d/--dir"),
        ("upload", "the following arguments are required: PATH"),
        ("list -n -1", "argument -n/--limit: '-1' is no whole number"),
        ("list -n many", "argument -n/--limit: 'many' is no whole number"),
        ("list --limi 5", "unrecognized arguments: --limi 5"),
        ("list --secret-key x", "unrecognized arguments: --secret-key x"),
        ("list --path-style --virtual-host", "not allowed with argument --path-style"),
        ("list -q -v", "not allowed with argument"),
    ],
)
def test_misuse_of_the_command_line(offline: Run, command: str, told: str) -> None:
    ran = offline(command)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("sync up -d . --jobs 0", "--jobs is '0': give a whole number from 1 to 1000"),
        ("upload . -j many", "--jobs is 'many': give a whole number from 1 to 1000"),
        ("download a -j 1001", "--jobs is '1001': give a whole number from 1 to 1000"),
        ("rm a -j -1", "--jobs is '-1': give a whole number from 1 to 1000"),
        ("sync up -d . --max-errors 0", "--max-errors is '0': give a whole number from 1 to 1000000000"),
        ("upload . --part-size big", "--part-size must be a size from 5MB to 5GB, such as 64MB"),
        ("sync up -d . --part-size 4MB", "--part-size must be a size from 5MB to 5GB, such as 64MB"),
        (
            "download a --multipart-threshold 1.5GB",
            "--multipart-threshold must be a size from 5MB to 5GB, such as 64MB",
        ),
        ("sync up -d . --include ''", "the pattern '' is empty: write a glob such as '*.json'"),
        (
            "upload . --exclude '[ab'",
            "the pattern '[ab' has a '[' that nothing closes: close it, or write '[[]' for the sign itself",
        ),
        (
            "sync down -d . --include /a",
            "the pattern '/a' begins with '/', which no key does: write it relative to the folder",
        ),
        (
            "sync down -d . --compress --create-only",
            "sync down stores nothing in the bucket: leave out --compress and --create-only, or sync up",
        ),
        ("sync down -d . --compress", "sync down stores nothing in the bucket: leave out --compress, or sync up"),
    ],
)
def test_value_that_is_none_gets_one_line_before_anything_is_sent(offline: Run, command: str, told: str) -> None:
    assert offline(f"{command} -b bucket") == (2, "", f"timetrace: {told}\n")


@pytest.mark.parametrize(
    "options", ["--verify --delete", "--verify --dry-run", "--verify --create-only", "--create-only --delete"]
)
def test_options_that_contradict_each_other(run: Run, options: str) -> None:
    ran = run(f"sync up -d . {options}")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "leave " in ran.err


def test_empty_key_is_refused_before_anything_is_sent(run: Run) -> None:
    assert run("rm --yes ''") == (1, "", "timetrace: an empty key\n")
