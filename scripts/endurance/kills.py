"""Kills syncs at random moments, and downloads at each system call; the next run has to complete what they leave."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark import work

from endurance.places import BUCKET, Wrong, config, local, own_server, settings, start, stored, surroundings, torn
from tests.crash import steps
from tests.servers.server import Server
from timetrace.storage import S3Store

LARGE = 11_000_000  # bytes: a file that goes in parts
OLDER = 500  # bytes that an older version has at most
AS_OFTEN = 10  # runs for each that is to be killed half-way; more are too many


@dataclass
class Sum:
    """What came of the runs of one direction. Those `between` were killed after the first cassette was there in its
    new version, and before the last one was."""

    direction: str
    runs: int = 0
    killed: int = 0
    between: int = 0
    new: int = 0
    old: int = 0
    temporary: int = 0
    completed: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"sync {self.direction}: {self.runs} runs, {self.killed} killed, {self.between} of them half-way; "
            f"they left {self.new} cassettes of the new version, {self.old} of the old one, 0 torn ones and "
            f"{self.temporary} temporary files; {self.completed} next runs completed with all equal; "
            f"{self.seconds:.0f} s"
        )


@dataclass
class Trial:
    """The cassettes below `source`, and a store that holds them. `older` has older versions of half of them."""

    server: Server
    bucket: str
    source: Path
    older: Path
    folder: Path
    whole: dict[str, str]
    old: dict[str, str]

    def environ(self, prefix: str) -> dict[str, str]:
        # Parts from 5 MiB on: so that the large file has some.
        more = {"TIMETRACER_S3_PREFIX": prefix, "TIMETRACER_S3_MULTIPART_THRESHOLD": "5MiB"}
        return settings(self.server, self.bucket) | more | {"TIMETRACER_S3_PART_SIZE": "5MiB"}

    def store(self, prefix: str) -> S3Store:
        return S3Store(config(self.server, self.bucket, prefix))


def prepare(server: Server, bucket: str, folder: Path, count: int) -> Trial:
    source, older = folder / "source", folder / "older"
    work.make(source, count)
    work.make_large(source / "large.json", LARGE)
    whole = local(source)[0]
    for name in ["large.json", *sorted(whole)[::2]]:
        work.save(older / name, b'{"older": "%s"}' % name.encode())
    return Trial(server, bucket, source, older, folder, whole, local(older)[0])


def run_to_its_end(command: list[str], environ: Mapping[str, str]) -> float:
    """Seconds. Wrong unless it ends well."""
    started = time.monotonic()
    with start(command, environ) as process:
        _, err = process.communicate(timeout=300)
    if process.returncode:
        raise Wrong(f"`{' '.join(command)}` gave exit code {process.returncode}: {err.strip()[-300:]}")
    return time.monotonic() - started


def kill_when(command: list[str], environ: Mapping[str, str], arrived: Callable[[], int], count: int) -> bool:
    """Whether it was killed, once that many cassettes had arrived; False if it was faster."""
    with start(command, environ) as process:
        while process.poll() is None and arrived() < count:
            time.sleep(0.001)
        process.kill()
        process.communicate()
    return process.returncode != 0


def rounds(trial: Trial, direction: str, count: int, chance: random.Random) -> Sum:
    """Until `count` runs were killed half-way. Wrong if anything is not as it has to be.

    The moment is a random one of the progress, not of the clock: how long a run takes is not known before its end.
    """
    one = {"down": _down, "up": _up}[direction]
    summed, started = Sum(direction), time.monotonic()
    if direction == "down":
        run_to_its_end(["sync", "up", "-q", "-d", str(trial.source)], trial.environ("source"))
    while summed.between < count:
        if summed.runs == AS_OFTEN * count:
            raise Wrong(f"of {summed.runs} runs only {summed.between} were killed half-way")
        summed.runs += 1
        one(trial, chance.randrange(1, len(trial.whole)), summed)
    summed.seconds = time.monotonic() - started
    return summed


def _note(trial: Trial, summed: Sum, found: dict[str, str], was_killed: bool) -> None:
    if bad := torn(found, trial.whole, trial.old):
        raise Wrong(f"after a kill, torn: {bad}")
    if lost := trial.old.keys() - found.keys():
        raise Wrong(f"after a kill, gone: {sorted(lost)}")
    new = sum(trial.whole[name] == md5 for name, md5 in found.items())
    summed.killed += was_killed
    summed.between += was_killed and 0 < new < len(trial.whole)
    summed.new += new
    summed.old += len(found) - new


def _down(trial: Trial, count: int, summed: Sum) -> None:
    target, environ = trial.folder / f"down-{summed.runs}", trial.environ("source")
    command = ["sync", "down", "-q", "-d", str(target)]
    shutil.copytree(trial.older, target)

    def arrived() -> int:
        """Every new version is larger than an old one."""
        sizes = [path.stat().st_size for path in target.rglob("*.json")]
        return sum(size > OLDER for size in sizes)

    was_killed = kill_when(command, environ, arrived, count)
    found, temporary = local(target)
    _note(trial, summed, found, was_killed)
    summed.temporary += temporary
    run_to_its_end(command, environ)
    after, still = local(target)
    if after != trial.whole or still != temporary:
        raise Wrong(f"the run after a kill left {len(after)} cassettes and {still} temporary files")
    for path in target.rglob(".timetrace-*"):
        os.utime(path, (0, 0))
    run_to_its_end(command, environ)
    if local(target) != (trial.whole, 0):
        raise Wrong("a run a day later left temporary files of the one that was killed")
    summed.completed += 1
    shutil.rmtree(target)


def _up(trial: Trial, count: int, summed: Sum) -> None:
    prefix = f"up-{summed.runs}"
    command, environ = ["sync", "up", "-q", "-d", str(trial.source)], trial.environ(prefix)
    with trial.store(prefix) as store:
        if not store.sync_upload(trial.older).ok:
            raise Wrong("the older versions could not be stored")

        def arrived() -> int:
            return sum(item.size > OLDER for item in store.objects())

        was_killed = kill_when(command, environ, arrived, count)
        _note(trial, summed, stored(store), was_killed)
        run_to_its_end(command, environ)
        if stored(store) != trial.whole:
            raise Wrong("the run after a kill did not store everything")
    summed.completed += 1


def each_step(trial: Trial, way: str) -> str:
    """SIGKILL at each system call of downloads, none left out; tests/crash/steps.py does it."""
    started, folder = time.monotonic(), trial.folder / f"steps-{way}"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.steps", str(folder), way, "--all"],
        env=trial.environ(f"steps-{way}"),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Wrong(f"the steps of a {way} gave exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    for death in deaths:
        if wrong := steps.wrong(death):
            raise Wrong(f"{way}, {death['step']}: {wrong}")
    died = Counter(death["step"].split()[1] for death in deaths if death["died"])
    told = ", ".join(f"{count} at {name}" for name, count in died.most_common())
    return f"{way}, step by step: {died.total()} deaths ({told}), each completed; {time.monotonic() - started:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/kill", description="Kill syncs at random moments, and downloads at each step."
    )
    parser.add_argument("--rounds", type=int, default=100, help="how many in each direction, half-way (100)")
    parser.add_argument("--cassettes", type=int, default=300, help="how many files a sync has (300)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments (the time)")
    given = parser.parse_args()
    print(f"{surroundings()}; {given.cassettes} cassettes and one of {LARGE} bytes; seed {given.seed}", flush=True)
    with own_server() as (server, folder):
        trial = prepare(server, BUCKET, folder, given.cassettes)
        for direction in ("down", "up"):
            print(rounds(trial, direction, given.rounds, random.Random(given.seed)), flush=True)
        for way in ("sync", "download"):
            print(each_step(trial, way), flush=True)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        raise SystemExit(f"WRONG: {wrong}") from None
