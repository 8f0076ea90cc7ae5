"""Whole folders: what is equal is not sent again, and what comes down is what went up."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from tests.conformance.client import client_of
from tests.conformance.defects import expected, named
from tests.servers.server import Server
from timetrace.errors import RequestError, S3Error
from timetrace.s3.operations import PutObject
from timetrace.storage import S3Config, S3Store, SyncReport

# Names as people give them. Three of them sort differently as folders and as keys.
FILES = {
    "2026-01-15/POST__checkout__a91c.json": b'{"n": 1}',
    "2026-01-15-old/GET a b+c.json": b'{"n": 2}',
    "2026-01-15.json": b'{"n": 3}',
    "deep/er/and/deeper/\u00e9 100%.json": b'{"n": 4}',
    "packed.json.gz": b"\x1f\x8b no matter",
    "empty.yaml": b"",
    "#1?&=.yml": b"n: 5",
    "large.json": b"[0]" * 3_000_000,
}


def _make(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _counts(report: SyncReport) -> tuple[int, int]:
    assert report.ok, [item.reason for item in (*report.failed, *report.refused)]
    return report.transferred, report.skipped


def test_a_folder_goes_up_comes_down_and_is_not_sent_twice(store: S3Store, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    _make(here, FILES)
    (here / "README.txt").write_text("no cassette")

    planned = store.sync_upload(here, dry_run=True)
    assert (_counts(planned), planned.dry_run, list(store.list())) == ((8, 0), True, [])
    report = store.sync_upload(here)
    assert (_counts(report), report.left_out, report.bytes) == ((8, 0), 1, sum(map(len, FILES.values())))
    assert sorted(store.list()) == sorted(FILES)
    assert _counts(store.sync_upload(here)) == (0, 8)

    assert _counts(store.sync_download(there, dry_run=True)) == (8, 0)
    assert not there.exists()
    assert _counts(store.sync_download(there)) == (8, 0)
    assert _content(there) == FILES
    assert _counts(store.sync_download(there)) == (0, 8)
    assert _counts(store.sync_upload(there)) == (0, 8)


def test_only_what_changed_is_sent(store: S3Store, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    _make(here, {"a.json": b"1", "b.json": b"1", "c.json": b"1"})
    store.sync_upload(here)
    store.sync_download(there)
    _make(here, {"a.json": b"longer", "b.json": b"2", "new.json": b"1"})  # another size, the same size, a new one
    assert _counts(store.sync_upload(here, dry_run=True)) == (3, 1)
    assert _counts(store.sync_upload(here)) == (3, 1)
    assert _counts(store.sync_download(there, dry_run=True)) == (3, 1)
    assert _content(there) == {"a.json": b"1", "b.json": b"1", "c.json": b"1"}
    assert _counts(store.sync_download(there)) == (3, 1)
    assert _content(there) == {"a.json": b"longer", "b.json": b"2", "c.json": b"1", "new.json": b"1"}


def test_a_sync_deletes_nothing(store: S3Store, tmp_path: Path) -> None:
    _make(tmp_path / "here", {"mine.json": b"1"})
    store.write_bytes("theirs.json", b"2")
    assert _counts(store.sync_upload(tmp_path / "here")) == (1, 0)
    assert sorted(store.list()) == ["mine.json", "theirs.json"]
    _make(tmp_path / "there", {"local.json": b"3"})
    assert _counts(store.sync_download(tmp_path / "there")) == (2, 0)
    assert _content(tmp_path / "there") == {"local.json": b"3", "mine.json": b"1", "theirs.json": b"2"}


def test_a_part_of_the_bucket_is_synced_by_its_prefix(store: S3Store, tmp_path: Path) -> None:
    _make(tmp_path / "here", {"a.json": b"1", "sub/b.json": b"2"})
    assert _counts(store.sync_upload(tmp_path / "here", "team/x")) == (2, 0)
    store.write_bytes("team/x-2/c.json", b"3")
    assert sorted(store.list()) == ["team/x-2/c.json", "team/x/a.json", "team/x/sub/b.json"]
    assert _counts(store.sync_download(tmp_path / "there", "team/x/")) == (2, 0)
    assert _content(tmp_path / "there") == {"a.json": b"1", "sub/b.json": b"2"}


def test_what_another_program_stored_is_compared_by_its_etag(
    store: S3Store, config: S3Config, server: Server, tmp_path: Path
) -> None:
    content = b'{"stored by": "another program"}'
    _make(tmp_path, {"a.json": content})
    key = f"{store.prefix}/a.json"
    with client_of(config) as client:
        client.perform(PutObject(key, content, hashlib.sha256(content).hexdigest()))
    sent = store.sync_upload(tmp_path).transferred
    assert ("skipped", "copied")[sent] == expected(server, "an equal object of another program", "skipped")
    assert _counts(store.sync_upload(tmp_path)) == (0, 1)
    assert store.read_bytes("a.json") == content


HOSTILE = {
    "../up.json": "up",
    "/abs.json": "absolute",
    "./dot.json": "dot",
    "a/../b.json": "up within",
    "a//b.json": "empty part",
    "nul\0.json": "NUL",
    "s" * 300 + ".json": "long",
}


def test_no_key_leads_out_of_the_folder(store: S3Store, config: S3Config, server: Server, tmp_path: Path) -> None:
    for key in (*HOSTILE, "good.json"):
        put = PutObject(f"{store.prefix}/{key}", key.encode(), hashlib.sha256(key.encode()).hexdigest())
        # Where a server does not take it there is nothing to refuse.
        with client_of(config) as client, suppress(S3Error):
            client.perform(put)
    listed = set(store.list())
    hostile = {key for key in listed if key in HOSTILE}
    assert "good.json" in listed
    report = store.sync_download(tmp_path / "a" / "folder")
    assert {item.key for item in report.refused} == hostile
    assert (report.failed, report.ok) == ((), not hostile)
    assert report.transferred == len(listed - hostile)
    assert set(_content(tmp_path)) == {f"a/folder/{key}" for key in listed - hostile}
    kinds = ", ".join(kind for key, kind in HOSTILE.items() if key in hostile)
    assert kinds == expected(server, "hostile keys that are stored", ", ".join(HOSTILE.values()))


def test_of_a_file_and_a_folder_of_one_name_the_file_comes_down(store: S3Store, server: Server, tmp_path: Path) -> None:
    store.write_bytes("a.json", b"file")
    outcome = "both"
    try:
        store.write_bytes("a.json/b.json", b"below")
    except RequestError as error:
        outcome = named(error)
    report = store.sync_download(tmp_path)
    if outcome == "both":
        outcome = f"both stored, refused on the way down: {[item.key for item in report.refused]}"
    wanted = "both stored, refused on the way down: ['a.json/b.json']"
    assert outcome == expected(server, "a file and a folder of one name", wanted)
    assert _content(tmp_path) == {"a.json": b"file"}
