"""Downloads into a folder, and dies at another system call each time.

    python -m tests.crash.steps FOLDER sync|download

Prints a line of JSON for each death, and one for the run that came to its end: what it left, and what the next runs
made of that. The bucket is the one that the environment names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from timetrace.storage import S3Config, S3Store, folder, partial

CALLS = ("open", "write", "fchmod", "close", "replace", "mkdir", "makedirs", "unlink", "lstat", "fstat", "pathconf")
NAMES = ("new.json", "old.json", "a/deep/folder.json")
DAY = 24 * 3600
# A name that a run had long ago, and one that another run may have now.
DEAD, ALIVE = ".timetrace-0123456789abcdef.tmp", ".timetrace-fedcba9876543210.tmp"


def content(name: str) -> bytes:
    return json.dumps({"name": name, "body": "x" * 20_000}).encode()


class Deadly:
    """Stands in for `os`. Dies before call number `at`, after it, or half-way through it if it writes."""

    def __init__(self, at: int, moment: str, told: int) -> None:
        self._at, self._moment, self._told = at, moment, told
        self._numbers = count(1)  # several threads take one each

    def __getattr__(self, name: str) -> Any:
        call = getattr(os, name)
        return (lambda *args, **options: self._do(name, call, *args, **options)) if name in CALLS else call

    def _do(self, name: str, call: Callable[..., object], *args: Any, **options: Any) -> object:
        if next(self._numbers) != self._at:
            return call(*args, **options)
        os.write(self._told, f"{self._moment} {name}".encode())
        if self._moment == "after":
            with suppress(OSError):
                call(*args, **options)
        elif self._moment == "within" and name == "write":
            os.write(args[0], args[1][: len(args[1]) // 2])
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


def download(root: Path, way: str) -> None:
    with S3Store() as store:
        if way == "sync":
            assert store.sync_download(root, jobs=1).ok
        else:
            for name in NAMES:
                store.download(name, root / name)


def dying(root: Path, way: str, at: int, moment: str) -> Callable[[int], None]:
    def work(told: int) -> None:
        partial.os = folder.os = Deadly(at, moment, told)  # type: ignore[assignment,attr-defined]
        download(root, way)

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
    (root / "old.json").write_bytes(b"old")
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


def trial(root: Path, way: str, at: int, moment: str) -> bool:
    """Whether the run died. Later runs are syncs, which clean up."""
    prepare(root)
    ended, step = forked(dying(root, way, at, moment))
    result: dict[str, object] = {"at": at, "step": step, "died": not ended, "left": left(root)}
    if moment == "before":
        result["sent"] = json.loads(forked(sent(root, f"sent/{way}/{at}"))[1])
    forked(lambda told: download(root, "sync"))
    result["next"] = left(root)
    for path in root.rglob(".timetrace-*"):
        age(path)
    forked(lambda told: download(root, "sync"))
    result["a day later"] = left(root)
    print(json.dumps(result), flush=True)
    return not ended


def main() -> None:
    base, way = Path(sys.argv[1]), sys.argv[2]
    # Everything is imported before the forks.
    with S3Store() as store:
        for name in NAMES:
            store.write_bytes(name, content(name))
    at = 1
    while all(trial(base / f"{at}-{moment}", way, at, moment) for moment in ("before", "within", "after")):
        at += 1


if __name__ == "__main__":
    main()
