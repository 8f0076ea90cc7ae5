"""Listings are complete, whatever the names and however many pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.client import client_of
from tests.conformance.defects import expected
from tests.servers.server import Server
from timetrace.errors import ConfigError, ResponseError
from timetrace.s3.client import S3Client
from timetrace.s3.listing import ListObjectsV2
from timetrace.storage import S3Config, S3Store


def _write(store: S3Store, keys: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: store.write_bytes(key, b"{}"), keys))


def test_a_listing_of_more_than_a_page_is_complete(store: S3Store) -> None:
    keys = [f"a b/{number:04} é+%.json" for number in range(1030)]
    _write(store, keys)
    assert sorted(store.list()) == keys
    assert sorted(store.list("a b/")) == keys
    first = list(store.list(limit=1010))
    assert len(set(first)) == 1010
    assert set(first) <= set(keys)


def _in_small_pages(client: S3Client, prefix: str, encoded: bool) -> tuple[str, list[str]]:
    found: list[str] = []
    token = None
    for _ in range(20):
        try:
            page = client.perform(ListObjectsV2(prefix, token, 4, encoded))
        except ResponseError:
            return "cut off", found
        found += [item.key for item in page.objects]
        token = page.token
        if token is None:
            return "complete", found
    return "endless", found


@pytest.mark.parametrize("encoded", [True, False], ids=["encoded", "plain"])
def test_small_pages_add_up_to_all_keys(store: S3Store, config: S3Config, server: Server, encoded: bool) -> None:
    keys = [f"a b/{number:03} é+.json" for number in range(25)]
    _write(store, keys)
    with client_of(config) as client:
        outcome, found = _in_small_pages(client, f"{store.prefix}/", encoded)
    if outcome == "complete" and sorted(found) != [f"{store.prefix}/{key}" for key in keys]:
        outcome = "incomplete"
    claim = "small pages of encoded names" if encoded else "small pages of plain names"
    assert outcome == expected(server, claim, "complete")


def test_a_prefix_is_a_match_of_text_and_a_limit_a_number_of_keys(store: S3Store) -> None:
    _write(store, ["2026-01-15/a.json", "2026-01-15/b.json", "2026-01-150.json", "2026-01-16/a.json", "x%2 +/é.json"])
    assert sorted(store.list("2026-01-15")) == ["2026-01-15/a.json", "2026-01-15/b.json", "2026-01-150.json"]
    assert list(store.list("2026-01-15/")) == ["2026-01-15/a.json", "2026-01-15/b.json"]
    assert list(store.list("2026-01-15/a.json")) == ["2026-01-15/a.json"]
    assert list(store.list("x%2 +/")) == ["x%2 +/é.json"]
    assert list(store.list("none")) == []
    assert list(store.list("2026-01-15/", limit=1)) == ["2026-01-15/a.json"]
    assert list(store.list(limit=0)) == []
    assert len(list(store.list(limit=4))) == 4
    assert len(list(store.list(limit=5000))) == 5
    with pytest.raises(ConfigError, match="limit is -1"):
        store.list(limit=-1)


def test_what_lies_beside_the_prefix_is_not_listed(store: S3Store, config: S3Config) -> None:

    with S3Store(config.replace(prefix=f"{store.prefix}-2")) as other:
        other.write("a.json", 2)
        store.write("b.json", 1)
        assert list(store.list()) == ["b.json"]
        assert list(other.list()) == ["a.json"]
        other.delete("a.json")


def test_a_listing_comes_in_order_of_keys(store: S3Store, server: Server) -> None:
    keys = ["2026-01-15-old/x", "2026-01-15.json", "2026-01-15/x", "B", "a-1", "a/b", "b", "é", "\uffe6", "😀"]
    _write(store, keys)
    listed = list(store.list())
    assert sorted(listed) == keys
    outcome = "in order" if listed == keys else "out of order"
    assert outcome == expected(server, "order of listings", "in order")


def test_a_listing_tells_size_etag_and_time(store: S3Store) -> None:
    store.write_bytes("a.json", b"hello world")
    (found,) = store.objects()
    stat = store.stat("a.json")
    assert (found.key, found.size, found.etag) == ("a.json", 11, stat.etag)
    assert stat.last_modified is not None
    assert abs((found.last_modified - stat.last_modified).total_seconds()) < 2
    is_md5 = found.etag == "5eb63bbbe01eeed093cb22bb8f5acdc3"
    assert is_md5 == (stat.encryption in ("", "AES256"))
    assert stat.md5 == ("5eb63bbbe01eeed093cb22bb8f5acdc3" if is_md5 else None)
