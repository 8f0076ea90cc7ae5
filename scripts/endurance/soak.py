"""Uses one store from many threads, through a proxy that breaks things, and looks at what it holds on to."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from endurance.places import BUCKET, Wrong, give_up, surroundings
from endurance.users import Users, content, expect
from tests.servers import cache, seaweedfs, toxiproxy
from tests.servers.process import Process
from tests.servers.server import Server
from tests.servers.toxiproxy import Toxiproxy
from timetrace.storage import S3Config, S3Store

KEEP_ALIVE = 3  # seconds after which the server closes what is idle
PHASE = 4.0  # seconds, or less in a short run
PROXY = "soak"
# Kind and attributes of what the proxy does to connections for a while, and the share of them.
TOXICS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("latency", 1.0, {"latency": 60, "jitter": 40}),
    ("reset_peer", 0.1, {"timeout": 30}),
    ("timeout", 0.05, {"timeout": 200}),
    ("limit_data", 0.1, {"bytes": 30_000}),
    ("slicer", 1.0, {"average_size": 1_000, "size_variation": 500, "delay": 10}),
    ("slow_close", 0.5, {"delay": 200}),
)


class Use(NamedTuple):
    """What this process holds on to: kB of memory, open files, threads."""

    memory: int
    files: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory / 1000:.1f} MB of memory, {self.files} open files, {self.threads} threads"


def use() -> Use:
    gc.collect()
    with suppress(AttributeError):  # what the C library keeps of what was given back to it is not what is meant
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return Use(memory, len(os.listdir("/proc/self/fd")), threading.active_count())


class Keys:
    """A profile's file that something renews, and a server that forgets the keys before."""

    def __init__(self, file: Path, folder: Path, process: Process, first: seaweedfs.Keys) -> None:
        self._file, self._folder, self._process = file, folder, process
        self._now = first
        self.replaced = 0
        self._write()

    def _write(self) -> None:
        lines = ("[default]", f"aws_access_key_id = {self._now[0]}", f"aws_secret_access_key = {self._now[1]}", "")
        new = self._file.with_suffix(".new")
        new.write_text("\n".join(lines))
        new.replace(self._file)

    def replace(self) -> None:
        """Requests that were signed with the old ones may be under way when these are gone."""
        before, self._now = self._now, seaweedfs.new_keys()
        self._known(before, self._now)
        self._write()
        self._known(self._now)
        self.replaced += 1

    def _known(self, *keys: seaweedfs.Keys) -> None:
        seaweedfs.write_keys(self._folder, *keys)
        self._process.reload()
        time.sleep(0.5)


class Outcome(NamedTuple):
    seconds: float
    users: int
    done: Counter[str]
    toxics: Counter[str]
    replaced: int
    objects: int
    before: Use
    at_rest: list[Use]
    closed: Use

    @property
    def warm(self) -> Use:
        """Half-way: threads, connections and the allocator take minutes to have met their largest."""
        return self.at_rest[len(self.at_rest) // 2]

    @property
    def end(self) -> Use:
        return self.at_rest[-1]

    def __str__(self) -> str:
        did = ", ".join(f"{count} {name}" for name, count in self.done.most_common())
        broke = ", ".join(f"{count} {name}" for name, count in sorted(self.toxics.items()))
        return "\n".join(
            (
                f"{self.seconds:.0f} s, {self.users} threads, {self.done.total()} operations ({did}), 0 errors",
                f"phases of the proxy: {broke}",
                f"idle pauses of over {KEEP_ALIVE} s: {len(self.at_rest)}; keys replaced: {self.replaced} times",
                f"at the end {self.objects} objects, each as it has to be",
                f"before the store was made: {self.before}",
                f"at rest after warm-up:     {self.warm}",
                f"at rest at the end:        {self.end}",
                f"after it was closed:       {self.closed}",
                f"MB in each pause: {' '.join(str(held.memory // 1000) for held in self.at_rest)}",
            )
        )


def soak(
    server: Server, process: Process, place: Path, proxies: Toxiproxy, seconds: float, users: int, seed: int
) -> Outcome:
    """Wrong if an error reached a user, an object is not as it has to be, or more is held on to than at first.

    `place` has the server in `server`.
    """
    server.make_bucket(BUCKET)
    profile = place / "credentials"
    keys = Keys(profile, place / "server", process, (server.access_key, server.secret_key))
    os.environ |= {"AWS_SHARED_CREDENTIALS_FILE": str(profile), "AWS_CONFIG_FILE": os.devnull}
    config = S3Config(
        bucket=BUCKET,
        endpoint_url=proxies.proxy(PROXY, server.url),
        region=server.region,
        multipart_threshold="5MiB",
        part_size="5MiB",
        read_timeout=5.0,
        max_attempts=10,
    )
    before, started = use(), time.monotonic()
    with S3Store(config) as store:
        crowd = Users(store, users, place / "syncs", seed)
        crowd.start()
        try:
            toxics, at_rest = _weather(crowd, proxies, keys, started, seconds, random.Random(seed))
        finally:
            proxies.reset()
            crowd.end()
        if crowd.errors:
            raise Wrong(f"{len(crowd.errors)} errors reached their callers: {crowd.errors[:5]}")
        held = {key: data for home in crowd.held for key, data in home.items()}
        listed = {key for key in store.list() if "-large/" not in key}
        expect(listed == held.keys(), "at the end the keys are not those that they have to be")
        for key, data in held.items():
            expect(content(store.read_bytes(key)) == data, f"at the end {key} is not what was stored")
    outcome = Outcome(
        time.monotonic() - started,
        users,
        crowd.done,
        toxics,
        keys.replaced,
        len(held),
        before,
        at_rest,
        use(),
    )
    print(outcome, flush=True)
    warm, end = outcome.warm, outcome.end
    expect(end.memory < warm.memory * 1.1 + 4_000, "memory grows")
    expect(end.files < warm.files * 1.5 + 8, "open files grow")
    expect(end.threads < warm.threads * 1.5 + 8, "threads grow")
    closed = outcome.closed
    expect(closed[1:] == before[1:], "the closed store holds on to something")
    # What was imported meanwhile stays, and so do the allocator's half-empty pages.
    expect(closed.memory < before.memory + 12_000, "the closed store holds on to memory")
    return outcome


def _weather(
    crowd: Users, proxies: Toxiproxy, keys: Keys, started: float, seconds: float, chance: random.Random
) -> tuple[Counter[str], list[Use]]:
    """What the proxy does, phase by phase, until the time is over; and what is held on to in each of the pauses."""
    toxics, at_rest = Counter[str](), list[Use]()
    phase, order, length = 0, list(TOXICS), min(PHASE, seconds / 15)
    while (now := time.monotonic() - started) < seconds and not crowd.errors:
        if now > seconds / 3 * (keys.replaced + 1) and keys.replaced < 2:
            keys.replace()
        if phase % len(order) == 0:
            chance.shuffle(order)
        kind, share, attributes = order[phase % len(order)]
        phase += 1
        proxies.add(PROXY, kind, toxicity=share, **attributes)
        toxics[kind] += 1
        time.sleep(length)
        proxies.reset()
        toxics["none"] += 1
        time.sleep(length / 2)
        if phase % 3 == 0:
            at_rest.append(_held_at_rest(crowd))
    return toxics, [*at_rest, _held_at_rest(crowd)]


def _held_at_rest(crowd: Users) -> Use:
    with crowd.pause(KEEP_ALIVE + 2):
        return use()


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Use one store from many threads for long.")
    parser.add_argument("--minutes", type=float, default=15.0, help="for how long (15)")
    parser.add_argument("--threads", type=int, default=32, help="how many use the store (32)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of what they do (the time)")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("TIMETRACER_", "AWS_")) or "_proxy" in name.lower()]:
        del os.environ[name]
    print(f"{surroundings()}; toxiproxy; seed {given.seed}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="timetrace-soak-", ignore_cleanup_errors=True) as name:
            place = Path(name)
            for part in ("server", "proxy", "syncs"):
                (place / part).mkdir()
            idle = [f"-s3.idleTimeout={KEEP_ALIVE}"]
            with (
                seaweedfs.start_process(place / "server", more=idle) as (server, process),
                toxiproxy.start(place / "proxy") as proxies,
            ):
                soak(server, process, place, proxies, given.minutes * 60, given.threads, given.seed)
    except cache.UnavailableError as error:
        give_up(error)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        raise SystemExit(f"WRONG: {wrong}") from None
