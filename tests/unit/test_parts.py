"""Large objects through a store: parts up, ranges down, and nothing left behind when that fails."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest

from tests.bucket import Bucket, Stored
from tests.folders import content, fill
from tests.scripted import answer, error
from timetrace import errors
from timetrace.storage import S3Store

MB = 2**20
LARGE = random.Random(4).randbytes(11 * MB + 7)
SHA256 = hashlib.sha256(LARGE).hexdigest()
OURS = "x-amz-meta-timetrace-sha256"
SIZES = {"multipart_threshold": "5MB", "part_size": "5MB"}
ETAG = "".join(hashlib.md5(LARGE[start : start + 5 * MB]).hexdigest() for start in (0, 5 * MB, 10 * MB))
ETAG = f"{hashlib.md5(bytes.fromhex(ETAG)).hexdigest()}-3"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store(**SIZES) as store:
        yield store


@pytest.fixture
def patient(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store(**SIZES, max_attempts=2) as store:
        yield store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path / "here", {"a.json": LARGE}) / "a.json"


def stored(etag: str = ETAG) -> Stored:
    return Stored(LARGE, {OURS: SHA256}, etag)


def ranges(bucket: Bucket) -> list[str]:
    return sorted(request.headers["range"] for request in bucket.requests if "range" in request.headers)


# Up


def test_a_large_file_goes_up_in_parts(bucket: Bucket, store: S3Store, file: Path) -> None:
    store.upload(file, "a.json")
    assert bucket.objects["a.json"].body == LARGE
    assert bucket.objects["a.json"].etag == ETAG
    assert bucket.objects["a.json"].headers == {"content-type": "application/json", OURS: SHA256}
    assert sorted(len(request.body) for request in bucket.requests if request.line.startswith("PUT")) == [
        MB + 7,
        5 * MB,
        5 * MB,
    ]
    assert bucket.uploads == {}


@pytest.mark.parametrize(("size", "asked"), [(5 * MB, ["PUT a.json"]), (5 * MB + 1, ["POST a.json", "PUT a.json"])])
def test_only_what_is_larger_than_the_threshold_goes_in_parts(
    bucket: Bucket, store: S3Store, tmp_path: Path, size: int, asked: list[str]
) -> None:
    store.upload(fill(tmp_path, {"a.json": LARGE[:size]}) / "a.json", "a.json")
    assert bucket.asked()[: len(asked)] == asked
    assert bucket.objects["a.json"].body == LARGE[:size]


def test_bytes_go_up_in_parts_too(bucket: Bucket, store: S3Store) -> None:
    store.write_bytes("a.json", LARGE)
    assert (bucket.objects["a.json"].body, bucket.objects["a.json"].etag) == (LARGE, ETAG)


def test_parts_are_sent_side_by_side(bucket: Bucket, store: S3Store, file: Path) -> None:
    together = Barrier(3, timeout=20)

    def meet(connection: socket.socket) -> None:
        together.wait()
        connection.sendall(answer(headers=['ETag: "x"']))

    bucket.misbehave(meet, method="PUT", times=3)
    with pytest.raises(errors.S3Error, match="InvalidPart"):
        store.upload(file, "a.json")
    assert not together.broken


def test_a_part_that_fails_is_sent_again_alone(bucket: Bucket, patient: S3Store, file: Path) -> None:
    bucket.misbehave(error(500, "InternalError"), query="partNumber=2", times=1)
    patient.upload(file, "a.json")
    assert bucket.objects["a.json"].body == LARGE
    assert len(bucket.asked("PUT")) == 4


def test_a_part_that_goes_on_failing_ends_the_upload_and_leaves_nothing(
    bucket: Bucket, store: S3Store, file: Path
) -> None:
    bucket.misbehave(error(500, "InternalError"), query="partNumber=2")
    with pytest.raises(errors.S3Error, match=r"PUT s3://bucket/a\.json: 500 InternalError"):
        store.upload(file, "a.json")
    assert (bucket.objects, bucket.uploads) == ({}, {})
    assert "DELETE a.json" in bucket.asked()


def test_an_interrupt_aborts_the_upload(
    bucket: Bucket, store: S3Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(jobs: object, work: object, concurrency: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("timetrace.storage.workers.run_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.upload(file)
    assert (bucket.uploads, bucket.objects) == ({}, {})


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_large_object_of_its_parents(bucket: Bucket, store: S3Store) -> None:
    with store._objects.parts._lock:  # as a thread has it that is moving one
        child = os.fork()
        if not child:
            signal.alarm(20)
            try:
                store.write_bytes("a.json", LARGE)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
    assert (status, [*bucket.objects]) == (0, ["a.json"])


def test_a_failure_is_told_even_if_the_upload_cannot_be_aborted(bucket: Bucket, store: S3Store, file: Path) -> None:
    bucket.misbehave(error(500, "InternalError"), query="partNumber=3")
    bucket.misbehave(error(403, "AccessDenied"), method="DELETE")
    with pytest.raises(errors.S3Error, match="500 InternalError"):
        store.upload(file, "a.json")


@pytest.mark.parametrize("software", ["", "MinIO"])
@pytest.mark.parametrize("part", [1, 3])
def test_a_file_that_changes_while_it_goes_up_is_not_stored(
    bucket: Bucket, store: S3Store, file: Path, part: int, software: str
) -> None:
    bucket.server = software

    def change(connection: socket.socket) -> None:
        file.write_bytes(LARGE[::-1])
        connection.sendall(answer(headers=['ETag: "x"']))

    bucket.misbehave(change, query=f"partNumber={part}", times=1)
    report = store.sync_upload(file.parent)
    [failed] = report.failed
    assert isinstance(failed.error, errors.IntegrityError)
    assert "changed while it was read" in failed.reason
    assert (bucket.objects, bucket.uploads, report.transferred) == ({}, {}, 0)


def test_a_damaged_part_is_refused_by_its_checksum(bucket: Bucket, store: S3Store, file: Path) -> None:
    store.upload(file, "a.json")
    parts = [request for request in bucket.requests if "partNumber" in request.line]
    assert all({"content-md5", "x-amz-content-sha256"} <= request.headers.keys() for request in parts)


def test_a_server_that_checks_the_sha256_is_sent_no_other(bucket: Bucket, store: S3Store, file: Path) -> None:
    bucket.server = "MinIO"
    store.upload(file, "a.json")
    parts = [request for request in bucket.requests if "partNumber" in request.line]
    assert {request.headers["x-amz-content-sha256"] for request in parts} == {
        hashlib.sha256(LARGE[start : start + 5 * MB]).hexdigest() for start in (0, 5 * MB, 10 * MB)
    }
    assert not any({"content-md5", "x-amz-checksum-crc32"} & request.headers.keys() for request in parts)
    assert bucket.objects["a.json"].body == LARGE


def test_a_lost_answer_to_the_last_step_is_settled_by_a_look(bucket: Bucket, patient: S3Store, file: Path) -> None:
    bucket.lose(method="POST", query="uploadId")
    patient.upload(file, "a.json")
    assert bucket.objects["a.json"].body == LARGE
    # Asked once more it has no such upload; then the object tells, and nothing is sent again.
    assert [line for line in bucket.asked() if not line.startswith("PUT")] == [
        "POST a.json",
        "POST a.json",
        "POST a.json",
        "DELETE a.json",
        "HEAD a.json",
    ]


def test_a_lost_answer_without_another_try_is_settled_too(bucket: Bucket, store: S3Store, file: Path) -> None:
    bucket.lose(method="POST", query="uploadId")
    store.upload(file, "a.json")
    assert (bucket.objects["a.json"].body, bucket.asked()[-1]) == (LARGE, "HEAD a.json")


@pytest.mark.parametrize("refusal", [(409, "ConditionalRequestConflict"), (404, "NoSuchUpload")])
def test_an_upload_that_was_lost_to_another_starts_anew(
    bucket: Bucket, store: S3Store, file: Path, refusal: tuple[int, str]
) -> None:
    bucket.misbehave(error(*refusal), method="POST", query="uploadId", times=1)
    store.upload(file, "a.json")
    assert (bucket.objects["a.json"].body, bucket.uploads) == (LARGE, {})
    assert len(bucket.asked("PUT")) == 6


def test_an_upload_that_is_lost_again_is_an_error(bucket: Bucket, store: S3Store, file: Path) -> None:
    bucket.misbehave(error(404, "NoSuchUpload"), method="POST", query="uploadId")
    with pytest.raises(errors.NoSuchUploadError, match="start it anew"):
        store.upload(file, "a.json")
    assert (bucket.objects, bucket.uploads) == ({}, {})


def test_an_error_that_comes_with_status_200_is_one(bucket: Bucket, patient: S3Store, file: Path) -> None:
    late = answer(200, b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>')
    bucket.misbehave(late, method="POST", query="uploadId", times=1)
    patient.upload(file, "a.json")
    assert bucket.objects["a.json"].body == LARGE
    bucket.misbehave(late, method="POST", query="uploadId")
    with pytest.raises(errors.S3Error, match="500 InternalError"):
        patient.upload(file, "b.json")
    assert bucket.uploads == {}


def test_the_next_sync_has_nothing_to_do(bucket: Bucket, store: S3Store, file: Path) -> None:
    assert store.sync_upload(file.parent).transferred == 1
    bucket.requests.clear()
    assert store.sync_upload(file.parent).skipped == 1
    assert store.sync_download(file.parent).skipped == 1
    assert bucket.asked() == ["LIST", "HEAD a.json"] * 2


# Down


def test_a_large_object_comes_down_in_ranges(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    report = store.sync_download(tmp_path)
    assert (report.transferred, report.bytes, content(tmp_path)) == (1, len(LARGE), {"a.json": LARGE})
    assert ranges(bucket) == ["bytes=0-5242879", "bytes=10485760-11534342", "bytes=5242880-10485759"]
    assert {request.headers["if-match"] for request in bucket.requests[1:]} == {f'"{ETAG}"'}


def test_a_single_download_goes_on_in_ranges_once_it_knows_the_size(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    bucket.objects["a.json"] = stored()
    store.download("a.json", tmp_path / "a.json")
    assert content(tmp_path) == {"a.json": LARGE}
    assert len(ranges(bucket)) == 3


def test_an_object_of_the_threshold_comes_in_one(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = Stored(LARGE[: 5 * MB])
    store.sync_download(tmp_path)
    assert (content(tmp_path), ranges(bucket)) == ({"a.json": LARGE[: 5 * MB]}, [])


def test_what_is_held_in_memory_comes_in_one(bucket: Bucket, store: S3Store) -> None:
    bucket.objects["a.json"] = stored()
    assert store.read_bytes("a.json") == LARGE
    assert ranges(bucket) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_a_pipe_gets_it_in_one_from_its_start(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    store.download("a.json", tmp_path / "pipe")
    reader.join(20)
    assert (read, ranges(bucket)) == ([LARGE], [])


def test_a_range_that_comes_with_status_200_is_told_by_its_content_range(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    bucket.ranges = 200  # as rclone does
    bucket.objects["a.json"] = stored()
    store.sync_download(tmp_path)
    assert (content(tmp_path), len(ranges(bucket))) == ({"a.json": LARGE}, 3)


def test_a_server_without_ranges_sends_it_whole(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.whole = True
    bucket.objects["a.json"] = stored()
    store.sync_download(tmp_path)
    assert content(tmp_path) == {"a.json": LARGE}
    assert "range" not in bucket.requests[-1].headers


def test_a_server_that_knows_no_quotes_in_if_match_is_asked_without(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    bucket.unquoted = True  # as Ceph RGW 16 does
    bucket.objects["a.json"] = stored()
    store.sync_download(tmp_path)
    assert content(tmp_path) == {"a.json": LARGE}


def test_an_object_that_changes_between_its_ranges_is_not_published(bucket: Bucket, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    fill(tmp_path, {"a.json": b"old"})

    def change(connection: socket.socket) -> None:
        bucket.objects["a.json"] = Stored(LARGE[::-1])
        connection.sendall(error(503, "SlowDown"))

    bucket.misbehave(change, method="GET", key="a.json", times=1)
    with bucket.store(**SIZES, max_attempts=2, max_concurrency=1) as store:
        report = store.sync_download(tmp_path)
    assert [(type(item.error), item.reason) for item in report.failed] == [
        (errors.IntegrityError, "the object changed while it was fetched")
    ]
    assert content(tmp_path) == {"a.json": b"old"}


def test_a_server_that_takes_no_notice_of_if_match_is_found_out_by_its_etags(bucket: Bucket, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    span = f"Content-Range: bytes 0-5242879/{len(LARGE)}"
    bucket.misbehave(answer(206, bytes(5 * MB), ['ETag: "other"', span]), method="GET", key="a.json", times=1)
    with bucket.store(**SIZES, max_concurrency=1) as store:
        report = store.sync_download(tmp_path)
    assert [type(item.error) for item in report.failed] == [errors.IntegrityError]
    assert content(tmp_path) == {}


def test_the_whole_is_held_against_its_sha256(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = Stored(LARGE, {OURS: "0" * 64}, ETAG)
    with pytest.raises(errors.IntegrityError, match="SHA256 is not the one"):
        store.download("a.json", tmp_path / "a.json")
    assert content(tmp_path) == {}


def test_a_range_that_breaks_off_is_fetched_again_alone(bucket: Bucket, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    span = f"Content-Range: bytes 0-5242879/{len(LARGE)}"
    half = answer(206, LARGE[: 2 * MB], [f'ETag: "{ETAG}"', span], length=5 * MB)
    bucket.misbehave(lambda connection: connection.sendall(half), method="GET", key="a.json", times=1)
    with bucket.store(**SIZES, max_attempts=2, max_concurrency=1) as store:
        store.sync_download(tmp_path)
    assert content(tmp_path) == {"a.json": LARGE}
    assert len(ranges(bucket)) == 4


def test_a_range_that_is_shorter_than_it_says_is_no_range(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = Stored(LARGE, {}, ETAG)  # no checksum of ours would tell
    span = f"Content-Range: bytes 0-5242879/{len(LARGE)}"
    bucket.misbehave(answer(206, LARGE[:MB], [f'ETag: "{ETAG}"', span]), method="GET", key="a.json")
    report = store.sync_download(tmp_path)
    assert [type(item.error) for item in report.failed] == [errors.ResponseError]
    assert content(tmp_path) == {}


def test_a_range_that_fails_leaves_nothing(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored()
    fill(tmp_path, {"a.json": b"old"})
    bucket.misbehave(error(403, "AccessDenied"), method="GET", key="a.json")
    report = store.sync_download(tmp_path)
    assert ([type(item.error) for item in report.failed], content(tmp_path)) == (
        [errors.AccessDeniedError],
        {"a.json": b"old"},
    )


def test_an_object_without_an_etag_comes_in_one(bucket: Bucket, store: S3Store, tmp_path: Path) -> None:
    bucket.objects["a.json"] = stored(etag='"')
    store.sync_download(tmp_path)
    assert (content(tmp_path), ranges(bucket)) == ({"a.json": LARGE}, [])


def test_a_large_object_that_did_not_change_is_not_fetched(bucket: Bucket, store: S3Store, file: Path) -> None:
    bucket.objects["a.json"] = stored()
    assert store.sync_download(file.parent).skipped == 1
    assert bucket.asked() == ["LIST", "HEAD a.json"]
