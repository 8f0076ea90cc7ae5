"""Seeded cassettes: the same files with the same content in every run."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

SEED = 15
MIN, MAX = 1_000, 100_000  # bytes
LONG_AGO = 1_767_225_600  # every file's time: older than any object, as in a clone of a repository
A_DAY = 100  # cassettes in one folder
CALLS = (("GET", "cart"), ("POST", "checkout"), ("GET", "items"), ("PUT", "profile"), ("GET", "search"))
WORDS = ("naïve", "café", "two for one", "sold out", "“new”", "日本")


class Content(NamedTuple):
    size: int
    md5: str
    sha256: str


Manifest = dict[str, Content]  # by path below the folder


def cassettes(count: int, seed: int = SEED) -> Iterator[tuple[str, bytes]]:
    """`count` recorded calls as relative path and JSON of 1 to 100 kB, about 15 kB in the mean."""
    chance = random.Random(seed)
    entries = [
        json.dumps(
            {
                "id": chance.getrandbits(32),
                "price": chance.randrange(9900) / 100,
                "note": " ".join(chance.choices(WORDS, k=24)),
            },
            ensure_ascii=False,
        ).encode()
        for _ in range(2000)
    ]
    mean = sum(map(len, entries)) / len(entries)
    for number in range(count):
        method, what = chance.choice(CALLS)
        day = date(2026, 1, 12) + timedelta(days=number // A_DAY)
        name = f"{method}__{what}__{chance.getrandbits(16):04x}{number:05d}.json"
        size = chance.lognormvariate(9.2, 0.95)
        some = int((min(max(size, MIN), MAX - 1_500) - 200) / (mean + 2))
        start = chance.randrange(len(entries))
        body = [entries[(start + step) % len(entries)] for step in range(max(some, 4))]
        head = {"recorded_at": f"{day}T09:{number % 60:02d}:00Z", "request": {"method": method, "url": f"/{what}"}}
        text = json.dumps({**head, "number": number, "duration_ms": chance.randrange(3, 900)}).encode()
        yield f"{day}/{name}", text[:-1] + b', "body": [' + b",\n ".join(body) + b"]}\n"


def describe(content: bytes) -> Content:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Content(len(content), md5, hashlib.sha256(content).hexdigest())


def save(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (LONG_AGO, LONG_AGO))


def make(folder: Path, count: int) -> Manifest:
    """`count` cassettes below `folder`."""
    manifest = Manifest()
    for name, content in cassettes(count):
        save(folder / name, content)
        manifest[name] = describe(content)
    return manifest


def make_large(path: Path, size: int) -> Content:
    """One file of `size` bytes that no program can shorten."""
    chance, step = random.Random(SEED), 1 << 20
    content = b"".join(chance.randbytes(min(step, size - start)) for start in range(0, size, step))
    save(path, content)
    return describe(content)


def change(folder: Path, manifest: Manifest, count: int) -> Manifest:
    """Change `count` files, spread over all; each is longer and newer than it was."""
    changed = dict(manifest)
    names = sorted(manifest)
    for name in names[:: len(names) // count][:count]:
        path = folder / name
        content = path.read_bytes().replace(b'"recorded_at"', b'"edited": true, "recorded_at"', 1)
        path.write_bytes(content)
        changed[name] = describe(content)
    return changed


def read(folder: Path) -> Manifest:
    """What lies below `folder` now."""
    found = Manifest()
    for base, _, names in os.walk(folder):
        for name in names:
            path = Path(base, name)
            found[path.relative_to(folder).as_posix()] = describe(path.read_bytes())
    return found
