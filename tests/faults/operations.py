"""What the faults befall: each operation, the request of it that is hit, and how to see that it is done or is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.server import Faulty, Hits
from timetrace.storage import S3Store, SyncReport

PREFIX = "cassettes"
A, B = b'{"request": "GET /a"}', b'{"request": "GET /b"}'
LARGE = b'{"response": "%s"}' % (b"0123456789" * 5)
"""More than the threshold of these tests, so that it goes up as an upload of parts, and comes down in ranges."""


@dataclass(frozen=True)
class Operation:
    """`run` does it, `check` is told whether it said that it was done, and looks whether that is so.

    `files` are those that the folder holds before it, and `fetched` those that are new when it is done. `answer` is
    what the answer to the hit request is: "none" has no body, "xml" has one, "content" is an object's.
    """

    name: str
    hits: Hits
    answer: str
    run: Callable[[S3Store, Path], SyncReport | None]
    check: Callable[[Faulty, bool], bool] = lambda bucket, done: True
    objects: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    fetched: dict[str, bytes] = field(default_factory=dict)
    lists: bool = False

    @property
    def is_sync(self) -> bool:
        return self.name.startswith("sync")


def _is(method: str, part: str = "") -> Hits:
    return lambda how, target, headers: how == method and part in target


def _listing(method: str, target: str, headers: Mapping[str, str]) -> bool:
    return "list-type=2" in target


def _head(method: str, target: str, headers: Mapping[str, str]) -> bool:
    return method in ("HEAD", "GET")


def _first_range(method: str, target: str, headers: Mapping[str, str]) -> bool:
    return headers.get("range", "").startswith("bytes=0-")


def _held(bucket: Faulty, key: str, body: bytes) -> bool:
    stored = bucket.objects.get(f"{PREFIX}/{key}")
    return stored is not None and stored.body == body


def _put(store: S3Store, folder: Path) -> None:
    store.write_bytes("a.json", A)


def _put_large(store: S3Store, folder: Path) -> None:
    store.write_bytes("large.json", LARGE)


def _get(store: S3Store, folder: Path) -> None:
    store.download("a.json", folder / "a.json")


def _get_large(store: S3Store, folder: Path) -> None:
    store.download("large.json", folder / "large.json")


def _stat(store: S3Store, folder: Path) -> None:
    assert store.stat("a.json").size == len(A)


def _list(store: S3Store, folder: Path) -> None:
    assert [*dict.fromkeys(store.list())] == ["a.json", "b.json"]


def _delete(store: S3Store, folder: Path) -> None:
    store.delete("a.json")


def _sync_up(store: S3Store, folder: Path) -> SyncReport:
    return store.sync_upload(folder, jobs=1)


def _sync_down(store: S3Store, folder: Path) -> SyncReport:
    return store.sync_download(folder, jobs=1)


def _stored_if_done(key: str, body: bytes) -> Callable[[Faulty, bool], bool]:
    return lambda bucket, done: _held(bucket, key, body) is done


def _no_parts_left(bucket: Faulty, done: bool) -> bool:
    """An upload whose id never came stays, and is empty: nobody could remove it."""
    return _held(bucket, "large.json", LARGE) is done and not any(upload.parts for upload in bucket.uploads.values())


def _no_upload_left(bucket: Faulty, done: bool) -> bool:
    return _held(bucket, "large.json", LARGE) is done and not bucket.uploads


def _gone_if_done(bucket: Faulty, done: bool) -> bool:
    return not done or not _held(bucket, "a.json", A)


def _whole(bucket: Faulty, done: bool) -> bool:
    """Each file is stored whole or not at all, and all of them if it is done."""
    held = [_held(bucket, "a.json", A), _held(bucket, "b.json", B)]
    return sum(held) == len(bucket.objects) and (not done or all(held))


_BOTH = {"a.json": A, "b.json": B}

OPERATIONS = (
    Operation("put", _is("PUT"), "none", _put, _stored_if_done("a.json", A)),
    Operation("get", _is("GET"), "content", _get, objects={"a.json": A}, fetched={"a.json": A}),
    Operation("head", _head, "none", _stat, objects={"a.json": A}),
    Operation("list", _listing, "xml", _list, objects=_BOTH, lists=True),
    Operation("delete", _is("DELETE"), "none", _delete, _gone_if_done, objects={"a.json": A}),
    Operation("multipart: create", _is("POST", "uploads="), "xml", _put_large, _no_parts_left),
    Operation("multipart: part", _is("PUT"), "none", _put_large, _no_upload_left),
    Operation("multipart: complete", _is("POST", "uploadId="), "xml", _put_large, _no_upload_left),
    Operation(
        "get in ranges",
        _first_range,
        "content",
        _get_large,
        objects={"large.json": LARGE},
        fetched={"large.json": LARGE},
    ),
    Operation("sync up: list", _listing, "xml", _sync_up, _whole, {"a.json": A}, _BOTH, lists=True),
    Operation("sync up: put", _is("PUT", "a.json"), "none", _sync_up, _whole, files=_BOTH),
    Operation("sync down: list", _listing, "xml", _sync_down, objects=_BOTH, fetched=_BOTH, lists=True),
    Operation("sync down: get", _is("GET", "a.json"), "content", _sync_down, objects=_BOTH, fetched=_BOTH),
)
