"""S3Store against a bucket on a loopback socket: single cassettes, and what goes wrong with them."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import Scripted, answer, error, reset
from timetrace import errors
from timetrace.storage import S3Config, S3Store, SyncItem

ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
OTHER_MD5 = hashlib.md5(b"other").hexdigest()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store() as store:
        yield store


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


# Up


def test_what_is_uploaded_is_stored_with_its_hash_and_type(bucket: Bucket, store: S3Store, here: Path) -> None:
    Path("a.json").write_bytes(b"abc")
    assert store.upload("a.json") == "a.json"
    assert bucket.objects["a.json"].body == b"abc"
    assert bucket.objects["a.json"].headers == {
        "content-type": "application/json",
        "x-amz-meta-timetrace-sha256": ABC_SHA256,
    }
    headers = bucket.requests[0].headers
    assert (headers["content-length"], headers["x-amz-content-sha256"]) == ("3", ABC_SHA256)


def test_a_folder_named_by_a_date_is_part_of_the_key(store: S3Store, here: Path) -> None:
    Path("2026-01-15").mkdir()
    Path("2026-01-15/a.json").write_bytes(b"abc")
    assert store.upload("2026-01-15/a.json") == "2026-01-15/a.json"
    assert store.upload(Path("2026-01-15/a.json"), "other/b.json") == "other/b.json"
    assert [*store.list()] == ["2026-01-15/a.json", "other/b.json"]


def test_keys_are_relative_to_the_prefix_in_and_out(bucket: Bucket, here: Path) -> None:
    with bucket.store(prefix="api/traces") as store:
        assert store.write_bytes("x/a.json", b"abc") == "x/a.json"
        assert [*bucket.objects] == ["api/traces/x/a.json"]
        assert [*store.list()] == ["x/a.json"]
        assert store.read_bytes("x/a.json") == b"abc"
        assert store.stat("x/a.json").key == "x/a.json"
        assert store.uri("x/a.json") == "s3://bucket/api/traces/x/a.json"
        assert store.exists("x/a.json")
        store.delete("x/a.json")
    assert bucket.objects == {}


def test_a_large_file_goes_up_in_pieces_and_comes_down_whole(bucket: Bucket, store: S3Store, here: Path) -> None:
    large = os.urandom(9 * 2**20)
    Path("large.json").write_bytes(large)
    store.upload("large.json")
    assert bucket.objects["large.json"].body == large
    assert store.download("large.json", "back.json").read_bytes() == large


def test_a_folder_is_an_error_that_names_sync_upload(bucket: Bucket, store: S3Store, here: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder: sync_upload takes folders"):
        store.upload(here)
    assert bucket.requests == []


def test_a_missing_file_is_an_error_with_its_path(bucket: Bucket, store: S3Store, here: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.json"):
        store.upload("gone.json")
    assert bucket.requests == []


@pytest.mark.parametrize("key", ["", "a" * 1025, "\ud800"])
def test_a_key_that_s3_cannot_hold_is_an_error_before_any_request(bucket: Bucket, store: S3Store, key: str) -> None:
    calls: list[Callable[[str], Any]] = [
        store.read_bytes,
        store.read,
        store.stat,
        store.exists,
        store.delete,
        store.presign,
        store.download,
        lambda key: store.write(key, {}),
    ]
    for call in calls:
        with pytest.raises(errors.InvalidKeyError):
            call(key)
    assert bucket.requests == []


def test_a_prefix_counts_for_the_length_of_a_key(bucket: Bucket) -> None:
    with bucket.store(prefix="p") as store:
        assert store.write_bytes("a" * 1022, b"") == "a" * 1022
        with pytest.raises(errors.InvalidKeyError, match="1025 bytes"):
            store.write_bytes("a" * 1023, b"")


@pytest.mark.parametrize(
    "key",
    ["a b", "~*+%#?&=:@!'()", "%2F", "a//b", "../x", "/a", "é", "e\u0301", "日本/語.json", "a\n\x01", "🎬" * 256],
)
def test_every_key_makes_the_round_trip(bucket: Bucket, store: S3Store, key: str) -> None:
    store.write_bytes(key, b"abc")
    assert [*bucket.objects] == [key]
    assert (store.read_bytes(key), [*store.list()], store.exists(key)) == (b"abc", [key], True)
    store.delete(key)
    assert not store.exists(key)


# JSON


def test_a_value_is_written_and_read(bucket: Bucket, store: S3Store) -> None:
    value = {"request": {"url": "http://x/é"}, "status": 200}
    for key, kind in (("a.json", "application/json"), ("a.json.gz", "application/gzip")):
        assert store.write(key, value) == key
        assert store.read(key) == value
        assert bucket.objects[key].headers["content-type"] == kind
    assert bucket.objects["a.json.gz"].body[:2] == b"\x1f\x8b"


def test_a_content_type_may_be_given(bucket: Bucket, store: S3Store) -> None:
    store.write_bytes("a", b"abc", content_type="text/plain")
    assert bucket.objects["a"].headers["content-type"] == "text/plain"
    assert store.stat("a").content_type == "text/plain"


def test_what_is_no_json_names_key_place_and_read_bytes(store: S3Store) -> None:
    store.write_bytes("a.json", b'{"a": ')
    with pytest.raises(errors.CassetteError, match=r"a\.json is no JSON at line 1 column 7 .* read_bytes"):
        store.read("a.json")
    with pytest.raises(errors.CassetteError, match=r"write_bytes"):
        store.write("a.json", {"a": b"bytes"})


def test_a_stored_content_encoding_changes_nothing(bucket: Bucket, store: S3Store) -> None:
    bucket.objects["a.json"] = Stored(b"\x1f\x8bno gzip at all", {"content-encoding": "gzip"})
    assert store.read_bytes("a.json") == b"\x1f\x8bno gzip at all"
    assert store.stat("a.json").content_encoding == "gzip"


# Down


def test_a_download_without_a_path_is_the_last_part_of_its_key_here(store: S3Store, here: Path) -> None:
    store.write_bytes("x/a.json", b"abc")
    assert store.download("x/a.json") == Path("a.json")
    assert Path("a.json").read_bytes() == b"abc"


@pytest.mark.parametrize("key", ["x/..", "x/.", "x/"])
def test_a_key_without_a_safe_name_needs_a_path(bucket: Bucket, store: S3Store, here: Path, key: str) -> None:
    store.write_bytes(key, b"abc")
    with pytest.raises(errors.RefusedKeyError, match="give a path for it"):
        store.download(key)
    assert store.download(key, "a.json").read_bytes() == b"abc"


def test_missing_folders_are_made(store: S3Store, here: Path) -> None:
    store.write_bytes("a.json", b"abc")
    assert store.download("a.json", "x/y/b.json").read_bytes() == b"abc"


def test_a_missing_object_leaves_no_file_and_keeps_the_old_one(store: S3Store, here: Path) -> None:
    Path("old.json").write_bytes(b"old")
    for target in ("new.json", "old.json"):
        with pytest.raises(errors.NoSuchKeyError, match=r"GET s3://bucket/gone\.json: 404 NoSuchKey"):
            store.download("gone.json", target)
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("old.json", b"old")]


def send_and_close(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (answer(body=b"abd", headers=["ETag: e", f"x-amz-meta-timetrace-sha256: {ABC_SHA256}"]), errors.IntegrityError),
        (answer(body=b"abc", headers=[f'ETag: "{OTHER_MD5}"']), errors.IntegrityError),
        (send_and_close(answer(body=b"abc", headers=["ETag: e"], length=5)), errors.ConnectionClosedError),
        (
            send_and_close(b"HTTP/1.1 200 OK\r\nETag: e\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            errors.TransportError,
        ),
        (answer(206, b"ab", ["Content-Range: bytes 0-1/3"]), errors.ResponseError),
        (b"HTTP/1.1 204 No Content\r\n\r\n", errors.ResponseError),
        (answer(500, b"oops"), errors.S3Error),
        (reset, errors.ConnectionClosedError),
    ],
    ids=["SHA-256", "MD5", "short", "short chunks", "a part", "nothing", "500", "reset"],
)
@pytest.mark.parametrize("keep", [True, False])
def test_what_is_not_the_whole_right_content_never_gets_the_name(
    bucket: Bucket, store: S3Store, here: Path, told: Any, kind: type[Exception], keep: bool
) -> None:
    if keep:
        Path("a.json").write_bytes(b"old")
    bucket.misbehave(told, method="GET", key="a.json")
    with pytest.raises(kind):
        store.download("a.json", "a.json")
    with pytest.raises(kind):
        store.read_bytes("a.json")
    assert [path.read_bytes() for path in here.iterdir()] == ([b"old"] if keep else [])


@pytest.mark.parametrize(
    "told",
    [
        answer(body=b"abd", headers=["ETag: e", f"x-amz-meta-timetrace-sha256: {ABC_SHA256}"]),
        send_and_close(answer(body=b"ab", headers=["ETag: e"], length=3)),
        answer(503, b""),
    ],
    ids=["SHA-256", "short", "503"],
)
def test_what_passes_is_fetched_again_from_its_start(bucket: Bucket, here: Path, told: Any) -> None:
    bucket.objects["a.json"] = Stored(b"abc")
    bucket.misbehave(told, method="GET", key="a.json", times=1)
    with bucket.store(max_attempts=2) as store:
        assert store.download("a.json").read_bytes() == b"abc"
        assert store.read_bytes("a.json") == b"abc"


def test_an_etag_under_kms_is_not_taken_for_the_md5(bucket: Bucket, store: S3Store) -> None:
    headers = {"x-amz-server-side-encryption": "aws:kms"}
    bucket.objects["a.json"] = Stored(b"abc", headers, etag=OTHER_MD5)
    assert store.read_bytes("a.json") == b"abc"
    assert store.stat("a.json").md5 is None


def test_more_than_the_length_says_is_never_taken(bucket: Bucket, store: S3Store) -> None:
    bucket.misbehave(answer(body=b"abcdef", headers=["ETag: e"], length=3), method="GET", key="a.json")
    assert store.read_bytes("a.json") == b"abc"
    # What came after belongs to no answer, so the connection is not used again.
    store.write_bytes("b.json", b"abc")
    assert bucket.connections == 2


@pytest.mark.skipif(os.name == "nt", reason="there are no such files on Windows")
def test_devices_and_pipes_are_written_through(store: S3Store, here: Path) -> None:
    store.write_bytes("a.json", b"abc")
    assert store.download("a.json", os.devnull) == Path(os.devnull)
    assert not Path(os.devnull).is_file()
    os.mkfifo("pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
    reader.start()
    store.download("a.json", "pipe")
    reader.join(20)
    assert got == [b"abc"]
    assert Path("pipe").is_fifo()


def test_a_folder_is_no_target(store: S3Store, here: Path) -> None:
    store.write_bytes("a.json", b"abc")
    with pytest.raises(IsADirectoryError, match="here"):
        store.download("a.json", here)


# Questions


def test_a_stat_tells_what_is_known(bucket: Bucket, store: S3Store) -> None:
    store.write_bytes("a.json", b"abc")
    bucket.objects["a.json"].headers["Last-Modified"] = "Thu, 15 Jan 2026 10:00:00 GMT"
    stat = store.stat("a.json")
    assert (stat.key, stat.size, stat.etag) == ("a.json", 3, "900150983cd24fb0d6963f7d28e17f72")
    assert stat.last_modified == datetime(2026, 1, 15, 10, tzinfo=timezone.utc)
    assert stat.content_type == "application/json"
    assert stat.metadata == {"timetrace-sha256": ABC_SHA256}


def test_exists_is_false_only_for_a_missing_object(bucket: Bucket, store: S3Store) -> None:
    assert not store.exists("a.json")
    assert bucket.asked() == ["HEAD a.json", "GET a.json"]
    store.write_bytes("a.json", b"abc")
    assert store.exists("a.json")


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(403, "AccessDenied"), errors.AccessDeniedError),
        (error(403, "SignatureDoesNotMatch"), errors.SignatureError),
        (error(403, "InvalidAccessKeyId"), errors.InvalidAccessKeyError),
        (error(404, "NoSuchBucket"), errors.NoSuchBucketError),
        (answer(404, b"<html>no such page</html>"), errors.S3Error),
        (error(500, "InternalError"), errors.S3Error),
        (error(503, "SlowDown"), errors.ThrottledError),
        (error(400, "ExpiredToken"), errors.ExpiredCredentialsError),
        (reset, errors.ConnectionClosedError),
    ],
    ids=["denied", "secret", "access key", "bucket", "a page", "500", "503", "expired", "reset"],
)
def test_every_other_trouble_of_exists_raises(bucket: Bucket, store: S3Store, told: Any, kind: type[Exception]) -> None:
    bucket.misbehave(told)
    with pytest.raises(kind) as caught:
        store.exists("a.json")
    assert not isinstance(caught.value, errors.NoSuchKeyError)


def test_exists_of_an_unreachable_server_raises() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = S3Store(
        S3Config(
            bucket="bucket", endpoint_url=f"http://127.0.0.1:{port}", access_key="a", secret_key="s", max_attempts=1
        )
    )
    with pytest.raises(errors.UnreachableError, match=f"127.0.0.1:{port}"):
        store.exists("a.json")


def test_a_head_of_the_wrong_region_is_asked_once_more_in_the_right_one(bucket: Bucket, store: S3Store) -> None:
    bucket.objects["a.json"] = Stored(b"abc")
    told = b"HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n"
    bucket.misbehave(told, method="HEAD", times=1)
    assert store.stat("a.json").size == 3
    regions = [request.headers["authorization"].split("/")[2] for request in bucket.requests]
    assert regions == ["us-east-1", "eu-west-1"]


def test_a_malformed_authorization_header_tells_the_region(bucket: Bucket, store: S3Store) -> None:
    told = error(400, "AuthorizationHeaderMalformed", extra="<Region>eu-west-1</Region>")
    bucket.misbehave(told, times=1)
    store.write_bytes("a.json", b"abc")
    store.write_bytes("b.json", b"abc")
    regions = [request.headers["authorization"].split("/")[2] for request in bucket.requests]
    assert regions == ["us-east-1", "eu-west-1", "eu-west-1"]


@pytest.mark.parametrize(
    ("told", "kind", "said"),
    [
        (error(404, "NoSuchKey"), errors.NoSuchKeyError, "check the key and the prefix"),
        (error(404, "NoSuchBucket"), errors.NoSuchBucketError, "check -b or TIMETRACER_S3_BUCKET"),
        (error(403, "AccessDenied"), errors.AccessDeniedError, "denied, or missing and this identity may not list"),
        (error(403, "SignatureDoesNotMatch"), errors.SignatureError, "check AWS_SECRET_ACCESS_KEY"),
        (error(403, "RequestTimeTooSkewed"), errors.ClockSkewError, "set this machine's clock"),
        (error(400, "ExpiredToken"), errors.ExpiredCredentialsError, "get new credentials"),
        (error(301, "PermanentRedirect"), errors.WrongRegionError, "set --region or TIMETRACER_S3_REGION"),
        (error(403, "InvalidObjectState"), errors.ArchivedObjectError, "restore the object"),
    ],
    ids=lambda value: "" if not isinstance(value, type) else value.__name__,
)
def test_eight_troubles_are_eight_errors(bucket: Bucket, store: S3Store, told: bytes, kind: type, said: str) -> None:
    bucket.misbehave(told)
    with pytest.raises(errors.S3Error) as caught:
        store.read_bytes("a.json")
    assert type(caught.value) is kind
    assert re.match(r"GET s3://bucket/a\.json: \d{3} \w+ \(request REQ1\): told so: ", str(caught.value))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE x [<!ENTITY k '../evil'>]><ListBucketResult><Contents><Key>&k;</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents>",
        b"<html>proxy</html>",
        b"",
        b"<ListBucketResult>" + b"<a>" * 50 + b"</a>" * 50 + b"</ListBucketResult>",
    ],
    ids=["doctype", "cut", "html", "empty", "deep"],
)
def test_hostile_or_broken_xml_is_an_error_and_nothing_is_parsed(bucket: Bucket, store: S3Store, body: bytes) -> None:
    bucket.misbehave(answer(body=body), key="")
    with pytest.raises(errors.ResponseError):
        list(store.list())


# Listing


def test_a_listing_is_all_pages_or_a_limit(bucket: Bucket, store: S3Store) -> None:
    bucket.page = 3
    names = [f"{number:02}.json" for number in range(10)]
    bucket.objects = {name: Stored(b"abc") for name in names}
    assert [*store.list()] == names
    assert [*store.list(limit=4)] == names[:4]
    assert [*store.list(limit=0)] == []
    with pytest.raises(errors.ConfigError, match="limit is -1: it must not be negative"):
        store.list(limit=-1)


def test_a_listing_takes_a_prefix_as_text(bucket: Bucket, store: S3Store) -> None:
    bucket.objects = {name: Stored(b"") for name in ("a/x.json", "ab.json", "b.json")}
    assert [*store.list("a")] == ["a/x.json", "ab.json"]
    assert [*store.list("a/")] == ["a/x.json"]


def test_a_listing_of_a_prefix_ends_at_its_slash(bucket: Bucket) -> None:
    bucket.objects = {name: Stored(b"") for name in ("cassettes/a", "cassettes/", "cassettes-old/b", "cassettes")}
    with bucket.store(prefix="cassettes") as store:
        assert [*store.list()] == ["a"]


def test_objects_tell_size_etag_and_time(store: S3Store) -> None:
    store.write_bytes("a.json", b"abc")
    [found] = store.objects()
    assert (found.key, found.size, found.etag) == ("a.json", 3, "900150983cd24fb0d6963f7d28e17f72")
    assert found.last_modified == datetime(2026, 1, 15, 10, tzinfo=timezone.utc)


def test_a_second_page_that_fails_is_an_error(bucket: Bucket, store: S3Store) -> None:
    bucket.page = 1
    bucket.objects = {name: Stored(b"") for name in ("a", "b")}
    found = store.list()
    assert next(found) == "a"
    bucket.misbehave(error(403, "AccessDenied"), key="")
    with pytest.raises(errors.AccessDeniedError):
        next(found)


# The rest


def test_a_presigned_url_gets_the_object(store: S3Store) -> None:
    store.write_bytes("a b.json", b"abc")
    with urlopen(store.presign("a b.json", expires=60)) as got:
        assert got.read() == b"abc"
    assert "X-Amz-Expires=60" in store.presign("a b.json", expires=60)


@pytest.mark.parametrize("expires", [0, -1, 604801])
def test_a_presigned_url_lasts_up_to_seven_days(store: S3Store, expires: int) -> None:
    with pytest.raises(errors.ConfigError, match=f"expires is {expires} seconds: S3 allows 1 to 604800"):
        store.presign("a.json", expires=expires)


def test_without_signing_no_credentials_are_sent(bucket: Bucket) -> None:
    with bucket.store(no_sign_request=True) as store:
        bucket.objects["a.json"] = Stored(b"abc")
        assert store.read_bytes("a.json") == b"abc"
        assert store.presign("a.json") == f"{bucket.url}/bucket/a.json"
    assert "authorization" not in bucket.requests[0].headers


def test_keys_that_may_only_put_get_and_list_are_enough(bucket: Bucket, store: S3Store, here: Path) -> None:
    Path("a.json").write_bytes(b"abc")
    store.upload("a.json")
    store.sync_upload(here)
    store.download("a.json", "b.json")
    store.sync_download(here / "down")
    store.stat("a.json")
    assert {re.sub("a.json|b.json", "KEY", line) for line in bucket.asked()} == {
        "PUT KEY",
        "LIST",
        "GET KEY",
        "HEAD KEY",
    }
    assert all("list-type=2" in request.line for request in bucket.requests if "?" in request.line)


def test_threads_may_share_a_store(bucket: Bucket, store: S3Store) -> None:
    def trip(number: int) -> bytes:
        key = store.write_bytes(f"{number}.json", str(number).encode())
        return store.read_bytes(key)

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(trip, range(80))] == [str(number).encode() for number in range(80)]
    assert bucket.connections <= 8


def test_a_closed_store_has_let_go_of_its_connections(bucket: Bucket) -> None:
    with bucket.store() as store:
        store.write_bytes("a.json", b"abc")
    store.write_bytes("b.json", b"abc")
    assert bucket.connections == 2
    store.close()


# Many


def test_many_files_go_up_and_one_that_fails_does_not_stop_the_others(
    bucket: Bucket, store: S3Store, here: Path
) -> None:
    for name in "abc":
        Path(name).write_bytes(name.encode())
    bucket.misbehave(error(403, "AccessDenied"), key="k/b")
    told: list[SyncItem] = []
    items = [(name, f"k/{name}") for name in "abcd"]
    report = store.upload_files(items, on_result=told.append)
    assert (report.transferred, report.bytes, report.ok) == (2, 2, False)
    assert sorted((item.key, item.path, type(item.error)) for item in report.failed) == [
        ("k/b", "b", errors.AccessDeniedError),
        ("k/d", "d", FileNotFoundError),
    ]
    assert len(told) == 4
    assert sorted(bucket.objects) == ["k/a", "k/c"]


def test_many_come_down_at_their_keys_paths(bucket: Bucket, store: S3Store, here: Path) -> None:
    bucket.objects = {name: Stored(b"abc") for name in ("x/a.json", "b.json", "../out.json")}
    report = store.download_files(["x/a.json", "b.json", "../out.json", "gone.json"], "down")
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*.json")) == ["down/b.json", "down/x/a.json"]
    assert (report.transferred, report.bytes) == (2, 6)
    assert [(item.key, item.action) for item in report.refused] == [("../out.json", "refuse")]
    assert [(item.key, type(item.error)) for item in report.failed] == [("gone.json", errors.NoSuchKeyError)]
    assert not (here.parent / "out.json").exists()


def test_many_are_deleted(bucket: Bucket, store: S3Store) -> None:
    bucket.objects = {name: Stored(b"") for name in "abc"}
    bucket.kept = {"b"}
    report = store.delete_files(["a", "b", "c", "gone"])
    assert (report.deleted, [item.key for item in report.failed]) == (3, ["b"])
    assert [*bucket.objects] == ["b"]
    assert len(bucket.requests) == 1


def test_what_all_others_would_meet_stops_many(bucket: Bucket, store: S3Store, here: Path) -> None:
    Path("a").write_bytes(b"abc")
    bucket.misbehave(error(403, "SignatureDoesNotMatch"))
    with pytest.raises(errors.SignatureError):
        store.upload_files([("a", f"k/{number}") for number in range(200)])
    assert len(bucket.requests) <= 16


def test_a_server_that_breaks_off_each_connection_is_still_used() -> None:
    with Scripted([answer(headers=['ETag: "e"'])], close=True) as server:
        store = S3Store(
            S3Config(bucket="bucket", endpoint_url=server.url, access_key="a", secret_key="s", max_attempts=1)
        )
        for number in range(5):
            store.write_bytes(f"{number}", b"")
    assert server.connections == 5
