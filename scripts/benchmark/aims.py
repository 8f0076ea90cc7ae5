"""What timetrace is to reach against its peers, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.results import OURS, Metric, Results

S5CMD = ("s5cmd", "s5cmd-tuned")
AWS = ("aws", "aws-32")
TIMETRACER = ("timetracer",)
MEGA = 1_000_000


@dataclass(frozen=True)
class Aim:
    """timetrace's median over that of the best of `peers` is at most `limit`."""

    scenarios: tuple[str, ...]
    metric: Metric
    peers: tuple[str, ...]
    limit: float


@dataclass(frozen=True)
class Verdict:
    scenario: str
    what: str
    aim: str
    found: str
    met: bool


AIMS = (
    Aim(("up-2000", "up-10000"), "wall", S5CMD, 0.8),
    Aim(("up-2000", "up-10000"), "cpu", S5CMD, 0.4),
    Aim(("up-2000",), "wall", AWS, 0.2),
    Aim(("up-2000",), "wall", TIMETRACER, 0.2),
    Aim(("down-2000", "down-10000"), "wall", S5CMD, 0.6),
    Aim(("down-2000", "down-10000"), "cpu", S5CMD, 0.4),
    Aim(("down-2000",), "wall", AWS, 0.15),
    Aim(("down-1000",), "wall", TIMETRACER, 0.15),
    Aim(("nothing-2000", "nothing-10000"), "wall", S5CMD, 1.0),
    Aim(("nothing-2000", "nothing-10000"), "cpu", S5CMD, 1.0),
    Aim(("nothing-2000",), "wall", AWS, 0.3),
    Aim(("nothing-2000",), "wall", TIMETRACER, 0.3),
    Aim(("changed-2000",), "wall", S5CMD, 1.0),
    Aim(("changed-2000",), "wall", AWS, 0.3),
    Aim(("changed-2000",), "wall", TIMETRACER, 0.3),
    Aim(("up-20ms", "down-20ms"), "wall", S5CMD, 0.7),
    Aim(("up-80ms", "down-80ms"), "wall", S5CMD, 1.0),
    Aim(("up-20ms", "down-20ms", "up-80ms", "down-80ms"), "wall", AWS, 0.1),
    Aim(("up-20ms-200", "down-20ms-200", "up-80ms-100", "down-80ms-100"), "wall", TIMETRACER, 0.1),
    Aim(("list-100000",), "wall", S5CMD, 1.0),
    Aim(("list-100000",), "wall", AWS, 0.3),
    Aim(("list-100000",), "wall", TIMETRACER, 0.3),
    Aim(("one-up", "one-down"), "wall", ("floor",), 1.25),
    Aim(("one-up", "one-down"), "wall", AWS, 0.35),
    Aim(("one-up", "one-down"), "wall", TIMETRACER, 0.35),
    Aim(("up-10000", "down-10000"), "rss", S5CMD, 0.7),
    Aim(("up-2000", "down-2000"), "rss", AWS, 0.6),
    Aim(("up-2000", "down-1000"), "rss", TIMETRACER, 0.6),
    Aim(("large-up", "large-down"), "wall", S5CMD, 1.2),
    Aim(("large-up", "large-down"), "wall", AWS, 1.0),
    Aim(("large-up", "large-down"), "wall", TIMETRACER, 1.0),
)
LARGE_RSS = 64 * MEGA
SIGNING_US = 30.0
SIGNING_FACTOR = 8.0
NAMES = {"wall": "wall time", "cpu": "CPU time", "rss": "peak memory"}


def verdicts(results: Results, server: str) -> Iterator[Verdict]:
    """Each aim for which there are figures of this server."""
    for aim in AIMS:
        for scenario in aim.scenarios:
            if ratio := results.ratio(server, scenario, aim.peers, aim.metric):
                value, peer = ratio
                what = f"{NAMES[aim.metric]} against {peer}"
                yield Verdict(scenario, what, f"≤ {aim.limit:g}", f"{value:.2f}", value <= aim.limit)
    for scenario in ("large-up", "large-down"):
        if rss := results.median(server, scenario, OURS, "rss"):
            found = f"{rss / MEGA:.0f} MB"
            yield Verdict(scenario, "peak memory", f"< {LARGE_RSS // MEGA} MB", found, rss < LARGE_RSS)
    yield from _requests(results, server)


def _requests(results: Results, server: str) -> Iterator[Verdict]:
    for scenario, tools in results.requests.get(server, {}).items():
        if OURS in tools:
            made, least = sum(tools[OURS].values()), least_requests(scenario)
            yield Verdict(scenario, "requests", f"≤ {least}", str(made), made <= least)


def least_requests(scenario: str) -> int:
    """One a file, and one a thousand keys listed. A scenario's name ends in its number of files."""
    work, _, count = scenario.partition("-")
    sent = {"up": int(count), "down": int(count), "nothing": 0, "changed": 20}[work]
    listed = 0 if work == "up" else int(count)
    return sent + max(1, -(-listed // 1000))


def signing(results: Results) -> Iterator[Verdict]:
    took = results.figures.get("signing", {})
    if "timetrace" in took:
        ours = took["timetrace"]
        yield Verdict("signing", "µs a request", f"≤ {SIGNING_US:g}", f"{ours:.1f}", ours <= SIGNING_US)
        if "botocore" in took:
            factor = took["botocore"] / ours
            met = factor >= SIGNING_FACTOR
            yield Verdict("signing", "times as fast as botocore", f"≥ {SIGNING_FACTOR:g}", f"{factor:.1f}", met)
