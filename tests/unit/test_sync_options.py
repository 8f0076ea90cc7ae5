"""What a sync can be told to do, through the public interface, against a bucket on a loopback socket."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.folders import content, fill
from tests.scripted import answer, error, reset
from timetrace import errors
from timetrace.storage import S3Store, SyncItem
from timetrace.storage.report import Progress

OURS = "x-amz-meta-timetrace-sha256"
MARK = "x-amz-meta-timetrace-encoding"
LONG = b'{"n": 1, "text": "' + b"again and " * 400 + b'"}'


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store() as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "cassettes", {})


def put(bucket: Bucket, **files: bytes) -> None:
    bucket.objects.update({f"{name}.json": Stored(data) for name, data in files.items()})


def packed(data: bytes, level: int = 6, **headers: str) -> Stored:
    marks = {"content-encoding": "gzip", MARK: "gzip", OURS: hashlib.sha256(data).hexdigest()}
    return Stored(gzip.compress(data, level), {**marks, **headers})


# delete, up


def test_objects_that_the_folder_lacks_are_deleted_in_one_request(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b", "c.json": b"c"})
    put(bucket, a=b"a", b=b"b", x=b"x", y=b"y")
    told: list[SyncItem] = []
    report = store.sync_upload(folder, delete=True, on_result=told.append)
    assert (report.transferred, report.skipped, report.deleted, report.ok) == (1, 2, 2, True)
    assert sorted(bucket.objects) == ["a.json", "b.json", "c.json"]
    assert bucket.asked() == ["LIST", "PUT c.json", "POST "]
    assert [item.key for item in told if item.action == "delete"] == ["x.json", "y.json"]
    assert told[-1].action == "delete"


def test_without_delete_all_stays(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    put(bucket, x=b"x")
    assert store.sync_upload(folder).deleted == 0
    assert "x.json" in bucket.objects


def test_all_pages_are_planned_before_anything_is_sent(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.page = 2
    fill(folder, {f"{number}.json": b"x" for number in range(9)})
    put(bucket, **{f"o{number}": b"x" for number in range(4)}, **{f"{number}": b"x" for number in range(5)})
    store.sync_upload(folder, delete=True)
    assert bucket.asked()[:5] == ["LIST"] * 5
    assert "LIST" not in bucket.asked()[5:]


def test_a_listing_that_fails_later_deletes_and_sends_nothing(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.page = 2
    fill(folder, {"0.json": b"new"})
    put(bucket, **{f"o{number}": b"x" for number in range(6)})
    first = bucket._list({"prefix": "", "encoding-type": "url"})
    bucket.misbehave(first, key="", times=1)
    bucket.misbehave(error(500, "InternalError"), key="")
    with pytest.raises(errors.S3Error):
        store.sync_upload(folder, delete=True, force=True)
    assert (len(bucket.objects), bucket.asked()) == (6, ["LIST", "LIST"])


@pytest.mark.parametrize("way", ["up", "down"])
def test_nothing_is_deleted_after_a_failure(bucket: Bucket, store: S3Store, folder: Path, way: str) -> None:
    if way == "up":
        fill(folder, {"a.json": b"a", "b.json": b"b"})
        put(bucket, a=b"old", x=b"x")
        bucket.misbehave(error(500, "InternalError"), method="PUT", key="b.json")
        report = store.sync_upload(folder, delete=True)
    else:
        put(bucket, a=b"a", b=b"b")
        fill(folder, {"a.json": b"old", "x.json": b"x"})
        bucket.misbehave(error(500, "InternalError"), method="GET", key="b.json")
        report = store.sync_download(folder, delete=True)
    assert (report.transferred, report.deleted, len(report.failed), report.ok) == (1, 0, 1, False)
    assert report.stopped == "nothing was deleted (1 would have been), as not everything went well"
    assert "x.json" in (bucket.objects if way == "up" else content(folder))


def test_nothing_is_deleted_after_a_refusal(bucket: Bucket, store: S3Store, folder: Path) -> None:
    put(bucket, a=b"a")
    bucket.objects["../b.json"] = Stored(b"b")
    fill(folder, {"a.json": b"a", "x.json": b"x"})
    report = store.sync_download(folder, delete=True)
    assert ([item.key for item in report.refused], report.deleted) == (["../b.json"], 0)
    assert report.stopped.startswith("nothing was deleted (1 would")
    assert "x.json" in content(folder)


def test_a_broken_link_is_a_failure_and_so_nothing_is_deleted(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    (folder / "b.json").symlink_to(folder / "gone")
    put(bucket, a=b"a", b=b"b")
    report = store.sync_upload(folder, delete=True)
    assert (report.deleted, len(report.failed)) == (0, 1)
    assert sorted(bucket.objects) == ["a.json", "b.json"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_empty_source_deletes_only_by_force(bucket: Bucket, store: S3Store, folder: Path, dry_run: bool) -> None:
    put(bucket, a=b"a", b=b"b")
    if dry_run:
        assert store.sync_upload(folder, delete=True, dry_run=True).deleted == 2
        assert len(bucket.objects) == 2
        return
    with pytest.raises(
        errors.DeletionRefusedError, match=r"cassettes has no cassettes, and 2 would be deleted"
    ) as told:
        store.sync_upload(folder, delete=True)
    assert (told.value.keys, len(bucket.objects), bucket.asked()) == (["a.json", "b.json"], 2, ["LIST"])
    assert store.sync_upload(folder, delete=True, force=True).deleted == 2
    assert bucket.objects == {}


def test_an_empty_prefix_deletes_local_files_only_by_force(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    with pytest.raises(
        errors.DeletionRefusedError, match=r"s3://bucket/team/ has no cassettes, and 1 would be deleted"
    ):
        store.sync_download(folder, "team", delete=True)
    assert content(folder) == {"a.json": b"a"}
    assert store.sync_download(folder, "team", delete=True, force=True).deleted == 1
    assert content(folder) == {}


@pytest.mark.parametrize(("extra", "refused"), [(2, False), (3, True)])
def test_more_than_stays_is_deleted_only_by_force(
    bucket: Bucket, store: S3Store, folder: Path, extra: int, refused: bool
) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b", "new.json": b"n"})
    put(bucket, a=b"a", b=b"b", **{f"x{number}": b"x" for number in range(extra)})
    if refused:
        with pytest.raises(errors.DeletionRefusedError, match=r"3 would be deleted and only 2 kept: .*--dry-run"):
            store.sync_upload(folder, delete=True)
        assert (len(bucket.objects), bucket.asked()) == (5, ["LIST"])
    assert store.sync_upload(folder, delete=True, force=refused).deleted == extra


@pytest.mark.parametrize("options", [{}, {"force": True}, {"dry_run": True}])
def test_a_missing_folder_is_an_error_whatever_is_asked(
    bucket: Bucket, store: S3Store, folder: Path, options: dict[str, bool]
) -> None:
    put(bucket, a=b"a")
    with pytest.raises(FileNotFoundError):
        store.sync_upload(folder / "gone", delete=True, **options)  # type: ignore[arg-type]
    assert bucket.requests == []


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_patterns_leave_out_is_not_deleted(bucket: Bucket, store: S3Store, folder: Path, way: str) -> None:
    both = {"a.json": b"a", "b.json": b"b"}
    others = {"x.json": b"x", "drafts/y.json": b"y", "notes.txt": b"n"}
    here, there = (both, {**both, **others}) if way == "up" else ({**both, **others}, both)
    fill(folder, here)
    bucket.objects = {key: Stored(data) for key, data in there.items()}
    sync = store.sync_upload if way == "up" else store.sync_download
    report = sync(folder, delete=True, exclude=["drafts/*"])
    assert (report.deleted, report.left_out) == (1, 2)
    left = [*bucket.objects] if way == "up" else [*content(folder)]
    assert sorted(left) == ["a.json", "b.json", "drafts/y.json", "notes.txt"]


def test_nothing_below_a_link_that_was_left_out_is_deleted(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    fill(folder.parent / "outside", {"b.json": b"b"})
    (folder / "linked").symlink_to(folder.parent / "outside")
    store.sync_upload(folder, follow_symlinks=True)
    put(bucket, linked2=b"x")
    report = store.sync_upload(folder, delete=True)
    assert (report.deleted, sorted(bucket.objects)) == (1, ["a.json", "linked/b.json"])


def test_a_dry_run_shows_what_would_be_deleted_and_deletes_nothing(
    bucket: Bucket, store: S3Store, folder: Path
) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b"})
    put(bucket, a=b"a", x=b"x")
    for sync, key in ((store.sync_upload, "x.json"), (store.sync_download, "b.json")):
        told: list[SyncItem] = []
        report = sync(folder, delete=True, dry_run=True, on_result=told.append)
        assert (report.deleted, report.dry_run, report.stopped) == (1, True, "")
        assert [item.key for item in told if item.action == "delete"] == [key]
    assert (sorted(bucket.objects), sorted(content(folder))) == (["a.json", "x.json"], ["a.json", "b.json"])


def test_local_files_that_the_bucket_lacks_are_deleted(bucket: Bucket, store: S3Store, folder: Path) -> None:
    put(bucket, a=b"a", b=b"b")
    fill(folder, {"a.json": b"a", "x/y.json": b"y"})
    told: list[SyncItem] = []
    report = store.sync_download(folder, delete=True, on_result=told.append)
    assert (report.transferred, report.skipped, report.deleted, report.ok) == (1, 1, 1, True)
    assert content(folder) == {"a.json": b"a", "b.json": b"b"}
    assert (told[-1].action, told[-1].key, told[-1].path) == ("delete", "x/y.json", str(folder / "x/y.json"))


def test_a_link_is_deleted_and_what_it_leads_to_stays(bucket: Bucket, store: S3Store, folder: Path) -> None:
    put(bucket, a=b"a")
    fill(folder, {"a.json": b"a"})
    fill(folder.parent, {"outside.json": b"o"})
    (folder / "x.json").symlink_to(folder.parent / "outside.json")
    assert store.sync_download(folder, delete=True).deleted == 1
    assert content(folder.parent) == {"cassettes/a.json": b"a", "outside.json": b"o"}


def test_deletions_see_a_listing_in_no_order(store: S3Store, folder: Path) -> None:
    def folders_first(key: str) -> list[tuple[bool, str]]:
        *above, name = key.split("/")
        return [*((False, part) for part in above), (True, name)]

    with Bucket(order=folders_first, page=2) as bucket, bucket.store() as unordered:
        keys = ["a/b.json", "a-1.json", "a.json", "b/c.json", "z.json"]
        fill(folder, dict.fromkeys([*keys, "new.json"], b"x"))
        bucket.objects = {key: Stored(b"x") for key in [*keys, "a-2.json", "b-1.json"]}
        report = unordered.sync_upload(folder, delete=True)
        assert (report.transferred, report.skipped, report.deleted) == (1, 5, 2)
        assert sorted(bucket.objects) == sorted([*keys, "new.json"])


# include and exclude


@pytest.mark.parametrize("way", ["up", "down"])
def test_include_replaces_the_default_patterns_on_both_sides(
    bucket: Bucket, store: S3Store, folder: Path, way: str
) -> None:
    files = {"a.json": b"a", "b.txt": b"b", "x/c.txt": b"c"}
    if way == "up":
        fill(folder, files)
        report = store.sync_upload(folder, include=["*.txt"])
        assert sorted(bucket.objects) == ["b.txt", "x/c.txt"]
    else:
        bucket.objects = {key: Stored(data) for key, data in files.items()}
        report = store.sync_download(folder, include=["*.txt"])
        assert sorted(content(folder)) == ["b.txt", "x/c.txt"]
    assert (report.transferred, report.left_out) == (2, 1)


def test_patterns_that_match_nothing_are_no_error_and_count_all(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b"})
    report = store.sync_upload(folder, include=["*.none"])
    assert (report.transferred, report.skipped, report.left_out, report.ok) == (0, 0, 2, True)


def test_patterns_are_relative_to_what_is_synced(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.objects = {f"team/{key}": Stored(b"x") for key in ("a/1.json", "b/2.json")}
    store.sync_download(folder, "team", include=["a/*"])
    assert sorted(content(folder)) == ["a/1.json"]


@pytest.mark.parametrize("options", [{"include": [""]}, {"include": []}, {"exclude": ["a["]}, {"exclude": ["/a"]}])
def test_what_is_no_pattern_is_an_error_before_anything_is_sent(
    bucket: Bucket, store: S3Store, folder: Path, options: dict[str, list[str]]
) -> None:
    for sync in (store.sync_upload, store.sync_download):
        with pytest.raises(errors.ConfigError, match="pattern"):
            sync(folder, **options)  # type: ignore[arg-type]
    assert bucket.requests == []


# compress


def test_what_is_compressed_says_so_and_comes_back_as_it_was(bucket: Bucket, store: S3Store, folder: Path) -> None:
    files = {"long.json": LONG, "x/tiny.json": b"{}", "empty.yaml": b""}
    fill(folder, files)
    report = store.sync_upload(folder, compress=True)
    assert report.transferred == 3
    found = bucket.objects["long.json"]
    assert found.headers == {
        "content-type": "application/json",
        "content-encoding": "gzip",
        MARK: "gzip",
        OURS: hashlib.sha256(LONG).hexdigest(),
    }
    assert (gzip.decompress(found.body), len(found.body) < len(LONG) / 10) == (LONG, True)
    assert report.bytes == sum(len(stored.body) for stored in bucket.objects.values())
    assert store.read("long.json") == {"n": 1, "text": "again and " * 400}
    assert store.read_bytes("x/tiny.json") == b"{}"
    store.sync_download(folder.parent / "there")
    assert content(folder.parent / "there") == files
    assert store.download("long.json", folder.parent / "one.json").read_bytes() == LONG


@pytest.mark.parametrize("dry_run", [False, True])
def test_after_a_compressed_sync_nothing_is_to_do(bucket: Bucket, store: S3Store, folder: Path, dry_run: bool) -> None:
    # Packed, a long one is smaller, a tiny one larger, and one happens to be as long as it was.
    files = {"long.json": LONG, "tiny.json": b"{}", "empty.json": b""}
    for size in range(20, 60):
        data = b"a" * size
        if len(gzip.compress(data)) == size:
            files["even.json"] = data
    assert len(files) == 4
    fill(folder, files)
    store.sync_upload(folder, compress=True)
    bucket.requests.clear()
    assert store.sync_upload(folder, compress=True, dry_run=dry_run).skipped == 4
    assert bucket.asked() == ["LIST"]
    assert store.sync_download(folder, dry_run=dry_run).skipped == 4
    assert store.sync_upload(folder, dry_run=dry_run).skipped == 4
    assert {line.split()[0] for line in bucket.asked()} <= {"LIST", "HEAD"}


def test_bytes_of_another_zlib_change_nothing(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": LONG})
    bucket.objects["a.json"] = packed(LONG, 1)
    assert len(packed(LONG, 1).body) != len(packed(LONG, 6).body)
    assert store.sync_upload(folder, compress=True).skipped == 1
    assert bucket.asked() == ["LIST", "HEAD a.json"]
    assert store.sync_download(folder, dry_run=True).skipped == 1
    assert store.sync_download(folder).skipped == 1
    assert (store.read_bytes("a.json"), content(folder)) == (LONG, {"a.json": LONG})


def test_under_kms_one_question_settles_what_is_packed(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.kms = True
    fill(folder, {"a.json": LONG})
    store.sync_upload(folder, compress=True)
    bucket.requests.clear()
    assert store.sync_upload(folder, compress=True).skipped == 1
    assert bucket.asked() == ["LIST", "HEAD a.json"]
    assert store.sync_download(folder).skipped == 1


def test_changed_content_is_packed_and_sent_again(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": LONG})
    store.sync_upload(folder, compress=True)
    fill(folder, {"a.json": LONG + b" "})
    assert store.sync_upload(folder, compress=True, dry_run=True).transferred == 1
    assert store.sync_upload(folder, compress=True).transferred == 1
    assert store.read_bytes("a.json") == LONG + b" "
    fill(folder, {"a.json": LONG})
    assert store.sync_download(folder, dry_run=True).transferred == 1
    report = store.sync_download(folder)
    assert (report.transferred, report.bytes) == (1, len(LONG) + 1)
    assert content(folder) == {"a.json": LONG + b" "}


def test_an_equal_object_that_is_not_packed_is_left_so(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": LONG})
    store.sync_upload(folder)
    assert store.sync_upload(folder, compress=True).skipped == 1
    assert bucket.objects["a.json"].body == LONG


def test_gzip_that_another_program_stored_comes_as_it_is_stored(bucket: Bucket, store: S3Store, folder: Path) -> None:
    foreign = Stored(gzip.compress(LONG), {"content-encoding": "gzip"})
    bucket.objects["a.json"] = foreign
    store.sync_download(folder)
    assert content(folder) == {"a.json": foreign.body}
    assert store.read_bytes("a.json") == foreign.body
    assert store.sync_download(folder).skipped == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (gzip.compress(LONG)[:-9], "breaks off"),
        (b"no gzip at all", "cannot be unpacked"),
        (gzip.compress(LONG) + b"more", "goes on after its end"),
        (b"", "breaks off"),
        (gzip.compress(LONG + b"!"), "SHA256 is not the one"),
        (gzip.compress(LONG)[:-8] + bytes(8), "cannot be unpacked"),
    ],
    ids=["truncated", "garbage", "trailing", "empty", "other content", "wrong checksum"],
)
def test_broken_packing_is_an_error_and_no_file(
    bucket: Bucket, store: S3Store, folder: Path, body: bytes, told: str
) -> None:
    bucket.objects["a.json"] = Stored(body, packed(LONG).headers)
    fill(folder, {"a.json": b"old"})
    report = store.sync_download(folder)
    assert [type(item.error) for item in report.failed] == [errors.IntegrityError]
    assert told in report.failed[0].reason
    assert content(folder) == {"a.json": b"old"}


def test_a_large_file_is_packed_without_being_held(bucket: Bucket, folder: Path) -> None:
    plain = b"0123456789" * 2_000_000
    noise = os.urandom(9 * 2**20)
    fill(folder, {"plain.json": plain, "noise.json": noise})
    with bucket.store(multipart_threshold="5MB", part_size="5MB") as store:
        assert store.sync_upload(folder, compress=True).transferred == 2
        assert gzip.decompress(bucket.objects["plain.json"].body) == plain
        assert (gzip.decompress(bucket.objects["noise.json"].body), bucket.uploads) == (noise, {})
        assert bucket.objects["noise.json"].etag.endswith("-2")
        bucket.requests.clear()
        assert store.sync_upload(folder, compress=True).skipped == 2
        assert store.sync_download(folder).skipped == 2
        assert "GET noise.json" not in bucket.asked()
        assert {line.split()[0] for line in bucket.asked()} == {"LIST", "HEAD"}
        store.sync_download(folder.parent / "there")
        assert content(folder.parent / "there") == {"noise.json": noise, "plain.json": plain}


# create_only


def test_keys_that_exist_are_not_sent(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"mine", "b.json": b"b", "c.json": b"c"})
    put(bucket, a=b"theirs")
    report = store.sync_upload(folder, create_only=True)
    assert (report.transferred, report.skipped, report.ok) == (2, 1, True)
    assert bucket.objects["a.json"].body == b"theirs"
    assert "PUT a.json" not in bucket.asked()
    sent = [request for request in bucket.requests if request.line.startswith("PUT")]
    assert [request.headers["if-none-match"] for request in sent] == ["*"] * 3  # the first one goes twice


def test_the_loser_of_a_race_is_told_and_replaces_nothing(bucket: Bucket, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"mine", "c.json": b"c"})

    def overtake(connection: socket.socket) -> None:
        listing = bucket._list({"prefix": ""})
        put(bucket, b=b"theirs")
        connection.sendall(listing)

    bucket.misbehave(overtake, key="", method="GET", times=1)
    with bucket.store(max_concurrency=1) as store:
        report = store.sync_upload(folder, create_only=True)
    assert (report.transferred, bucket.objects["b.json"].body) == (2, b"theirs")
    [lost] = report.failed
    assert (lost.key, type(lost.error)) == ("b.json", errors.PreconditionFailedError)


def test_a_race_that_is_lost_at_the_very_first_one_is_no_fault_of_the_server(bucket: Bucket, folder: Path) -> None:
    fill(folder, {"a.json": b"mine", "b.json": b"b"})

    def overtake(connection: socket.socket) -> None:
        listing = bucket._list({"prefix": ""})
        put(bucket, a=b"theirs")
        connection.sendall(listing)

    bucket.misbehave(overtake, key="", method="GET", times=1)
    with bucket.store(max_concurrency=1) as store:
        report = store.sync_upload(folder, create_only=True)
    assert (report.transferred, [item.key for item in report.failed]) == (1, ["a.json"])


@pytest.mark.parametrize("attempts", [1, 2])
def test_an_object_whose_answer_was_lost_is_ours(bucket: Bucket, folder: Path, attempts: int) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b"})
    bucket.lose(method="PUT", key="b.json")
    with bucket.store(max_concurrency=1, max_attempts=attempts) as store:
        report = store.sync_upload(folder, create_only=True)
    assert (report.transferred, report.ok) == (2, True)


def test_a_put_whose_answer_was_lost_is_not_reported_as_failed(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    bucket.lose(method="PUT", times=None)
    report = store.sync_upload(folder)
    assert (report.transferred, report.ok, bucket.asked()[-1]) == (1, True, "HEAD a.json")


def test_a_put_that_never_came_through_has_failed(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"new"})
    put(bucket, a=b"old")
    bucket.misbehave(reset, method="PUT")
    report = store.sync_upload(folder)
    assert (report.transferred, [type(item.error) for item in report.failed]) == (0, [errors.ConnectionClosedError])


def test_a_conflict_with_another_request_is_tried_again(bucket: Bucket, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    bucket.misbehave(error(409, "ConditionalRequestConflict"), method="PUT", times=1)
    with bucket.store(max_attempts=2) as store:
        assert store.sync_upload(folder, create_only=True).transferred == 1


@pytest.mark.parametrize("size", [1, 6 * 2**20])
def test_a_server_that_ignores_the_condition_is_found_out(bucket: Bucket, folder: Path, size: int) -> None:
    bucket.creates_only = False
    fill(folder, {f"{number}.json": bytes(size) for number in range(3)})
    with (
        bucket.store(multipart_threshold="5MB", part_size="5MB") as store,
        pytest.raises(errors.UnsupportedError, match=r"PUT s3://bucket/\d.json: .*If-None-Match was ignored.*without"),
    ):
        store.sync_upload(folder, create_only=True)
    assert len(bucket.objects) == 1


@pytest.mark.parametrize("size", [1, 6 * 2**20])
def test_whether_a_server_knows_the_condition_is_never_tried_on_an_object_that_exists(
    bucket: Bucket, folder: Path, size: int
) -> None:
    bucket.creates_only = False
    put(bucket, a=b"old")
    fill(folder, {"a.json": bytes(size)})
    with bucket.store(multipart_threshold="5MB", part_size="5MB") as store:
        report = store.upload_files([(folder / "a.json", "a.json")], create_only=True)
    assert [type(item.error) for item in report.failed] == [errors.PreconditionFailedError]
    assert bucket.objects["a.json"].body == b"old"


def test_who_may_not_look_can_still_create(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    bucket.misbehave(error(403, "AccessDenied"), method="HEAD")
    bucket.misbehave(error(403, "AccessDenied"), method="GET", key="a.json")
    assert store.upload_files([(folder / "a.json", "a.json")], create_only=True).transferred == 1


def test_an_object_is_not_told_as_failed_because_the_proof_of_the_condition_failed(
    bucket: Bucket, store: S3Store, folder: Path
) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b"})
    bucket.misbehave(answer(headers=["ETag: e"]), method="PUT", times=1)
    bucket.misbehave(error(503, "SlowDown"), method="PUT", times=1)
    report = store.upload_files([(folder / name, name) for name in ("a.json", "b.json")], create_only=True, jobs=1)
    assert (report.transferred, report.failed) == (2, ())


def test_a_server_that_knows_it_only_for_parts_or_only_without_is_found_out(bucket: Bucket, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "b.json": bytes(6 * 2**20)})
    plain = bucket._complete

    def ignoring(number: str, upload: object, received: object) -> bytes:
        bucket.creates_only = False
        try:
            return plain(number, upload, received)  # type: ignore[arg-type]
        finally:
            bucket.creates_only = True

    bucket._complete = ignoring  # type: ignore[method-assign]
    with (
        bucket.store(multipart_threshold="5MB", part_size="5MB", max_concurrency=1) as store,
        pytest.raises(errors.UnsupportedError),
    ):
        store.sync_upload(folder, create_only=True)


def test_a_busy_server_is_not_taken_for_one_that_ignores_the_condition(bucket: Bucket, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    served: list[int] = []

    def busy(connection: socket.socket) -> None:
        served.append(1)
        connection.sendall(error(503, "SlowDown"))

    with bucket.store(max_attempts=3) as store:
        # The second of the two requests that try it out meets an overloaded server first.
        plain = bucket._put

        def put_then_busy(key: str, received: object) -> bytes:
            bucket.misbehave(busy, method="PUT", times=1) if not served else None
            return plain(key, received)  # type: ignore[arg-type]

        bucket._put = put_then_busy  # type: ignore[method-assign]
        assert store.sync_upload(folder, create_only=True).transferred == 1
    assert served == [1]


# verify


def test_verify_reads_both_sides_and_names_what_is_missing_or_differs(
    bucket: Bucket, store: S3Store, folder: Path
) -> None:
    fill(folder, {"same.json": b"same", "other.json": b"1111", "here.json": b"h", "packed.json": LONG})
    put(bucket, same=b"same", there=b"t")
    # Size and ETag say that it is the same one.
    bucket.objects["other.json"] = Stored(b"2222", {}, hashlib.md5(b"1111").hexdigest())
    bucket.objects["other.json"].headers["x-amz-server-side-encryption"] = "aws:kms"
    bucket.objects["packed.json"] = packed(LONG)
    before = (dict(bucket.objects), content(folder))
    report = store.sync_upload(folder, verify=True)
    assert sorted(item.reason for item in report.failed) == [
        "here.json is missing on the other side",
        "other.json is not the same on both sides",
    ]
    assert (report.skipped, report.transferred, report.deleted, report.ok) == (2, 0, 0, False)
    report = store.sync_download(folder, verify=True)
    assert sorted(item.key for item in report.failed) == ["other.json", "there.json"]
    assert (dict(bucket.objects), content(folder)) == before
    assert {line.split()[0] for line in bucket.asked()} == {"LIST", "GET"}


def test_what_is_equal_is_verified(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "x/b.json": b"b"})
    store.sync_upload(folder)
    for sync in (store.sync_upload, store.sync_download):
        told: list[SyncItem] = []
        report = sync(folder, verify=True, on_result=told.append)
        assert (report.ok, report.skipped, {item.action for item in told}) == (True, 2, {"verify"})


def test_a_stored_object_that_is_damaged_is_found(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"aaaa"})
    store.sync_upload(folder)
    bucket.objects["a.json"].body = b"aaab"
    assert store.sync_upload(folder).skipped == 1
    report = store.sync_upload(folder, verify=True)
    assert [type(item.error) for item in report.failed] == [errors.IntegrityError]


def test_verify_makes_no_folder(bucket: Bucket, store: S3Store, folder: Path) -> None:
    put(bucket, a=b"a")
    report = store.sync_download(folder / "new", verify=True)
    assert ([item.reason for item in report.failed], (folder / "new").exists()) == (
        ["a.json is missing on the other side"],
        False,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"verify": True, "delete": True},
        {"verify": True, "dry_run": True},
        {"verify": True, "create_only": True},
        {"create_only": True, "delete": True},
        {"max_errors": 0},
        {"max_errors": -1},
    ],
)
def test_options_that_contradict_each_other_are_an_error(
    bucket: Bucket, store: S3Store, folder: Path, options: dict[str, bool]
) -> None:
    with pytest.raises(errors.ConfigError):
        store.sync_upload(folder, **options)  # type: ignore[arg-type]
    assert bucket.requests == []


# jobs, max_errors, on_progress


@pytest.mark.parametrize("jobs", [0, -1, 1001])
def test_a_number_of_jobs_that_is_none_is_an_error(bucket: Bucket, store: S3Store, folder: Path, jobs: int) -> None:
    for sync in (store.sync_upload, store.sync_download):
        with pytest.raises(errors.ConfigError, match=f"jobs is {jobs}: it must be a whole number from 1 to 1000"):
            sync(folder, jobs=jobs)
    assert bucket.requests == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_jobs_make_so_many_connections(bucket: Bucket, store: S3Store, folder: Path, jobs: int) -> None:
    fill(folder, {f"{number}.json": b"x" for number in range(40)})
    assert store.sync_upload(folder, jobs=jobs).transferred == 40
    # One more may list.
    assert bucket.connections <= jobs + 1


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_sync_stops_at_so_many_failures(bucket: Bucket, store: S3Store, folder: Path, way: str) -> None:
    fill(folder, {f"{number:03}.json": b"x" for number in range(200)})
    if way == "down":
        store.sync_upload(folder)
        bucket.requests.clear()
    bucket.misbehave(error(500, "InternalError"), method="PUT" if way == "up" else "GET", query=".json")
    sync = store.sync_upload if way == "up" else store.sync_download
    report = sync(folder if way == "up" else folder / "new", max_errors=3, jobs=2)
    assert report.stopped == "stopped after 3 failures, the most that were allowed"
    assert 3 <= len(report.failed) <= 4
    assert len(bucket.asked("PUT" if way == "up" else "GET")) < 10
    assert not report.ok


def test_nothing_is_deleted_once_a_sync_has_stopped(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a", "b.json": b"b"})
    put(bucket, a=b"a", x=b"x")
    bucket.misbehave(error(500, "InternalError"), method="PUT")
    report = store.sync_upload(folder, delete=True, max_errors=1)
    assert (report.stopped, report.deleted, "x.json" in bucket.objects) == (
        "stopped after 1 failure, the most that were allowed",
        0,
        True,
    )


@pytest.mark.parametrize("delete", [False, True])
def test_progress_rises_and_ends_complete(bucket: Bucket, store: S3Store, folder: Path, delete: bool) -> None:
    fill(folder, {f"{number:02}.json": b"xx" for number in range(30)} | {"notes.txt": b""})
    put(bucket, **{f"{number:02}": b"xx" for number in range(5)}, **({"old": b"x"} if delete else {}))
    told: list[Progress] = []
    report = store.sync_upload(folder, delete=delete, on_progress=told.append)
    count = 31 if delete else 30
    for before, after in pairwise(told):
        assert before.done <= after.done
        assert before.planned <= after.planned
        assert before.bytes <= after.bytes
        assert before.seconds <= after.seconds
        assert before.complete <= after.complete
    assert all(progress.done <= progress.planned for progress in told)
    assert {progress.planned for progress in told if progress.complete} == {count}
    last = told[-1]
    assert (last.done, last.planned, last.bytes, last.complete) == (count, count, 50, True)
    assert report.transferred == 25


def test_an_empty_sync_is_told_to_be_complete(store: S3Store, folder: Path) -> None:
    told: list[Progress] = []
    store.sync_upload(folder, on_progress=told.append)
    assert [(progress.done, progress.planned, progress.complete) for progress in told] == [(0, 0, True)]


# follow_symlinks


def test_linked_folders_are_followed_both_ways_only_if_asked(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, {"a.json": b"a"})
    fill(folder.parent / "outside", {"b.json": b"b"})
    (folder / "linked").symlink_to(folder.parent / "outside")
    report = store.sync_upload(folder)
    assert (report.transferred, report.left_out) == (1, 1)
    report = store.sync_upload(folder, follow_symlinks=True)
    assert (report.transferred, report.left_out) == (1, 0)
    assert sorted(bucket.objects) == ["a.json", "linked/b.json"]
