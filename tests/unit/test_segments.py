"""A long listing is cut where its folders end, and its segments are listed side by side. None of it may be lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import error
from timetrace.errors import AccessDeniedError, ResponseError
from timetrace.storage import S3Store

EMPTY = Stored(b"")


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket(server="AmazonS3", page=50) as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store() as store:
        yield store


def fill(bucket: Bucket, folders: int, each: int) -> list[str]:
    names = [f"2026/{folder:04d}/{number:04d} é.json" for folder in range(folders) for number in range(each)]
    names += [f"2026/{folder:04d}-1.json" for folder in range(0, folders, 7)]
    names += ["2026/0003/", "2026/zz.json"]
    bucket.objects = dict.fromkeys(names, EMPTY)
    return sorted(names)


def segments(bucket: Bucket) -> int:
    return sum("start-after" in request.line and "delimiter" not in request.line for request in bucket.requests)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of about four pages of these fifty keys, and not of a thousand."""
    monkeypatch.setattr("timetrace.storage.remote.PAGE", 50)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("folders", "each"), [(200, 7), (20, 90), (9, 333)])
def test_all_of_a_long_listing_comes_and_in_order(bucket: Bucket, store: S3Store, folders: int, each: int) -> None:
    names = fill(bucket, folders, each)
    assert list(store.list("2026/")) == names
    assert segments(bucket) > 1


@pytest.mark.usefixtures("small")
def test_segments_cost_little_more_than_one_request_a_page(bucket: Bucket, store: S3Store) -> None:
    names = fill(bucket, 200, 20)
    list(store.list("2026/"))
    assert len(bucket.requests) <= 1.25 * len(names) / 50 + 5


@pytest.mark.parametrize(("software", "folders"), [("", 60), ("SeaweedFS", 60), ("MinIO", 60), ("AmazonS3", 1)])
def test_a_server_of_unknown_order_and_a_single_folder_are_listed_page_after_page(
    bucket: Bucket, store: S3Store, software: str, folders: int
) -> None:
    bucket.server = software
    names = fill(bucket, folders, 600 // folders)
    assert list(store.list("2026/")) == names
    assert segments(bucket) == 0


@pytest.mark.usefixtures("small")
def test_a_server_that_is_out_of_order_from_the_start_is_not_believed_to_be_in_order(
    bucket: Bucket, store: S3Store
) -> None:
    names = fill(bucket, 60, 20)
    moved = {names[3]: len(names), names[400]: -1}
    order = {name: moved.get(name, place) for place, name in enumerate(names)}
    bucket.order = order.__getitem__
    assert sorted(store.list("2026/")) == names
    assert segments(bucket) == 0


def test_a_short_listing_is_one_request_a_page(bucket: Bucket, store: S3Store) -> None:
    bucket.objects = dict.fromkeys([f"a/{number:03d}.json" for number in range(200)], EMPTY)
    list(store.list())
    assert bucket.asked() == ["LIST"] * 4


@pytest.mark.usefixtures("small")
def test_a_server_that_breaks_its_order_is_found_out(bucket: Bucket, store: S3Store) -> None:
    fill(bucket, 60, 20)
    bucket.order = lambda key: key if "/0050/" not in key else key.replace("/0050/", "/0040/") + "~"
    with pytest.raises(ResponseError, match="out of order"):
        list(store.list("2026/"))


@pytest.mark.usefixtures("small")
def test_whoever_stops_early_leaves_no_thread(bucket: Bucket, store: S3Store) -> None:
    fill(bucket, 200, 20)
    listing = store.list("2026/")
    for _ in range(400):
        next(listing)
    listing.close()  # type: ignore[attr-defined]
    ended = threading.Event()
    for _ in range(200):
        if not any(thread.name == "timetrace ahead" for thread in threading.enumerate()):
            return
        ended.wait(0.01)
    raise AssertionError("a thread goes on listing")


def test_pages_are_asked_for_ahead_once_more_than_one_is_taken() -> None:
    names = [f"{number:02}.json" for number in range(10)]
    with Bucket(page=2) as bucket, bucket.store() as store:
        for name in names:
            store.write_bytes(name, b"{}")
        bucket.requests.clear()
        first = store.list()
        assert [next(first), next(first)] == names[:2]
        assert bucket.asked() == ["LIST"]
        first.close()  # type: ignore[attr-defined]
        assert [*store.list()] == names
        assert bucket.asked() == ["LIST"] * 6


def test_an_error_of_a_later_page_is_raised_after_the_pages_before() -> None:
    with Bucket(page=2) as bucket, bucket.store() as store:
        for number in range(6):
            store.write_bytes(f"{number}.json", b"{}")
        bucket.misbehave(error(403, "AccessDenied"), query="continuation-token=4")
        listing = store.list()
        assert [next(listing) for _ in range(4)] == [f"{number}.json" for number in range(4)]
        with pytest.raises(AccessDeniedError):
            next(listing)
