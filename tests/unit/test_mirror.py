"""sync_upload and sync_download against a bucket on a loopback socket."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import answer, error
from timetrace import errors
from timetrace.storage import S3Config, S3Store, SyncItem, SyncReport

OTHER_MD5 = hashlib.md5(b"other").hexdigest()
OURS = "x-amz-meta-timetrace-sha256"


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
    (tmp_path / "cassettes").mkdir()
    return tmp_path / "cassettes"


def fill(folder: Path, **files: bytes) -> None:
    """`x__a=b""` is the file `x/a.json`."""
    for name, data in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def bodies(bucket: Bucket) -> dict[str, bytes]:
    return {key: stored.body for key, stored in sorted(bucket.objects.items())}


def counts(report: SyncReport) -> tuple[int, int, int]:
    return report.transferred, report.skipped, report.left_out


# Up and down


def test_all_goes_up_then_nothing_then_what_changed(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"aa", x__b=b"bb", x__y__c=b"cc")
    assert counts(store.sync_upload(folder)) == (3, 0, 0)
    assert bodies(bucket) == {"a.json": b"aa", "x/b.json": b"bb", "x/y/c.json": b"cc"}
    assert counts(store.sync_upload(folder)) == (0, 3, 0)
    fill(folder, a=b"AA", d=b"dd")
    report = store.sync_upload(folder)
    assert (counts(report), report.bytes, report.ok) == ((2, 2, 0), 4, True)
    assert bodies(bucket) == files(folder)


def test_all_comes_down_then_nothing_then_what_changed(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.objects = {"a.json": Stored(b"aa"), "x/b.json": Stored(b"bb")}
    target = folder / "not" / "yet"
    assert counts(store.sync_download(target)) == (2, 0, 0)
    assert files(target) == {"a.json": b"aa", "x/b.json": b"bb"}
    assert counts(store.sync_download(target)) == (0, 2, 0)
    bucket.objects["a.json"] = Stored(b"AA")
    report = store.sync_download(target)
    assert (counts(report), report.bytes) == ((1, 1, 0), 2)
    assert files(target) == {"a.json": b"AA", "x/b.json": b"bb"}


def test_times_do_not_count(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"aa", b=b"bb")
    store.sync_upload(folder)
    os.utime(folder / "a.json", (0, 0))
    os.utime(folder / "b.json", (2**32, 2**32))
    assert counts(store.sync_upload(folder)) == (0, 2, 0)
    assert counts(store.sync_download(folder)) == (0, 2, 0)


def test_what_only_the_other_side_has_stays(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, here=b"h")
    bucket.objects = {"there.json": Stored(b"t")}
    store.sync_upload(folder)
    assert sorted(bucket.objects) == ["here.json", "there.json"]
    del bucket.objects["here.json"]
    store.sync_download(folder)
    assert sorted(files(folder)) == ["here.json", "there.json"]


def test_a_remote_prefix_is_a_folder_and_not_a_text(bucket: Bucket, folder: Path) -> None:
    bucket.objects = {f"p/{key}": Stored(b"x") for key in ("a/x.json", "ab/y.json", "a.json")}
    with bucket.store(prefix="p") as store:
        for prefix in ("a", "a/"):
            told: list[SyncItem] = []
            store.sync_download(folder / prefix.replace("/", "-"), prefix, on_result=told.append)
            assert [item.key for item in told] == ["a/x.json"]
            assert files(folder / prefix.replace("/", "-")) == {"x.json": b"x"}
        fill(folder / "up", z=b"z")
        store.sync_upload(folder / "up", "deep/er")
    assert "p/deep/er/z.json" in bucket.objects


def test_markers_of_folders_are_passed_over(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.objects = {"x/": Stored(b""), "x/a.json": Stored(b"a")}
    report = store.sync_download(folder)
    assert (counts(report), report.ok) == ((1, 0, 0), True)


def test_each_item_is_told_as_it_is_done(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"aa", b=b"bb")
    bucket.objects["a.json"] = Stored(b"aa")
    told: list[SyncItem] = []
    store.sync_upload(folder, on_result=told.append)
    assert sorted((item.action, item.key, item.path, item.size) for item in told) == [
        ("skip", "a.json", str(folder / "a.json"), 2),
        ("upload", "b.json", str(folder / "b.json"), 2),
    ]


# What decides


def test_another_size_needs_no_question(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"longer")
    bucket.objects["a.json"] = Stored(b"short")
    assert counts(store.sync_upload(folder)) == (1, 0, 0)
    assert bucket.asked() == ["LIST", "PUT a.json"]


def test_an_equal_md5_needs_no_question(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"same")
    bucket.objects["a.json"] = Stored(b"same")
    assert counts(store.sync_upload(folder)) == (0, 1, 0)
    assert counts(store.sync_download(folder)) == (0, 1, 0)
    assert bucket.asked() == ["LIST", "LIST"]


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        (Stored(b"aaaa"), False),
        (Stored(b"same", etag=f"{OTHER_MD5}-2"), False),
        (Stored(b"same", {OURS: hashlib.sha256(b"same").hexdigest()}, f"{OTHER_MD5}-2"), True),
        (Stored(b"same", {"x-amz-server-side-encryption": "aws:kms"}, OTHER_MD5), False),
        (
            Stored(
                b"same",
                {"x-amz-server-side-encryption": "aws:kms", OURS: hashlib.sha256(b"same").hexdigest()},
                OTHER_MD5,
            ),
            True,
        ),
        (Stored(b"aaaa", {OURS: hashlib.sha256(b"aaaa").hexdigest()}), False),
    ],
    ids=["md5", "multipart", "multipart and our sha256", "kms", "kms and our sha256", "another sha256"],
)
@pytest.mark.parametrize("way", ["up", "down"])
def test_an_equal_size_and_another_etag_are_settled_by_a_head(
    bucket: Bucket, store: S3Store, folder: Path, stored: Stored, same: bool, way: str
) -> None:
    fill(folder, a=b"same")
    bucket.objects["a.json"] = stored
    report = (store.sync_upload if way == "up" else store.sync_download)(folder)
    assert counts(report) == ((0, 1, 0) if same else (1, 0, 0))
    copied = [] if same else ["PUT a.json" if way == "up" else "GET a.json"]
    assert bucket.asked() == ["LIST", "HEAD a.json", *copied]


def test_a_bucket_under_kms_is_in_step_after_one_sync(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.kms = True
    fill(folder, a=b"aa", b=b"bb")
    assert counts(store.sync_upload(folder)) == (2, 0, 0)
    assert counts(store.sync_upload(folder)) == (0, 2, 0)
    assert counts(store.sync_download(folder)) == (0, 2, 0)


# Listings


def test_all_pages_count(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.page = 7
    fill(folder, **{f"f{number:03}": b"x" for number in range(50)})
    assert counts(store.sync_upload(folder)) == (50, 0, 0)
    assert counts(store.sync_upload(folder)) == (0, 50, 0)
    assert counts(store.sync_download(folder / "down")) == (50, 0, 0)
    assert len(bucket.asked("LIST")) == 1 + 8 + 8


def as_seaweedfs(key: str) -> list[tuple[bool, str]]:
    """Folders before files, at each level: `a/b` before `a-1`."""
    *folders, name = key.split("/")
    return [*((False, part) for part in folders), (True, name)]


@pytest.mark.parametrize("page", [2, 1000])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_listing_out_of_order_is_collected_and_sorted(folder: Path, page: int, concurrency: int) -> None:
    with Bucket(order=as_seaweedfs, page=page) as bucket, bucket.store(max_concurrency=concurrency) as store:
        fill(folder, **dict.fromkeys(("a__b", "a-1", "a_", "b__c__d", "b__a", "z", "2026-01-15__x"), b"x"))
        bucket.objects = {"a-1.json": Stored(b"x"), "a/b.json": Stored(b"x")}
        assert counts(store.sync_upload(folder)) == (5, 2, 0)
        assert counts(store.sync_upload(folder)) == (0, 7, 0)
        report = store.sync_download(folder)
        assert (counts(report), report.ok) == ((0, 7, 0), True)
        assert counts(store.sync_download(folder / "new")) == (7, 0, 0)


def test_disorder_far_down_a_listing_starts_over_and_counts_once(bucket: Bucket, store: S3Store, folder: Path) -> None:
    keys = [f"k{number:05}.json" for number in range(10_500)]
    order = {key: place for place, key in enumerate([*keys[:10_200], *reversed(keys[10_200:])])}
    bucket.order = order.__getitem__
    bucket.objects = {key: Stored(b"") for key in keys}
    fill(folder, k00000=b"", k10499=b"changed")
    report = store.sync_download(folder, dry_run=True)
    assert (counts(report), report.ok) == ((10_499, 1, 0), True)
    bucket.objects = {key: bucket.objects[key] for key in keys[:3] + keys[10_190:]}
    report = store.sync_download(folder)
    assert report.ok
    assert len(files(folder)) == 3 + 310
    assert report.transferred + report.skipped == 313


def test_disorder_after_a_start_is_no_error_for_what_was_done(bucket: Bucket, store: S3Store, folder: Path) -> None:
    keys = [f"k{number:05}.json" for number in range(10_100)]
    order = {key: place for place, key in enumerate([*keys[:10_050], *reversed(keys[10_050:])])}
    bucket.order = order.__getitem__
    bucket.objects = {key: Stored(b"") for key in keys}
    fill(folder, **{key.removesuffix(".json"): b"" for key in keys[5:]})
    report = store.sync_download(folder)
    assert (counts(report), report.ok, len(files(folder))) == ((5, 10_095, 0), True, 10_100)


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_listing_that_fails_is_an_error_and_never_an_empty_plan(
    bucket: Bucket, store: S3Store, folder: Path, way: str, dry_run: bool
) -> None:
    fill(folder, a=b"aa")
    bucket.misbehave(error(403, "AccessDenied"), key="")
    with pytest.raises(errors.AccessDeniedError):
        (store.sync_upload if way == "up" else store.sync_download)(folder, dry_run=dry_run)
    assert bucket.asked() == ["LIST"]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_second_page_that_fails_is_an_error(bucket: Bucket, store: S3Store, folder: Path, way: str) -> None:
    bucket.page = 2
    bucket.objects = {f"{number}.json": Stored(b"x") for number in range(6)}
    first = bucket._list({"prefix": "", "encoding-type": "url"})
    bucket.misbehave(first, key="", times=1)
    bucket.misbehave(error(500, "InternalError"), key="")
    fill(folder, a=b"aa")
    with pytest.raises(errors.S3Error, match="InternalError"):
        (store.sync_upload if way == "up" else store.sync_download)(folder)


def test_a_listing_with_a_key_twice_is_an_error(bucket: Bucket, store: S3Store, folder: Path) -> None:
    twice = "<Contents><Key>a.json</Key><Size>1</Size></Contents>" * 2
    bucket.misbehave(answer(body=f"<ListBucketResult>{twice}</ListBucketResult>".encode()), key="")
    with pytest.raises(errors.ResponseError, match=r"the listing names a\.json twice"):
        store.sync_download(folder)


# What fails


def test_one_object_that_fails_does_not_stop_the_others(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"aa", b=b"bb", c=b"cc")
    bucket.misbehave(error(500, "InternalError"), key="b.json")
    report = store.sync_upload(folder)
    assert (counts(report), report.ok) == ((2, 0, 0), False)
    [failed] = report.failed
    assert (failed.action, failed.key, failed.path) == ("fail", "b.json", str(folder / "b.json"))
    assert isinstance(failed.error, errors.S3Error)
    assert failed.reason.startswith("PUT s3://bucket/b.json: 500 InternalError")
    bucket.objects["b.json"] = Stored(b"BB")
    report = store.sync_download(folder)
    assert ([item.key for item in report.failed], files(folder)["b.json"]) == (["b.json"], b"bb")


@pytest.mark.parametrize(
    "told",
    [
        answer(body=b"BAD", headers=[f"{OURS}: {'0' * 64}"]),
        lambda connection: connection.sendall(answer(body=b"B", length=3)),
        error(403, "InvalidObjectState"),
    ],
    ids=["SHA-256", "short", "archived"],
)
def test_a_download_that_fails_leaves_nothing_half_written(
    bucket: Bucket, store: S3Store, folder: Path, told: bytes
) -> None:
    bucket.objects = {"a.json": Stored(b"aaa"), "b.json": Stored(b"bbb"), "x/c.json": Stored(b"ccc")}
    fill(folder, b=b"old")
    for key in ("b.json", "x/c.json"):
        bucket.misbehave(told, method="GET", key=key)
    report = store.sync_download(folder)
    assert sorted(item.key for item in report.failed) == ["b.json", "x/c.json"]
    assert files(folder) == {"a.json": b"aaa", "b.json": b"old"}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(403, "SignatureDoesNotMatch"), errors.SignatureError),
        (error(403, "InvalidAccessKeyId"), errors.InvalidAccessKeyError),
        (error(400, "ExpiredToken"), errors.ExpiredCredentialsError),
        (error(404, "NoSuchBucket"), errors.NoSuchBucketError),
    ],
    ids=["secret", "access key", "expired", "bucket"],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_all_others_would_meet_stops_the_whole(
    bucket: Bucket, store: S3Store, folder: Path, told: bytes, kind: type[Exception], method: str
) -> None:
    fill(folder, **{f"f{number}": b"x" for number in range(300)})
    bucket.misbehave(told, method=method)
    with pytest.raises(kind):
        store.sync_upload(folder)
    assert len(bucket.requests) < 30


def test_an_unreachable_server_stops_the_whole(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    fill(folder, a=b"a")
    with (
        S3Store(
            S3Config(
                bucket="bucket", endpoint_url=f"http://127.0.0.1:{port}", access_key="a", secret_key="s", max_attempts=1
            )
        ) as store,
        pytest.raises(errors.UnreachableError, match=f"no connection to 127.0.0.1:{port}"),
    ):
        store.sync_upload(folder)


def test_a_file_that_goes_away_meanwhile_does_not_stop_the_others(bucket: Bucket, folder: Path) -> None:
    fill(folder, a=b"a", b=b"b")
    with bucket.store(max_concurrency=1) as store:
        report = store.sync_upload(folder, on_result=lambda item: (folder / "b.json").unlink(missing_ok=True))
    # It is a failure where it was seen before, and nothing where it was not.
    assert {(item.key, type(item.error)) for item in report.failed} <= {("b.json", FileNotFoundError)}
    assert report.transferred == 1


def test_a_folder_that_is_missing_or_none_is_an_error(bucket: Bucket, store: S3Store, folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*gone"):
        store.sync_upload(folder / "gone")
    fill(folder, a=b"a")
    with pytest.raises(NotADirectoryError, match=r"a\.json is no folder"):
        store.sync_upload(folder / "a.json")
    with pytest.raises(NotADirectoryError):
        store.sync_download(folder / "a.json")
    assert bucket.requests == []


# What is refused or left out


def test_no_key_leaves_the_folder_and_the_rest_goes_on(bucket: Bucket, store: S3Store, folder: Path) -> None:
    refused = ["../out.json", "/abs.json", "a//b.json", "x/../y.json", "./z.json", f"{'n' * 300}.json", "nul\0.json"]
    bucket.objects = {key: Stored(b"x") for key in [*refused, "good.json", "x/good.json"]}
    report = store.sync_download(folder)
    assert sorted(item.key for item in report.refused) == sorted(refused)
    assert all(item.action == "refuse" and item.reason for item in report.refused)
    assert (counts(report), report.ok) == ((2, 0, 0), False)
    assert files(folder.parent) == {"cassettes/good.json": b"x", "cassettes/x/good.json": b"x"}
    dry = store.sync_download(folder / "new", dry_run=True)
    assert sorted(item.key for item in dry.refused) == sorted(refused)


def test_two_keys_that_land_on_one_path_are_not_both_written(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.objects = {"a.json": Stored(b"file"), "a.json/b.json": Stored(b"below")}
    report = store.sync_download(folder)
    assert [(item.key, item.reason) for item in report.refused] == [
        ("a.json/b.json", "a.json is a file, and cannot be a folder too")
    ]
    assert files(folder) == {"a.json": b"file"}


def test_a_symlink_in_the_way_leads_nowhere(bucket: Bucket, store: S3Store, folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (folder / "x").symlink_to(outside)
    bucket.objects = {"x/a.json": Stored(b"a"), "b.json": Stored(b"b")}
    report = store.sync_download(folder)
    assert [(item.key, item.reason) for item in report.refused] == [("x/a.json", "x/a.json: x is a symbolic link")]
    assert (files(outside), (folder / "b.json").read_bytes()) == ({}, b"b")


def test_what_is_no_cassette_is_left_out_and_counted(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"a")
    (folder / "notes.txt").write_text("")
    (folder / ".timetrace-0123456789abcdef.tmp").write_text("")
    told: list[SyncItem] = []
    assert counts(store.sync_upload(folder, on_result=told.append)) == (1, 0, 1)
    assert [(item.action, item.path, item.reason) for item in told if item.action == "leave out"] == [
        ("leave out", str(folder / "notes.txt"), "no pattern takes it")
    ]
    bucket.objects["there.txt"] = Stored(b"")
    assert counts(store.sync_download(folder / "new")) == (1, 0, 1)


def test_links_to_files_are_followed_and_links_to_folders_only_if_asked(
    bucket: Bucket, store: S3Store, folder: Path
) -> None:
    fill(folder, a=b"a")
    fill(folder.parent / "outside", b=b"b")
    (folder / "link.json").symlink_to(folder / "a.json")
    (folder / "linked").symlink_to(folder.parent / "outside")
    assert counts(store.sync_upload(folder)) == (2, 0, 1)
    assert bodies(bucket) == {"a.json": b"a", "link.json": b"a"}
    assert counts(store.sync_upload(folder, follow_symlinks=True)) == (1, 2, 0)
    assert bodies(bucket)["linked/b.json"] == b"b"


def test_a_loop_of_links_ends(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, x__a=b"a")
    (folder / "x" / "up").symlink_to(folder)
    report = store.sync_upload(folder, follow_symlinks=True)
    assert (counts(report), report.ok) == ((1, 0, 1), True)
    assert [*bucket.objects] == ["x/a.json"]


def test_a_broken_link_is_a_failure_of_its_own(store: S3Store, folder: Path) -> None:
    fill(folder, a=b"a")
    (folder / "broken.json").symlink_to(folder / "gone.json")
    report = store.sync_upload(folder)
    assert ([item.path for item in report.failed], report.transferred) == ([str(folder / "broken.json")], 1)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="no such names there")
def test_a_local_name_that_is_no_utf8_is_refused(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"a")
    with open(os.fsencode(folder) + b"/caf\xe9.json", "wb"):
        pass
    report = store.sync_upload(folder)
    assert [(item.action, item.reason) for item in report.refused] == [("refuse", "the name is not valid UTF-8")]
    assert ([*bucket.objects], report.ok) == (["a.json"], False)


def test_a_key_that_becomes_too_long_is_refused(bucket: Bucket, folder: Path) -> None:
    fill(folder, a=b"a", **{"b" * 100: b"b"})
    with bucket.store(prefix="p" * 1000) as store:
        report = store.sync_upload(folder)
    assert [item.key for item in report.refused] == ["b" * 100 + ".json"]
    assert "S3 takes 1024" in report.refused[0].reason
    assert report.transferred == 1


# Dry runs


def test_a_dry_run_tells_the_same_and_sends_only_questions(bucket: Bucket, store: S3Store, folder: Path) -> None:
    fill(folder, a=b"same", b=b"new!", c=b"here", d=b"multi")
    (folder / "notes.txt").write_text("")
    bucket.objects = {
        "a.json": Stored(b"same"),
        "b.json": Stored(b"old!"),
        "d.json": Stored(b"multi", {OURS: hashlib.sha256(b"multi").hexdigest()}, f"{OTHER_MD5}-2"),
        "e.json": Stored(b"there"),
        "../f.json": Stored(b""),
    }
    before = (bodies(bucket), files(folder))
    for sync in (store.sync_upload, store.sync_download):
        dry = sync(folder, dry_run=True)
        assert dry.dry_run
        assert {line.split()[0] for line in bucket.asked()} <= {"LIST", "HEAD"}
        assert (bodies(bucket), files(folder)) == before
    for sync in (store.sync_download, store.sync_upload):
        dry, real = sync(folder, dry_run=True), sync(folder)
        assert (counts(dry), dry.bytes) == (counts(real), real.bytes)
        assert [item.key for item in dry.refused] == [item.key for item in real.refused]


def test_a_dry_run_down_makes_no_folder(bucket: Bucket, store: S3Store, folder: Path) -> None:
    bucket.objects = {"a.json": Stored(b"aa"), "b.txt": Stored(b"")}
    told: list[SyncItem] = []
    report = store.sync_download(folder / "new", dry_run=True, on_result=told.append)
    assert (counts(report), report.bytes) == ((1, 0, 1), 2)
    assert [item.path for item in told if item.action == "download"] == [str(folder / "new" / "a.json")]
    assert not (folder / "new").exists()
    assert bucket.asked() == ["LIST"]
