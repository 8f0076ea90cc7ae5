"""Large objects on real servers: up in parts, down in ranges, and nothing left of what failed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.conformance.client import client_of
from tests.conformance.defects import expected, named
from tests.folders import content, fill
from tests.servers.server import Server
from timetrace.errors import IntegrityError, RequestError, S3Error
from timetrace.s3.multipart import CreateMultipartUpload, UploadPart
from timetrace.s3.operations import GetRange
from timetrace.storage import S3Config, S3Store
from timetrace.storage.parts import begun_before

MB = 2**20
LARGE = random.Random(4).randbytes(11 * MB + 7)


@pytest.fixture
def sliced(config: S3Config) -> S3Config:
    return config.replace(multipart_threshold="5MB", part_size="5MB")


@pytest.fixture
def store(sliced: S3Config) -> Iterator[S3Store]:
    with S3Store(sliced) as store:
        yield store


def under_way(store: S3Store, config: S3Config, server: Server) -> list[str]:
    """The keys of the uploads that were neither completed nor aborted."""
    later = datetime.now(timezone.utc) + timedelta(days=1)
    with client_of(config) as client:
        try:
            found = [upload.key for upload in begun_before(client, f"{store.prefix}/", later)]
        except RequestError as error:
            return [named(error)]
    return [key.removeprefix(f"{store.prefix}/") for key in found]


def test_a_large_file_goes_up_in_parts_and_comes_down_in_ranges(
    store: S3Store, config: S3Config, server: Server, tmp_path: Path
) -> None:
    here = fill(tmp_path / "here", {"a/large.json": LARGE, "small.json": b"{}"})
    assert store.sync_upload(here).transferred == 2
    assert store.sync_upload(here).skipped == 2
    stat = store.stat("a/large.json")
    assert (stat.size, stat.content_type) == (len(LARGE), "application/json")
    assert stat.metadata["timetrace-sha256"] == hashlib.sha256(LARGE).hexdigest()
    parts = stat.etag.rpartition("-")[2] if "-" in stat.etag else "none"
    assert parts == expected(server, "the number of parts in an ETag", "3")
    assert store.sync_download(tmp_path / "there").transferred == 2
    assert content(tmp_path / "there") == {"a/large.json": LARGE, "small.json": b"{}"}
    assert store.sync_download(tmp_path / "there").skipped == 2
    assert store.read_bytes("a/large.json") == LARGE
    assert store.download("a/large.json", tmp_path / "one.json").read_bytes() == LARGE
    assert store.sync_upload(here, verify=True).ok


def test_a_failed_upload_is_aborted(
    store: S3Store, config: S3Config, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fill(tmp_path, {"large.json": LARGE}) / "large.json"
    began = UploadPart.request

    def change(part: UploadPart, endpoint: object) -> object:
        # The file changes while its third part is on its way.
        if part.number == 3:
            path.write_bytes(LARGE[::-1])
        return began(part, endpoint)  # type: ignore[arg-type]

    monkeypatch.setattr(UploadPart, "request", change)
    report = store.sync_upload(tmp_path)
    assert [type(item.error) for item in report.failed] == [IntegrityError]
    assert list(store.list()) == []
    assert under_way(store, config, server) == []


def test_an_upload_that_nobody_completed_is_listed(store: S3Store, config: S3Config, server: Server) -> None:
    with client_of(config) as client:
        client.perform(CreateMultipartUpload(f"{store.prefix}/a b+c.json", "application/json"))
    assert str(under_way(store, config, server)) == expected(server, "an upload under way", "['a b+c.json']")
    assert list(store.list()) == []


def test_a_part_without_its_md5_is_checked_by_the_servers_that_are_known_to(
    store: S3Store, config: S3Config, server: Server
) -> None:
    with client_of(config) as client:
        key = f"{store.prefix}/a.json"
        begun = client.perform(CreateMultipartUpload(key, "application/json"))
        part = UploadPart(key, begun.upload_id, 1, b"damaged!", hashlib.sha256(b"promised").hexdigest())
        try:
            client.perform(part)
            outcome = "stored"
        except S3Error as error:
            outcome = named(error)
    assert outcome == expected(server, "a damaged body", "400 XAmzContentSHA256Mismatch")
    assert begun.checks_sha256 is (server.name in ("minio", "minio-kms", "versitygw"))


def test_a_large_file_is_created_only_once(store: S3Store, server: Server, tmp_path: Path) -> None:
    here = fill(tmp_path, {"large.json": LARGE})
    try:
        outcome = f"created {store.sync_upload(here, create_only=True).transferred}"
    except RequestError as error:
        outcome = type(error).__name__
    assert outcome == expected(server, "to create only, in parts", "created 1")
    assert store.read_bytes("large.json") == LARGE


def test_a_large_file_is_packed_and_comes_back(store: S3Store, tmp_path: Path) -> None:
    files = {"noise.json": LARGE, "text.json": b"again and " * MB}
    here = fill(tmp_path / "here", files)
    assert store.sync_upload(here, compress=True).transferred == 2
    assert store.sync_upload(here, compress=True).skipped == 2
    assert store.sync_download(here).skipped == 2
    assert store.sync_download(tmp_path / "there").transferred == 2
    assert content(tmp_path / "there") == files


@pytest.mark.parametrize("quoted", [True, False], ids=["in quotes", "bare"])
def test_a_range_is_of_the_object_that_was_expected(
    store: S3Store, config: S3Config, server: Server, quoted: bool
) -> None:
    store.write_bytes("a.json", b"0123456789")
    etag, key = store.stat("a.json").etag, store._objects.full("a.json")
    outcomes = []
    with client_of(config) as client:
        for expected_etag in (etag, "0" * 32):
            pieces: list[bytes] = []
            wanted = GetRange(key, 2, 5, 10, expected_etag, lambda stat, into=pieces: into.append, quoted=quoted)  # type: ignore[misc]
            try:
                client.perform(wanted)
                outcomes.append(b"".join(pieces).decode())
            except RequestError as error:
                outcomes.append(named(error))
    claim = "a range, with the ETag in quotes" if quoted else "a range, with a bare ETag"
    assert ", ".join(outcomes) == expected(server, claim, "234, 412 PreconditionFailed")
