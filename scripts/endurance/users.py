"""Threads that use one store, each at random, and know what its objects have to be."""

from __future__ import annotations

import hashlib
import random
import shutil
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from endurance.places import Wrong
from timetrace.errors import NoSuchKeyError
from timetrace.storage import S3Store

LARGE = 6_000_000  # bytes: more than a part
# An attempt whose answer was lost may still be at work in the server when the next one is done, and when the object
# is deleted. No client can tell; so nothing is deleted that is younger than this, in seconds.
SETTLED = 10.0


class Content(NamedTuple):
    """What an object has to be, without the bytes: they would hide what the store holds on to."""

    size: int
    sha256: str


Held = dict[str, Content]


def content(data: bytes) -> Content:
    return Content(len(data), hashlib.sha256(data).hexdigest())


class Users:
    """Threads that each do at random what a user does, and know what their own objects have to be."""

    def __init__(self, store: S3Store, count: int, folder: Path, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []
        self._store = store
        self._folder = folder
        self._stored_at: dict[str, float] = {}
        self._over = threading.Event()
        self._at_work = threading.Event()
        self._at_work.set()
        self.held: list[Held] = [{} for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._work, args=(number, random.Random(seed * 1000 + number)))
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @contextmanager
    def pause(self, seconds: float) -> Iterator[None]:
        """Nobody begins anything for that long, nor in the `with`."""
        self._at_work.clear()
        time.sleep(seconds)
        yield
        self._at_work.set()

    def end(self) -> None:
        self._over.set()
        self._at_work.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int, chance: random.Random) -> None:
        ways: list[Callable[[str, Held, random.Random], None]]
        ways = [self.put, self.get, self.stat, self.delete, self.list, self.sync, self.large]
        while not self._over.is_set():
            self._at_work.wait()
            (way,) = chance.choices(ways, weights=(30, 30, 10, 10, 10, 2, 0.3))
            try:
                way(f"user-{number:02}", self.held[number], chance)
                self.done[way.__name__] += 1
            except Exception as error:
                told = "".join(traceback.format_exception_only(error)).strip()
                self.errors.append(f"{time.monotonic():.1f} {way.__name__} of user {number}: {told}")

    def _hold(self, held: Held, key: str, data: bytes) -> None:
        held[key], self._stored_at[key] = content(data), time.monotonic()

    def put(self, home: str, held: Held, chance: random.Random) -> None:
        # A name is used once. No store tells in which order two writes of one name arrive if an answer was lost.
        key, data = f"{home}/{chance.getrandbits(48):012x}.json", chance.randbytes(int(10 ** chance.uniform(3, 5)))
        self._store.write_bytes(key, data)
        self._hold(held, key, data)
        if len(held) > 40:
            self.delete(home, held, chance)

    def get(self, home: str, held: Held, chance: random.Random) -> None:
        if held:
            key = chance.choice([*held])
            expect(content(self._store.read_bytes(key)) == held[key], f"{key} is not what was stored")

    def stat(self, home: str, held: Held, chance: random.Random) -> None:
        if held:
            key = chance.choice([*held])
            expect(self._store.stat(key).size == held[key].size, f"{key} has another size")
        expect(not self._store.exists(f"{home}/never.json"), "there is what never was")

    def delete(self, home: str, held: Held, chance: random.Random) -> None:
        settled = [key for key in held if self._stored_at[key] < time.monotonic() - SETTLED]
        if not settled:
            return
        key = chance.choice(settled)
        self._store.delete(key)
        del held[key], self._stored_at[key]
        try:
            self._store.read_bytes(key)
        except NoSuchKeyError:
            return
        raise Wrong(f"{key} is there after it was deleted")

    def list(self, home: str, held: Held, chance: random.Random) -> None:
        found = set(self._store.list(f"{home}/"))
        expect(found == held.keys(), f"lists lack {held.keys() - found}, and have {found - held.keys()} too much")

    def sync(self, home: str, held: Held, chance: random.Random) -> None:
        """All of a user's objects down; one is changed, and goes up and away again."""
        folder = self._folder / home
        report = self._store.sync_download(folder, home, jobs=2)
        expect(report.ok, f"sync down: {[item.reason for item in report.failed]}")
        found = {f"{home}/{path.name}": content(path.read_bytes()) for path in folder.iterdir()}
        expect({key: found.get(key) for key in held} == held, f"{home}/ came down wrong")
        key = f"{home}/{chance.getrandbits(48):012x}.json"
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / key.rpartition("/")[2]).write_bytes(b"synced")
        report = self._store.sync_upload(folder, home, jobs=2)
        expect(report.ok, f"sync up: {[item.reason for item in report.failed]}")
        self._hold(held, key, b"synced")
        shutil.rmtree(folder)

    def large(self, home: str, held: Held, chance: random.Random) -> None:
        key, data = f"{home}-large/{chance.getrandbits(48):012x}.bin", chance.randbytes(1_000) * (LARGE // 1_000)
        self._store.write_bytes(key, data)
        expect(self._store.read_bytes(key) == data, f"{key} is not what was stored")
        self._store.delete(key)


def expect(fact: bool, otherwise: str) -> None:
    if not fact:
        raise Wrong(otherwise)
