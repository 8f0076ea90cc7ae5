"""Every key that S3 can hold makes the round trip: put, get, list, delete."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from tests.conformance.defects import KEPT, expected, named
from tests.servers.server import Server
from timetrace.errors import InvalidKeyError, RequestError
from timetrace.storage import S3Config, S3Store

KEYS = (
    "plain.json",
    "a b.json",
    " a ",
    "~*+%.json",
    "a+b",
    "%20",
    "%2F",
    "%zz",
    "a#b",
    "a?b=c&d=e",
    "?versions",
    "=:@!$,;",
    "it's (1)!",
    '"<>|^`{}[]',
    "é.json",
    "e\u0301.json",
    "漢字/😀.json",
    "\u202e\ufeff.json",
    "a\\b.json",
    "tab\there",
    "line\nend",
    "bell\x07",
    "delete\x7f",
    "a//b.json",
    "//a.json",
    "/a.json",
    "./a.json",
    "../a.json",
    "a/./b.json",
    "a/../b.json",
    "...",
    "a.",
    "a/",
    "dir/sub/",
    "CON",
    "A.JSON",
    "s" * 255,
    "s" * 256,
    "é" * 127,
)
TWINS = (
    ("a b", "a+b"),
    ("%2F", "/"),
    ("a", "A"),
    ("é", "e\u0301"),
    ("a//b", "a/b"),
    ("/a", "a"),
    ("./a", "a"),
    ("b/../a", "a"),
    ("a\\b", "a/b"),
    ("a", "a/"),
    ("a", "a/b"),
    ("a/b", "a"),
)


@pytest.fixture
def quick(config: S3Config) -> S3Store:
    """Few attempts: most refusals here are for good."""
    return S3Store(config.replace(max_attempts=3))


def test_every_legal_key_makes_the_round_trip(quick: S3Store, server: Server) -> None:
    with quick, ThreadPoolExecutor(8) as threads:
        folders = [f"{number:02}/" for number in range(len(KEYS))]
        # All are deleted at the end: versitygw and rclone now and then fail to store while others delete.
        stored = list(threads.map(_stored, repeat(quick), folders, KEYS))
        outcomes = threads.map(_deleted, repeat(quick), folders, KEYS, stored)
        observed = dict(zip(KEYS, outcomes, strict=True))
    assert observed == {key: expected(server, f"key {_label(key)}", KEPT) for key in KEYS}


def test_a_key_of_1024_bytes_makes_the_round_trip(quick: S3Store, server: Server) -> None:
    full = len(f"{quick.prefix}/".encode())
    longest = "/".join(["0123456789" * 10] * 11)[: 1024 - full - 3] + "xyz"
    with quick:
        assert _fate(quick, "", longest) == expected(server, "a key of 1,024 bytes", KEPT)
        with pytest.raises(InvalidKeyError, match="the key is 1025 bytes long, S3 takes 1024"):
            quick.write_bytes(longest + "z", b"")


@pytest.mark.not_live
def test_the_root_of_a_bucket_takes_any_key(config: S3Config, server: Server) -> None:
    keys = ("/a.json", "../b.json", "./c.json", "a/../e.json")
    with S3Store(config.replace(prefix="", max_attempts=3)) as store:
        observed = {key: _fate(store, "", key) for key in keys}
    assert observed == {key: expected(server, f"key {key!r} in the root", KEPT) for key in keys}


def test_keys_that_differ_are_objects_that_differ(quick: S3Store, server: Server) -> None:
    with quick, ThreadPoolExecutor(8) as threads:
        folders = [f"{number:02}/" for number in range(len(TWINS))]
        observed = dict(zip(TWINS, threads.map(_both, repeat(quick), folders, *zip(*TWINS, strict=True)), strict=True))
    assert observed == {twins: expected(server, f"keys {twins!r}", KEPT) for twins in TWINS}


def _fate(store: S3Store, folder: str, key: str) -> str:
    """What became of an object under `key`: "kept", or what a user gets instead."""
    return _deleted(store, folder, key, _stored(store, folder, key))


def _stored(store: S3Store, folder: str, key: str) -> str:
    content = f"the content of {key!r}".encode()
    try:
        store.write_bytes(folder + key, content)
    except RequestError as error:
        return f"put: {named(error)}"
    told = []
    try:
        assert store.read_bytes(folder + key) == content
    except RequestError as error:
        told.append(f"get: {named(error)}")
    listed = _list(store, folder)
    if listed != [key]:
        told.append(f"list: {listed}")
    return "; ".join(told) or KEPT


def _deleted(store: S3Store, folder: str, key: str, stored: str) -> str:
    """`stored`, and what is wrong once the object is deleted."""
    told = [] if stored == KEPT else [stored]
    if stored.startswith("put"):
        return stored
    store.delete(folder + key)
    try:
        assert not store.exists(folder + key)
    except RequestError as error:
        told.append(f"exists after delete: {named(error)}")
    left = _list(store, folder)
    if left:
        told.append(f"after delete: {left}")
    return "; ".join(told) or KEPT


def _both(store: S3Store, folder: str, first: str, second: str) -> str:
    """Whether `first` is still what it was once `second` was written beside it, and both are listed."""
    for key in (first, second):
        try:
            store.write_bytes(folder + key, f"the content of {key!r}".encode())
        except RequestError as error:
            return f"put {key!r}: {named(error)}"
    told = []
    for key in (first, second):
        try:
            content = store.read_bytes(folder + key).decode()
            if content != f"the content of {key!r}":
                told.append(f"{key!r} holds {content}")
        except RequestError as error:
            told.append(f"get {key!r}: {named(error)}")
    listed = _list(store, folder)
    if listed != sorted((first, second)):
        told.append(f"list: {listed}")
    return "; ".join(told) or KEPT


def _label(key: str) -> str:
    return repr(key) if len(key) < 100 else f"{key[0]!r} * {len(key)}"


def _list(store: S3Store, folder: str) -> list[str] | str:
    try:
        return sorted(key.removeprefix(folder) for key in store.list(folder))
    except RequestError as error:
        return named(error)
