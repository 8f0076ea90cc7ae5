"""Multipart uploads that were begun and never finished."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

import pytest

from tests.bucket import Bucket
from tests.cli.conftest import Ran, Run
from tests.scripted import Scripted, answer, error
from tests.servers.server import Server
from timetrace.errors import NoSuchUploadError
from timetrace.s3.multipart import CreateMultipartUpload, Upload
from timetrace.storage import S3Store

KEYS = ["big/a b%20+é.json", "big/plain.json"]


@pytest.fixture
def begun(remote: S3Store) -> dict[str, str]:
    """Two uploads below the prefix, by their keys, and one beside it."""
    return begin(remote)


def begin(store: S3Store) -> dict[str, str]:
    client = store._objects.client
    client.perform(CreateMultipartUpload("beside/c.json", "application/json"))
    return {
        key: client.perform(CreateMultipartUpload(f"cassettes/{key}", "application/json")).upload_id
        for key in sorted(KEYS)
    }


def wait_for_uploads(run: Run, more: str = "") -> Ran:
    """Swift tells full seconds, rounded up, so that an upload begins in the future."""
    until = time.monotonic() + 5
    while not (ran := run(f"cleanup --older-than 0s {more}")).out and time.monotonic() < until:
        time.sleep(0.1)
    return ran


def test_lists_what_is_below_the_prefix_and_removes_nothing(run: Run, begun: dict[str, str], remote: S3Store) -> None:
    for _ in range(2):
        ran = wait_for_uploads(run)
        assert (ran.code, ran.err) == (0, "2 unfinished: nothing was removed, --yes removes them\n")
        times, keys, ids = zip(*(line.split("  ") for line in ran.lines), strict=True)
        assert dict(zip(keys, ids, strict=True)) == begun
        assert all(moment.startswith("20") and moment.endswith("Z") for moment in times)


def test_yes_removes_them(run: Run, begun: dict[str, str]) -> None:
    wait_for_uploads(run)
    ran = run("cleanup --older-than 0s -y")
    assert (ran.code, ran.err, len(ran.lines)) == (0, "2 aborted\n", 2)
    assert run("cleanup --older-than 0s") == (0, "", "0 unfinished\n")
    assert len(run("cleanup --older-than 0s -p ''").lines) == 1


def test_younger_than_a_day_is_left_alone(run: Run, begun: dict[str, str]) -> None:
    assert run("cleanup --yes") == (0, "", "0 aborted\n")
    assert run("cleanup --older-than 1h") == (0, "", "0 unfinished\n")
    assert len(wait_for_uploads(run).lines) == 2


def test_json(run: Run, begun: dict[str, str], bucket: str) -> None:
    wait_for_uploads(run)
    *_, item, summary = run("cleanup --older-than 0s --json").objects
    assert item.pop("initiated").startswith("20")
    assert item == {
        "action": "unfinished",
        "key": "big/plain.json",
        "uri": f"s3://{bucket}/cassettes/big/plain.json",
        "upload_id": begun["big/plain.json"],
    }
    assert summary == {"action": "summary", "uploads": 2, "aborted": 0, "failed": 0}
    *_, item, summary = run("cleanup --older-than 0s --json --yes").objects
    assert (item["action"], summary["aborted"]) == ("abort", 2)


def test_real_servers_list_and_forget_them(server: Server, offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"test-{secrets.token_hex(8)}"
    server.make_bucket(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    monkeypatch.setenv("TIMETRACER_S3_ENDPOINT", server.url)
    monkeypatch.setenv("TIMETRACER_S3_BUCKET", name)
    with S3Store() as store:
        if server.name == "rclone":
            assert offline("cleanup").code == 1  # it has no such list, and says so
            return
        begun = begin(store)
        wait_for_uploads(offline)
        *items, _ = offline("cleanup --older-than 0s --json --yes").objects
        assert {item["key"]: item["upload_id"] for item in items} == begun
        assert list(store.stale_uploads(timedelta(0))) == []


def page(*names: str, after: str = "", initiated: str = "2026-01-15T10:00:00.000Z", more: str = "") -> bytes:
    uploads = "".join(
        f"<Upload><Key>cassettes/{name}</Key><UploadId>id of {name}</UploadId>"
        f"<Initiated>{initiated}</Initiated></Upload>"
        for name in names
    )
    truncated = f"<NextKeyMarker>{after}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>" if after else ""
    xml = f"<IsTruncated>{str(bool(after)).lower()}</IsTruncated>{truncated}{uploads}{more}"
    return answer(200, f"<ListMultipartUploadsResult>{xml}</ListMultipartUploadsResult>".encode())


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TIMETRACER_S3_MAX_ATTEMPTS", "1")


@pytest.mark.usefixtures("keys")
class TestScripted:
    def test_all_pages_are_looked_through(self, offline: Run) -> None:
        with Scripted([page("a", after="cassettes/a"), page("b", after="cassettes/b"), page("c")]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url}")
        assert [line.split("  ") for line in ran.lines] == [
            ["2026-01-15T10:00:00.000Z", name, f"id of {name}"] for name in ("a", "b", "c")
        ]
        assert [request.line.split()[1].partition("?")[2] for request in server.requests] == [
            "prefix=cassettes%2F&uploads=",
            "key-marker=cassettes%2Fa&prefix=cassettes%2F&upload-id-marker=u&uploads=",
            "key-marker=cassettes%2Fb&prefix=cassettes%2F&upload-id-marker=u&uploads=",
        ]

    def test_keys_that_xml_cannot_carry_are_asked_for_encoded(self, offline: Run) -> None:
        with Scripted([page("a\x01b"), page("a%01b", more="<EncodingType>url</EncodingType>")]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url} --json")
        assert ran.objects[0]["key"] == "a\x01b"
        assert ["encoding-type" in request.line for request in server.requests] == [False, True]

    def test_one_that_ended_meanwhile_is_no_trouble_and_another_failure_is(self, offline: Run) -> None:
        gone, denied = error(404, "NoSuchUpload"), error(403, "AccessDenied")
        with Scripted([page("a", "b", "c"), gone, denied, b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url} --yes")
        assert (ran.code, [line.split("  ")[1] for line in ran.lines]) == (1, ["a", "c"])
        denial, total = ran.err.splitlines()
        assert denial.startswith("timetrace: DELETE s3://bucket/cassettes/b: 403 AccessDenied")
        assert total == "2 aborted, 1 failed"

    def test_failure_in_json(self, offline: Run) -> None:
        with Scripted([page("a"), error(403, "AccessDenied")]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url} --yes --json")
        item, summary = ran.objects
        assert (ran.code, item["action"], item["key"]) == (1, "fail", "a")
        assert item["error"] in ran.err
        assert summary == {"action": "summary", "uploads": 1, "aborted": 0, "failed": 1}

    def test_upload_without_a_time_is_never_taken_for_old(self, offline: Run) -> None:
        with Scripted([page("a", initiated="")]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url} --yes")
        assert (ran.code, ran.out) == (1, "")
        assert "a time that is none" in ran.err
        assert len(server.requests) == 1

    def test_time_that_is_none_is_not_repeated(self, offline: Run) -> None:
        with Scripted([page("a", initiated="the server's own words")]) as server:
            ran = offline(f"cleanup -b bucket --endpoint-url {server.url}")
        assert ran.code == 1
        assert "own words" not in ran.err

    def test_denied_look_through_the_whole_bucket_is_no_trouble(self, offline: Run) -> None:
        with Scripted([page(), error(403, "AccessDenied")]) as server:
            assert offline(f"cleanup -b bucket --endpoint-url {server.url}") == (0, "", "0 unfinished\n")

    def test_denied_list_is_an_error(self, offline: Run) -> None:
        with Scripted([error(403, "AccessDenied")]) as server:
            assert offline(f"cleanup -b bucket --endpoint-url {server.url}").code == 1


@pytest.mark.parametrize("age", ["1", "d", "-1d", "1.5h", "1w", "1 d", "١d", "9999999d", ""])
def test_age_that_is_none(offline: Run, age: str) -> None:
    ran = offline("cleanup", f"--older-than={age}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"timetrace: --older-than is {age!a}: write a number and a unit, such as 30m, 12h, 1d or 7d\n"


def test_in_python() -> None:
    with Bucket() as bucket, bucket.store() as store:
        upload_id = store._objects.client.perform(CreateMultipartUpload("a.json", "application/json")).upload_id
        with pytest.raises(NoSuchUploadError):
            store.abort_upload(Upload("b.json", upload_id, ""))
        store.abort_upload(Upload("a.json", upload_id, ""))
        assert list(bucket.uploads) == []
