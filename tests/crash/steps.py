"""Downloads into a folder, and dies at another system call each time.

    python -m tests.crash.steps FOLDER sync|download [--all]

Prints a line of JSON for each death, and one for the run that came to its end: what it left, and what the next runs
made of that. Where a large object comes in pieces, a few of the calls that they take are enough, unless --all is given.
The bucket is the one that the environment names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from timetrace.errors import IntegrityError
from timetrace.s3.operations import PutObject
from timetrace.storage import S3Config, S3Store, folder, partial
from timetrace.storage.content import SHA256

CALLS = (
    *("open", "write", "pwrite", "preadv", "ftruncate", "lseek", "fchmod", "close", "replace"),
    *("mkdir", "makedirs", "unlink", "lstat", "fstat", "pathconf"),
)
# How often they are made depends on the pieces in which the network delivers a large object.
MANY = ("pwrite", "preadv")
LARGE = "z-large.json"
"""Two ranges of it are fetched side by side."""
SPOILT = "spoilt.json"
"""An object that is not what its metadata say, so that what was written of it is taken back."""
NAMES = ("new.json", "old.json", "a/deep/folder.json", LARGE)
DAY = 24 * 3600
# A name that a run had long ago, and one that another run may have now.
DEAD, ALIVE = ".timetrace-0123456789abcdef.tmp", ".timetrace-fedcba9876543210.tmp"


@cache
def content(name: str) -> bytes:
    return json.dumps({"name": name, "body": "x" * (6_000_000 if name == LARGE else 20_000)}).encode()


class Deadly:
    """Stands in for `os`. Dies before the call, after it, or half-way through it if it writes.

    `at` is a call's name and which of all calls of that name it is. `made` counts them.
    """

    def __init__(self, at: tuple[str, int], moment: str, told: int) -> None:
        self._at, self._moment, self._told = at, moment, told
        self._numbers = {name: count(1) for name in CALLS}  # several threads take one each
        self.made = dict.fromkeys(CALLS, 0)

    def __getattr__(self, name: str) -> Any:
        call = getattr(os, name)
        return (lambda *args, **options: self._do(name, call, *args, **options)) if name in CALLS else call

    def _do(self, name: str, call: Callable[..., object], *args: Any, **options: Any) -> object:
        self.made[name] = number = next(self._numbers[name])
        if (name, number) != self._at:
            return call(*args, **options)
        os.write(self._told, b"died")
        if self._moment == "after":
            with suppress(OSError):
                call(*args, **options)
        elif self._moment == "within":
            call(args[0], args[1][: len(args[1]) // 2], *args[2:])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed, and alive")


def forked(work: Callable[[int], None]) -> tuple[bool, str]:
    """Whether a process of its own came to its end, and what it wrote."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        work(writing)
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as told:
        said = told.read()
    _, status = os.waitpid(child, 0)
    if status not in (0, signal.SIGKILL):
        raise SystemExit(f"a child ended with {status}")
    return status == 0, said


def download(root: Path, way: str, *, spoilt: bool = False) -> None:
    """With `spoilt` the object that is no good as well, and nothing is there under its name."""
    with S3Store(S3Config(multipart_threshold="5MiB", part_size="5MiB", max_attempts=2)) as store:
        store._objects.client._sleep = lambda seconds: None
        if way == "sync":
            report = store.sync_download(root, jobs=1, exclude=() if spoilt else (SPOILT,))
            assert [item.key for item in report.failed] == [SPOILT] * spoilt
            return
        for name in NAMES:
            store.download(name, root / name)
        with suppress(IntegrityError):
            store.download(SPOILT, root / SPOILT)
            raise AssertionError("what is no good was taken")


def dying(root: Path, way: str, at: tuple[str, int], moment: str) -> Callable[[int], None]:
    """What it writes is the calls that were made, unless it dies."""

    def work(told: int) -> None:
        deadly = Deadly(at, moment, told)
        partial.os = folder.os = deadly  # type: ignore[assignment,attr-defined]
        download(root, way, spoilt=True)
        os.write(told, json.dumps(deadly.made).encode())

    return work


def left(root: Path) -> dict[str, object]:
    """Which cassettes there are, how many of them are neither the old nor the new one, and temporary files."""
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    temporary = [name for name in files if name.rpartition("/")[2].startswith(".timetrace-")]
    cassettes = {name: files[name].read_bytes() for name in sorted(files) if name not in temporary}
    torn = [name for name, data in cassettes.items() if data not in (content(name), b"old")]
    new = [name for name, data in cassettes.items() if data == content(name)]
    return {"cassettes": [*cassettes], "new": new, "torn": torn, "temporary": sorted(temporary)}


def prepare(root: Path) -> None:
    root.mkdir()
    for name in ("old.json", LARGE):
        (root / name).write_bytes(b"old")
    for name in (DEAD, ALIVE):
        (root / name).write_bytes(b"half of")
    age(root / DEAD)


def age(path: Path) -> None:
    then = time.time() - 2 * DAY
    os.utime(path, (then, then))


def sent(root: Path, prefix: str) -> Callable[[int], None]:
    """The keys that a sync up of the folder stores."""

    def work(told: int) -> None:
        with S3Store(S3Config(prefix=prefix)) as store:
            assert store.sync_upload(root, include=["*"], jobs=1).ok
            os.write(told, json.dumps(sorted(store.list())).encode())

    return work


def trial(root: Path, way: str, at: tuple[str, int], moment: str) -> dict[str, Any]:
    """What came of one run that was to die, and of two after it, which are syncs and clean up."""
    prepare(root)
    ended, told = forked(dying(root, way, at, moment))
    result: dict[str, Any] = {"step": f"{moment} {at[0]} {at[1]}", "died": not ended, "left": left(root)}
    if ended:
        result["made"] = json.loads(told)
    elif moment == "before":
        result["sent"] = json.loads(forked(sent(root, f"sent/{way}/{at[0]}/{at[1]}"))[1])
    forked(lambda told: download(root, "sync"))
    result["next"] = left(root)
    for path in root.rglob(".timetrace-*"):
        age(path)
    forked(lambda told: download(root, "sync"))
    result["a day later"] = left(root)
    return result


def wrong(result: dict[str, Any]) -> str | None:
    """What must not be in the result of a trial."""
    left, after, names = result["left"], result["next"], sorted(NAMES)
    # One file is being written at a time, and the look at the file system is over before.
    ours = [name for name in left["temporary"] if name.rpartition("/")[2] not in (DEAD, ALIVE)]
    clean = {"cassettes": names, "new": names, "torn": [], "temporary": []}
    promises = {
        "no cassette is torn": left["torn"] == [],
        "there is no other file": set(left["cassettes"]) <= set(names),
        "there is one temporary file at most": len(ours) <= 1,
        "a sync up of what was left sends cassettes alone": result.get("sent", left["cassettes"]) == left["cassettes"],
        "the next run completes": (after["new"], after["torn"]) == (names, []),
        # What may be another run's stays, what is a dead run's goes.
        "the next run leaves what is young": sorted(after["temporary"]) == sorted([*ours, ALIVE]),
        "a run a day later removes the rest": result["a day later"] == clean,
        "a run that is not killed completes": result["died"] or left["new"] == names,
    }
    return ", ".join(promise for promise, kept in promises.items() if not kept) or None


def steps(made: dict[str, int], *, all_of_them: bool) -> list[tuple[str, int]]:
    """The calls to die at. Of those that are many the first two, one in the middle and the last, if not all."""
    found = []
    for name, last in made.items():
        few = {1, 2, last // 2, last} if name in MANY and not all_of_them else range(1, last + 1)
        found += [(name, number) for number in sorted(few) if 1 <= number <= last]
    return found


def store_all(base: Path) -> None:
    with S3Store(S3Config(multipart_threshold="5MiB", part_size="5MiB")) as store:
        for name in NAMES:
            store.write_bytes(name, content(name))
        client, body = store._objects.client, content(SPOILT)
        promised = {SHA256: hashlib.sha256(b"other").hexdigest()}
        key = store._objects.full(SPOILT)
        client.perform(PutObject(key, body, hashlib.sha256(body).hexdigest(), metadata=promised))
        # Everything is imported before the forks.
        store.download(LARGE, base / "warm-up" / LARGE)


def main() -> None:
    base, way, *more = sys.argv[1:]
    store_all(Path(base))
    whole = trial(Path(base, "none"), way, ("none", 0), "before")
    for name, number in steps(whole["made"], all_of_them="--all" in more):
        for moment in ("before", "within", "after") if name in ("write", "pwrite") else ("before", "after"):
            place = Path(base, f"{name}-{number}-{moment}")
            print(json.dumps(trial(place, way, (name, number), moment)), flush=True)
            shutil.rmtree(place)
    print(json.dumps(whole), flush=True)


if __name__ == "__main__":
    main()
