"""What a sync can be told to do, on real servers."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

from tests.conformance.client import client_of
from tests.conformance.defects import expected, named
from tests.folders import content, fill
from tests.servers.server import Server
from timetrace.errors import PreconditionFailedError, RequestError, UnsupportedError
from timetrace.s3.operations import DeleteObjects, PutObject
from timetrace.storage import S3Config, S3Store, SyncReport
from timetrace.storage.content import content_of, hashes_of
from timetrace.storage.packing import ENCODING, GZIP

LONG = b'{"text": "' + b"again and " * 2000 + b'"}'
FILES = {"2026-01-15/long.json": LONG, "tiny.json": b"{}", "a b+c/\u00e9 100%.yaml": b"n: 1", "empty.yml": b""}


def counts(report: SyncReport) -> tuple[int, int, int]:
    assert report.ok, [item.reason for item in (*report.failed, *report.refused)]
    return report.transferred, report.skipped, report.deleted


# delete


def test_what_the_other_side_lacks_is_deleted_both_ways(store: S3Store, tmp_path: Path) -> None:
    here = fill(tmp_path / "here", FILES)
    store.sync_upload(here)
    for key in ("old.json", "2026-01-15/old.json", "a b+c/old.json"):
        store.write_bytes(key, b"old")
    store.write_bytes("notes.txt", b"no cassette")
    assert counts(store.sync_upload(here, delete=True, dry_run=True)) == (0, 4, 3)
    assert counts(store.sync_upload(here, delete=True)) == (0, 4, 3)
    assert sorted(store.list()) == sorted([*FILES, "notes.txt"])

    there = fill(tmp_path / "there", {**FILES, "old.json": b"old", "x/old.json": b"old", "notes.md": b"mine"})
    assert counts(store.sync_download(there, delete=True, dry_run=True)) == (0, 4, 2)
    assert counts(store.sync_download(there, delete=True)) == (0, 4, 2)
    assert content(there) == {**FILES, "notes.md": b"mine"}


# Markup, blanks at both ends, what servers encode in lists, and a control character, which XML cannot carry.
ODD = ["a&b<c>'\".json", " blank .json", "plus+ %20.json", "\u00e9\u6f22\U0001f600.json", "tab\there.json", "ok.json"]


def test_keys_that_need_escaping_are_deleted_like_others(store: S3Store, server: Server, tmp_path: Path) -> None:
    kept = fill(tmp_path, {f"kept {number}.json": b"{}" for number in range(len(ODD))})
    store.sync_upload(kept)
    for key in ODD:
        store.write_bytes(key, b"{}")
    assert set(ODD) <= set(store.list())
    assert counts(store.sync_upload(kept, delete=True)) == (0, len(ODD), len(ODD))
    assert sorted(store.list()) == sorted(content(kept))


def test_many_keys_go_in_one_request(store: S3Store, config: S3Config, server: Server) -> None:
    keys = [f"{store.prefix}/{number}.json" for number in range(3)]
    for key in keys:
        store.write_bytes(key.removeprefix(f"{store.prefix}/"), b"{}")
    missing = [*keys, f"{store.prefix}/never.json"]  # S3 does not tell whether there was one
    with client_of(config) as client:
        body = DeleteObjects.body(missing)
        try:
            outcome = str(client.perform(DeleteObjects(missing, hashes_of(body).checksum)))
        except RequestError as error:
            outcome = named(error)
    assert outcome == expected(server, "many deletions at once", "{}")
    assert list(store.list()) == ([] if outcome == "{}" else sorted(f"{number}.json" for number in range(3)))


# compress


def test_what_is_compressed_comes_back_and_is_not_sent_twice(
    store: S3Store, config: S3Config, server: Server, tmp_path: Path
) -> None:
    here = fill(tmp_path / "here", FILES)
    assert counts(store.sync_upload(here, compress=True)) == (4, 0, 0)
    stat = store.stat("2026-01-15/long.json")
    assert stat.size < len(LONG) / 10
    assert stat.content_encoding == "gzip"
    assert stat.metadata["timetrace-sha256"] == hashlib.sha256(LONG).hexdigest()
    assert counts(store.sync_upload(here, compress=True)) == (0, 4, 0)
    assert counts(store.sync_download(here)) == (0, 4, 0)
    assert store.read_bytes("2026-01-15/long.json") == LONG
    assert store.read("tiny.json") == {}
    assert counts(store.sync_download(tmp_path / "there")) == (4, 0, 0)
    assert content(tmp_path / "there") == FILES
    assert store.sync_upload(here, verify=True).ok


def test_bytes_of_another_zlib_change_nothing(store: S3Store, config: S3Config, server: Server, tmp_path: Path) -> None:
    here = fill(tmp_path, {"a.json": LONG})
    other = gzip.compress(LONG, 1)
    marks = {"timetrace-sha256": hashlib.sha256(LONG).hexdigest(), ENCODING: GZIP}
    sha256 = hashlib.sha256(other).hexdigest()
    with client_of(config) as client:
        client.perform(PutObject(f"{store.prefix}/a.json", other, sha256, "application/json", marks, "gzip"))
    assert counts(store.sync_upload(here, compress=True)) == (0, 1, 0)
    assert counts(store.sync_download(here)) == (0, 1, 0)
    assert store.stat("a.json").size == len(other)
    assert store.read_bytes("a.json") == LONG


def test_gzip_of_another_program_comes_as_it_is_stored(store: S3Store, config: S3Config, tmp_path: Path) -> None:
    body = gzip.compress(LONG)
    sha256 = hashlib.sha256(body).hexdigest()
    with client_of(config) as client:
        client.perform(PutObject(f"{store.prefix}/a.json", body, sha256, "application/json", {}, "gzip"))
    assert counts(store.sync_download(tmp_path)) == (1, 0, 0)
    assert content(tmp_path) == {"a.json": body}


# create_only


def test_what_exists_is_not_replaced(store: S3Store, server: Server, tmp_path: Path) -> None:
    store.write_bytes("a.json", b"theirs")
    here = fill(tmp_path, {"a.json": b"mine", "b.json": b"b", "c.json": b"c"})
    try:
        outcome = str(counts(store.sync_upload(here, create_only=True)))
    except UnsupportedError as error:
        outcome = f"told: {error.code}"
    assert outcome == expected(server, "to create only", "(2, 1, 0)")
    assert store.read_bytes("a.json") == b"theirs"


def test_the_loser_of_a_race_replaces_nothing(store: S3Store, server: Server) -> None:
    store.write_bytes("a.json", b"theirs")
    full, outcome = store._objects.full("a.json"), "replaced"
    try:
        store._objects.put(full, content_of(b"mine"), create_only=True)
    except PreconditionFailedError:
        outcome = "refused"
    assert outcome == expected(server, "a second PUT that may only create", "refused")
    assert store.read_bytes("a.json") == (b"mine" if outcome == "replaced" else b"theirs")


# verify


def test_verify_finds_what_differs_and_changes_nothing(store: S3Store, tmp_path: Path) -> None:
    here = fill(tmp_path, FILES)
    store.sync_upload(here)
    report = store.sync_upload(here, verify=True)
    assert (report.ok, report.skipped) == (True, 4)
    store.write_bytes("tiny.json", b"[]")
    fill(here, {"only here.json": b"1"})
    report = store.sync_upload(here, verify=True)
    assert sorted(item.key for item in report.failed) == ["only here.json", "tiny.json"]
    assert (store.read_bytes("tiny.json"), store.exists("only here.json")) == (b"[]", False)
    assert zlib.crc32(store.read_bytes("2026-01-15/long.json")) == zlib.crc32(LONG)
