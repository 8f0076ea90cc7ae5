"""What is measured: which work, how much of it, by which tools, in how many rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Work = Literal["up", "down", "nothing", "changed", "put", "get", "list", "put-large", "get-large"]

MEGA = 1 << 20


@dataclass(frozen=True)
class Scenario:
    """`count` cassettes, keys or (for the large file) bytes; `tools` with their rounds; `latency` in ms a round trip.

    timetrace runs in every round of the others. What has a latency goes over TLS. `quick` is the number of rounds
    with --quick, 0 for none; `elsewhere` is the most rounds on any server but the first.
    """

    name: str
    title: str
    work: Work
    count: int
    tools: Mapping[str, int]
    latency: int | None = None
    quick: int = 0
    elsewhere: int = 2


BEHIND = {"aws": 1, "aws-32": 1, "timetracer": 1}
MOVED = {"s5cmd": 3, "s5cmd-tuned": 3, "rclone": 2, "obstore": 2, "boto3": 1} | BEHIND
LOOKED = {"s5cmd": 7, "rclone": 3, "obstore": 3, "boto3": 3} | BEHIND
MANY = {"s5cmd": 2, "s5cmd-tuned": 2, "rclone": 1, "obstore": 1}
MANY_LOOKED = {"s5cmd": 5, "rclone": 1, "obstore": 1}
COLD = {"floor": 15, "s5cmd": 15, "rclone": 5, "obstore": 5, "boto3": 5, "aws": 5, "timetracer": 5}
LARGE = {"s5cmd": 3, "rclone": 1, "obstore": 2, "boto3": 2, "aws": 1, "timetracer": 1}
LISTED = {"s5cmd": 3, "rclone": 1, "obstore": 2, "boto3": 1, "aws": 1, "timetracer": 1}
FAR = {"s5cmd": 2, "s5cmd-tuned": 1, "rclone": 1, "aws-32": 1}
LAST = {"timetracer": 1}

SCENARIOS = (
    Scenario("one-up", "one object up, cold process", "put", 1, COLD, quick=5, elsewhere=7),
    Scenario("one-down", "one object down, cold process", "get", 1, COLD, quick=5, elsewhere=7),
    Scenario("up-2000", "2,000 up", "up", 2_000, MOVED, quick=2),
    Scenario("down-2000", "2,000 down", "down", 2_000, MOVED, quick=2),
    Scenario("nothing-2000", "nothing to do, 2,000", "nothing", 2_000, LOOKED, quick=3, elsewhere=5),
    Scenario("changed-2000", "20 of 2,000 changed", "changed", 2_000, LOOKED, quick=3, elsewhere=5),
    Scenario("down-1000", "1,000 down", "down", 1_000, LAST),  # where timetracer stops
    Scenario("up-10000", "10,000 up", "up", 10_000, MANY, elsewhere=1),
    Scenario("down-10000", "10,000 down", "down", 10_000, MANY, elsewhere=1),
    Scenario("nothing-10000", "nothing to do, 10,000", "nothing", 10_000, MANY_LOOKED, elsewhere=2),
    Scenario("list-100000", "list 100,000 keys", "list", 100_000, LISTED),
    Scenario("large-up", "one file of 256 MB up", "put-large", 256 * MEGA, LARGE, elsewhere=3),
    Scenario("large-down", "one file of 256 MB down", "get-large", 256 * MEGA, LARGE, elsewhere=3),
    Scenario("up-20ms", "2,000 up, TLS, 20 ms", "up", 2_000, FAR, latency=20, elsewhere=1),
    Scenario("down-20ms", "2,000 down, TLS, 20 ms", "down", 2_000, FAR, latency=20, elsewhere=1),
    Scenario("up-80ms", "2,000 up, TLS, 80 ms", "up", 2_000, FAR, latency=80, elsewhere=1),
    Scenario("down-80ms", "2,000 down, TLS, 80 ms", "down", 2_000, FAR, latency=80, elsewhere=1),
    # timetracer moves one file at a time: 2,000 would take minutes.
    Scenario("up-20ms-200", "200 up, TLS, 20 ms", "up", 200, LAST, latency=20, elsewhere=1),
    Scenario("down-20ms-200", "200 down, TLS, 20 ms", "down", 200, LAST, latency=20, elsewhere=1),
    Scenario("up-80ms-100", "100 up, TLS, 80 ms", "up", 100, LAST, latency=80, elsewhere=1),
    Scenario("down-80ms-100", "100 down, TLS, 80 ms", "down", 100, LAST, latency=80, elsewhere=1),
)
IN_PROCESS = ("requests", "signing", "imports", "sizes")
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
