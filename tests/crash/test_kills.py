"""SIGKILL at random moments of a sync: a few here, a hundred each way with scripts/kill."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from endurance import kills

from tests.servers.server import Server

ROUNDS = 5


@pytest.mark.parametrize("direction", ["down", "up"])
def test_the_run_after_a_kill_completes_what_it_left(
    seaweedfs: Server, environ: dict[str, str], tmp_path: Path, direction: str
) -> None:
    trial = kills.prepare(seaweedfs, environ["TIMETRACER_S3_BUCKET"], tmp_path, 100)
    done = kills.rounds(trial, direction, ROUNDS, random.Random(5))
    assert (done.between, done.completed) == (ROUNDS, done.runs)
    assert done.old > 0
