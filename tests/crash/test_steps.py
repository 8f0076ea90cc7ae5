"""SIGKILL before, within and after each system call by which a download is published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.steps import MANY, NAMES, wrong

ROOT = Path(__file__).parents[2]
# Whatever else is done to a file, these are what makes it appear: one of a few bytes, one that comes in ranges, and one
# that is begun anew.
PUBLISHING = {"open", "write", "pwrite", "preadv", "ftruncate", "lseek", "fchmod", "close", "replace"}


@pytest.fixture(params=["sync", "download"])
def trials(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.crash.steps", str(tmp_path), request.param],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *trials, ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert not ended["died"]
    assert ended["left"]["new"] == sorted(NAMES), f"the run that came to its end: {ended}"
    return trials


def test_a_death_at_any_system_call_leaves_whole_cassettes_which_the_next_run_completes(
    trials: list[dict[str, Any]],
) -> None:
    calls = {trial["step"].split()[1] for trial in trials if trial["died"]}
    assert calls >= PUBLISHING
    assert sum(trial["died"] for trial in trials) > 80
    # How many pieces an object comes in, each run finds out anew.
    assert {trial["step"].split()[1] for trial in trials if not trial["died"]} <= {"write", *MANY}
    assert {trial["step"]: found for trial in trials if (found := wrong(trial))} == {}
