"""A server that takes keys for paths, as SeaweedFS and versitygw do, must not lose one cassette to another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bucket import Bucket
from tests.scripted import Received
from timetrace.errors import IntegrityError
from timetrace.storage import S3Store, keys


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store() as store:
        yield store


def test_plain_keys_cost_one_request(bucket: Bucket, store: S3Store) -> None:
    store.write_bytes("2026-01-15/..a./b.json", b"1")
    assert bucket.asked() == ["PUT 2026-01-15/..a./b.json"]


@pytest.mark.parametrize("key", ["a//b.json", "./a/b.json", "x/../a/b.json", "a\\b.json", "/a/b.json"])
def test_on_a_server_that_keeps_them_apart_odd_keys_are_as_good_as_others(
    bucket: Bucket, store: S3Store, key: str
) -> None:
    store.write_bytes("a/b.json", b"1")
    store.write_bytes(key, b"2")
    assert {name: stored.body for name, stored in bucket.objects.items()} == {"a/b.json": b"1", key: b"2"}
    store.write_bytes(key, b"1")  # equal contents are not one object
    assert bucket.objects[key].body == b"1"


class Pathlike(Bucket):
    """Takes keys for paths."""

    def _key(self, received: Received) -> str:
        return keys.plain(super()._key(received))


@pytest.mark.parametrize("key", ["a//b.json", "./a/b.json", "x/../a/b.json", "a\\b.json", "/a/b.json"])
def test_on_a_server_that_takes_keys_for_paths_what_is_there_is_not_replaced(key: str) -> None:
    with Pathlike() as bucket, bucket.store() as store:
        store.write_bytes("a/b.json", b"1")
        with pytest.raises(IntegrityError, match=r"the server takes this key for a/b\.json: store it as a/b\.json"):
            store.write_bytes(key, b"2")
    assert bucket.objects["a/b.json"].body == b"1"


def test_and_the_first_of_them_is_told_of_its_name() -> None:
    with Pathlike() as bucket, bucket.store() as store, pytest.raises(IntegrityError, match="takes this key for"):
        store.write_bytes("a//b.json", b"2")
