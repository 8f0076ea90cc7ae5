"""What goes up is what was hashed, and what comes down is what was stored: at the store's door, not behind it."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import Answer, error
from timetrace.errors import IntegrityError
from timetrace.storage import S3Store
from timetrace.storage.content import HELD, SHA256

ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ABC_MD5 = "900150983cd24fb0d6963f7d28e17f72"
OTHER_MD5 = hashlib.md5(b"other").hexdigest()
LARGE = b"0123456789abcdef" * (HELD // 16) + b"more"
OURS = f"x-amz-meta-{SHA256}"
KMS = {"x-amz-server-side-encryption": "aws:kms"}
OWN_KEY = {"x-amz-server-side-encryption-customer-algorithm": "AES256"}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store(max_attempts=2) as store:
        yield store


def test_a_large_file_is_sent_anew_from_its_start_after_a_failure(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(LARGE)
    bucket.misbehave(error(500, "InternalError"), method="PUT", times=1)
    store.upload(tmp_path / "a.json", "a.json")
    assert bucket.objects["a.json"].body == LARGE
    assert bucket.objects["a.json"].headers[OURS] == hashlib.sha256(LARGE).hexdigest()
    assert [len(request.body) for request in bucket.requests] == [len(LARGE)] * 2


@pytest.mark.parametrize(
    "changed",
    [LARGE[:-1] + b"x", b"x" + LARGE[1:], LARGE[:-4], b""],
    ids=["end", "start", "shorter", "empty"],
)
def test_a_large_file_that_changes_before_it_is_sent_again_stores_nothing(
    bucket: Bucket, store: S3Store, tmp_path: Path, changed: bytes
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(LARGE)

    def change(connection: socket.socket) -> None:
        path.write_bytes(changed)
        connection.sendall(error(503, "SlowDown"))

    told: Answer = change
    bucket.misbehave(told, method="PUT", times=1)
    with pytest.raises(IntegrityError, match="changed while it was read"):
        store.upload(path, "a.json")
    assert bucket.objects == {}


def test_a_file_that_grew_since_its_folder_was_listed_goes_whole(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_bytes(b"abc")

    def grow(connection: socket.socket) -> None:
        (tmp_path / "a.json").write_bytes(b"abcdef")
        connection.sendall(bucket._list({"prefix": ""}))

    bucket.misbehave(grow, key="", times=1)
    store.sync_upload(tmp_path)
    assert bucket.objects["a.json"].body in (b"abc", b"abcdef")
    assert bucket.objects["a.json"].headers[OURS] == hashlib.sha256(bucket.objects["a.json"].body).hexdigest()


@pytest.mark.parametrize(
    ("headers", "etag", "refused"),
    [
        ({OURS: ABC_SHA256}, OTHER_MD5, None),
        ({OURS: "0" * 64}, ABC_MD5, "SHA256"),
        ({}, ABC_MD5, None),
        ({}, OTHER_MD5, "MD5"),
        (KMS, OTHER_MD5, None),
        ({**KMS, OURS: "0" * 64}, ABC_MD5, "SHA256"),
        (OWN_KEY, OTHER_MD5, None),
        ({}, f"{OTHER_MD5}-2", None),
        ({}, "opaque", None),
    ],
    ids=["ours", "another of ours", "md5", "another md5", "kms", "kms and ours", "own key", "multipart", "opaque"],
)
def test_what_comes_is_held_against_our_sha256_or_else_a_known_md5(
    bucket: Bucket, store: S3Store, tmp_path: Path, headers: dict[str, str], etag: str, refused: str | None
) -> None:
    bucket.objects["a.json"] = Stored(b"abc", headers, etag)
    if refused is None:
        assert store.read_bytes("a.json") == b"abc"
        return
    with pytest.raises(IntegrityError, match=f"the content's {refused} is not the one that was stored with it"):
        store.download("a.json", tmp_path / "a.json")
    assert os.listdir(tmp_path) == []
    assert bucket.asked("GET") == ["GET a.json"] * 2
