"""One cassette at a time: what is stored is what comes back, byte for byte."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.conformance.client import client_of
from tests.conformance.defects import expected, named
from tests.servers.server import Server
from timetrace.errors import CassetteError, IntegrityError, NoSuchKeyError, PreconditionFailedError, S3Error
from timetrace.s3.http import Piece
from timetrace.s3.operations import GetObject, PutObject
from timetrace.storage import S3Config, S3Store

CASSETTE = {"request": {"method": "POST", "path": "/checkout"}, "response": {"status": 201, "body": "grüß Gott 漢字"}}
KEY = "2026-01-15/POST__checkout__a91c.json"


def test_an_uploaded_file_comes_back_under_its_key(store: S3Store, tmp_path: Path) -> None:
    day = tmp_path / "2026-01-15"
    day.mkdir()
    file = day / "POST__checkout__a91c.json"
    file.write_text(json.dumps(CASSETTE), encoding="utf-8")
    assert store.upload(file) == KEY
    assert store.download(KEY, tmp_path / "new" / "local.json") == tmp_path / "new" / "local.json"
    assert (tmp_path / "new" / "local.json").read_bytes() == file.read_bytes()
    assert store.read(KEY) == CASSETTE
    assert store.upload(file, "other/name.json") == "other/name.json"
    assert list(store.list()) == [KEY, "other/name.json"]
    assert sorted(os.listdir(tmp_path / "new")) == ["local.json"]


def test_what_is_written_is_read(store: S3Store) -> None:
    assert store.write(KEY, CASSETTE) == KEY
    assert store.read(KEY) == CASSETTE
    store.write(KEY, {"version": 2})
    assert store.read(KEY) == {"version": 2}
    assert store.write_bytes("raw.bin", bytes(range(256))) == "raw.bin"
    assert store.read_bytes("raw.bin") == bytes(range(256))
    with pytest.raises(CassetteError, match=r"raw\.bin is no JSON at line 1 column 1 .*: read_bytes gives its bytes"):
        store.read("raw.bin")


def test_a_gzipped_cassette_comes_back_as_it_was_stored(store: S3Store) -> None:
    store.write("a.json.gz", CASSETTE)
    stored = store.read_bytes("a.json.gz")
    assert json.loads(gzip.decompress(stored)) == CASSETTE
    assert store.read("a.json.gz") == CASSETTE
    assert store.stat("a.json.gz").size == len(stored)


def test_an_object_carries_its_sha256_and_a_content_type(store: S3Store) -> None:
    before = datetime.now(timezone.utc) - timedelta(minutes=5)
    kinds = {
        "a.json": "application/json",
        "a.json.gz": "application/gzip",
        "a.yaml": "application/yaml",
        "a.bin": "application/octet-stream",
    }
    for key, kind in kinds.items():
        store.write_bytes(key, key.encode())
        stat = store.stat(key)
        assert (stat.key, stat.size, stat.content_type) == (key, len(key), kind)
        assert stat.metadata["timetrace-sha256"] == hashlib.sha256(key.encode()).hexdigest()
        assert stat.last_modified is not None
        assert before < stat.last_modified < before + timedelta(minutes=10)
    store.write_bytes("a.txt", b"x", content_type="text/plain")
    assert store.stat("a.txt").content_type == "text/plain"


def test_an_empty_object_is_an_object(store: S3Store, tmp_path: Path) -> None:
    store.write_bytes("empty.json", b"")
    assert store.read_bytes("empty.json") == b""
    assert store.download("empty.json", tmp_path / "empty.json").read_bytes() == b""
    assert store.stat("empty.json").size == 0
    assert [(found.key, found.size) for found in store.objects()] == [("empty.json", 0)]


def test_a_large_file_is_streamed_both_ways(store: S3Store, tmp_path: Path) -> None:
    # Over the 8 MiB up to which a file is held.
    content = random.Random(1).randbytes(9 * 2**20 + 1)
    (tmp_path / "large.json").write_bytes(content)
    store.upload(tmp_path / "large.json", "large.json")
    assert store.download("large.json", tmp_path / "again.json").read_bytes() == content
    assert store.stat("large.json").size == 9 * 2**20 + 1


def test_a_deleted_object_is_gone(store: S3Store) -> None:
    store.write_bytes("a.json", b"{}")
    assert store.exists("a.json")
    store.delete("a.json")
    assert not store.exists("a.json")
    assert list(store.list()) == []
    with pytest.raises(NoSuchKeyError, match=r"a\.json: 404 .*: check the key and the prefix"):
        store.read("a.json")
    store.delete("a.json")  # S3 does not tell whether there was one


def test_part_of_an_object_can_be_had(store: S3Store, config: S3Config) -> None:
    store.write_bytes("digits", b"0123456789")
    pieces: list[Piece] = []
    key = store.uri("digits").partition(f"{store.bucket}/")[2]
    with client_of(config) as client:
        stat = client.perform(GetObject(key, lambda stat: pieces.append, byte_range=(2, 4)))
    assert b"".join(pieces) == b"234"
    assert stat.size == 10


def test_an_object_is_got_only_as_it_was_expected(store: S3Store, config: S3Config, server: Server) -> None:
    store.write_bytes("a", b"first")
    key = store.uri("a").partition(f"{store.bucket}/")[2]
    outcome = "given all the same"
    with client_of(config) as client:
        assert client.perform(GetObject(key, if_match=store.stat("a").etag)).size == 5
        try:
            client.perform(GetObject(key, if_match="0" * 32))
        except PreconditionFailedError as error:
            outcome = str(error).rpartition(": ")[2]
    assert outcome == expected(server, "an object that is not the expected one", PreconditionFailedError.hint)


def test_a_presigned_url_gets_the_object_and_nothing_else(store: S3Store, config: S3Config, server: Server) -> None:
    store.write_bytes("a b/é+%.json", b"{}")
    store.write_bytes("other.json", b"other")
    url = store.presign("a b/é+%.json", expires=60)
    assert fetch(url) == expected(server, "a presigned URL", "{}")
    altered = url.replace("a%20b/%C3%A9%2B%25.json", "other.json")
    assert fetch(altered) == expected(server, "an altered presigned URL", "403")
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    key = store.uri("other.json").partition(f"{store.bucket}/")[2]
    with client_of(config, now=lambda: hour_ago) as client:
        expired = client.presign(GetObject(key), 60)
    assert fetch(expired) == expected(server, "an expired presigned URL", "403")


def fetch(url: str) -> str:
    try:
        with urlopen(url, timeout=30) as response:
            return bytes(response.read()).decode()
    except HTTPError as error:
        error.close()
        return str(error.code)


def test_a_body_that_is_damaged_on_its_way_is_never_taken_for_the_cassette(
    store: S3Store, config: S3Config, server: Server
) -> None:
    promised = hashlib.sha256(b"promised").hexdigest()
    key = store.uri("a.json").partition(f"{store.bucket}/")[2]
    put = PutObject(key, b"damaged!", promised, metadata={"timetrace-sha256": promised})
    outcome = "stored"
    with client_of(config) as client:
        try:
            client.perform(put)
        except S3Error as error:
            outcome = named(error)
    if outcome == "stored":
        with (
            S3Store(config.replace(max_attempts=2)) as reader,
            pytest.raises(IntegrityError, match="the content's SHA256 is not the one that was stored with it"),
        ):
            reader.read_bytes("a.json")
    else:
        assert list(store.list()) == []
    assert outcome == expected(server, "a damaged body", "400 XAmzContentSHA256Mismatch")


def test_threads_share_a_store(store: S3Store) -> None:
    def one(number: int) -> bool:
        key = f"{number % 40:02}.json"
        store.write(key, {"number": number % 40})
        return bool(store.read(key) == {"number": number % 40})

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(one, range(80)))
    assert len(list(store.list())) == 40


def test_a_closed_store_can_be_used_again(config: S3Config) -> None:
    with S3Store(config) as store:
        store.write("a.json", 1)
    assert store.read("a.json") == 1
    store.close()


def test_a_uri_tells_where_an_object_lies(store: S3Store, server: Server) -> None:
    assert store.uri("a b.json") == f"s3://{store.bucket}/{store.prefix}/a b.json"


def test_many_files_go_up_come_down_and_are_deleted(store: S3Store, tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}.json").write_text(f'{{"number": {number}}}')
    pairs = [(tmp_path / f"{number:02}.json", f"day/{number:02}.json") for number in range(12)]
    report = store.upload_files([*pairs, (tmp_path / "none.json", "day/none.json")])
    assert (report.transferred, len(report.failed), report.ok) == (12, 1, False)
    assert report.failed[0].key == "day/none.json"
    down = store.download_files([f"day/{number:02}.json" for number in range(13)], tmp_path / "down")
    assert (down.transferred, [item.key for item in down.failed]) == (12, ["day/12.json"])
    assert (tmp_path / "down" / "day" / "07.json").read_text() == '{"number": 7}'
    gone = store.delete_files(list(store.list()))
    assert (gone.ok, gone.deleted) == (True, 12)
    assert list(store.list()) == []
