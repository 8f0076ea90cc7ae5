"""Kills syncs at random moments, looks at what they leave, and has the next run complete it."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark import work

from endurance.places import BUCKET, Wrong, config, local, own_server, settings, start, stored, surroundings, torn
from tests.servers.server import Server
from timetrace.storage import S3Store

LARGE = 11_000_000  # bytes: a file that goes in parts


@dataclass
class Sum:
    """What came of the rounds of one direction. `between` counts the runs that died neither before the first
    cassette nor after the last."""

    direction: str
    rounds: int = 0
    killed: int = 0
    between: int = 0
    whole: int = 0
    temporary: int = 0
    completed: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"sync {self.direction}: {self.rounds} rounds, {self.killed} killed, {self.between} of them half-way; "
            f"they left {self.whole} whole cassettes, 0 torn ones and {self.temporary} temporary files; "
            f"{self.completed} next runs completed with all equal; {self.seconds:.0f} s"
        )


@dataclass
class Trial:
    """The cassettes below `source`, and a store that holds them."""

    server: Server
    bucket: str
    source: Path
    folder: Path
    whole: dict[str, str]

    def environ(self, prefix: str) -> dict[str, str]:
        # Parts from 5 MiB on: so that the large file has some.
        more = {"TIMETRACER_S3_PREFIX": prefix, "TIMETRACER_S3_MULTIPART_THRESHOLD": "5MiB"}
        return settings(self.server, self.bucket) | more | {"TIMETRACER_S3_PART_SIZE": "5MiB"}

    def store(self, prefix: str) -> S3Store:
        return S3Store(config(self.server, self.bucket, prefix))


def prepare(server: Server, bucket: str, folder: Path, count: int) -> Trial:
    source = folder / "source"
    work.make(source, count)
    work.make_large(source / "large.json", LARGE)
    return Trial(server, bucket, source, folder, local(source)[0])


def run_to_its_end(command: list[str], environ: Mapping[str, str]) -> float:
    """Seconds. Wrong unless it ends well."""
    started = time.monotonic()
    with start(command, environ) as process:
        _, err = process.communicate(timeout=300)
    if process.returncode:
        raise Wrong(f"`{' '.join(command)}` gave exit code {process.returncode}: {err.strip()[-300:]}")
    return time.monotonic() - started


def kill_after(command: list[str], environ: Mapping[str, str], seconds: float) -> bool:
    """Whether it was killed; False if it was faster."""
    with start(command, environ) as process:
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    return process.returncode != 0


def rounds(trial: Trial, direction: str, count: int, chance: random.Random) -> Sum:
    """Wrong if anything is not as it has to be."""
    one = {"down": _down, "up": _up}[direction]
    summed, started = Sum(direction), time.monotonic()
    command = ["sync", direction, "-q", "-d"]
    if direction == "down":
        run_to_its_end(["sync", "up", "-q", "-d", str(trial.source)], trial.environ("source"))
    folder = trial.folder / "first" if direction == "down" else trial.source
    most = run_to_its_end([*command, str(folder)], trial.environ("source" if direction == "down" else "first"))
    for number in range(count):
        summed.rounds += 1
        one(trial, command, number, chance.uniform(0.1, 1.0) * most, summed)
    summed.seconds = time.monotonic() - started
    return summed


def _note(trial: Trial, summed: Sum, found: dict[str, str]) -> None:
    if bad := torn(found, trial.whole):
        raise Wrong(f"after a kill, torn: {bad}")
    summed.whole += len(found)
    summed.between += 0 < len(found) < len(trial.whole)


def _down(trial: Trial, command: list[str], number: int, seconds: float, summed: Sum) -> None:
    target, environ = trial.folder / f"down-{number}", trial.environ("source")
    summed.killed += kill_after([*command, str(target)], environ, seconds)
    found, temporary = local(target)
    _note(trial, summed, found)
    summed.temporary += temporary
    run_to_its_end([*command, str(target)], environ)
    after, still = local(target)
    if after != trial.whole or still != temporary:
        raise Wrong(f"the run after a kill left {len(after)} cassettes and {still} temporary files")
    for path in target.rglob(".timetrace-*"):
        os.utime(path, (0, 0))
    run_to_its_end([*command, str(target)], environ)
    if local(target) != (trial.whole, 0):
        raise Wrong("a run a day later left temporary files of the one that was killed")
    summed.completed += 1
    shutil.rmtree(target)


def _up(trial: Trial, command: list[str], number: int, seconds: float, summed: Sum) -> None:
    prefix = f"up-{number}"
    command, environ = [*command, str(trial.source)], trial.environ(prefix)
    summed.killed += kill_after(command, environ, seconds)
    with trial.store(prefix) as store:
        _note(trial, summed, stored(store))
        run_to_its_end(command, environ)
        if stored(store) != trial.whole:
            raise Wrong("the run after a kill did not store everything")
    summed.completed += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/kill", description="Kill syncs at random moments.")
    parser.add_argument("--rounds", type=int, default=100, help="how many in each direction (100)")
    parser.add_argument("--cassettes", type=int, default=300, help="how many files a sync has (300)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments (the time)")
    given = parser.parse_args()
    print(f"{surroundings()}; {given.cassettes} cassettes and one of {LARGE} bytes; seed {given.seed}", flush=True)
    with own_server() as (server, folder):
        trial = prepare(server, BUCKET, folder, given.cassettes)
        for direction in ("down", "up"):
            print(rounds(trial, direction, given.rounds, random.Random(given.seed)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        raise SystemExit(f"WRONG: {wrong}") from None
