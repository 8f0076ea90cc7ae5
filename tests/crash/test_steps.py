"""SIGKILL before, within and after each system call by which a download is published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.steps import ALIVE, DEAD, NAMES

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sync", "download"])
def deaths(request: pytest.FixtureRequest, environ: dict[str, str], tmp_path: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.crash.steps", str(tmp_path), request.param],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *died, ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert not ended["died"]
    assert ended["left"]["new"] == sorted(NAMES), f"the run that came to its end: {ended}"
    assert all(death["died"] for death in died)
    # Whatever else is done to a file, these are what makes it appear.
    calls = {death["step"].partition(" ")[2] for death in died}
    assert {"open", "write", "fchmod", "close", "replace"} <= calls
    return died


def test_a_death_at_any_system_call_leaves_whole_cassettes_which_the_next_run_completes(
    deaths: list[dict[str, Any]],
) -> None:
    names = sorted(NAMES)
    assert len(deaths) > 50
    for death in deaths:
        left, told = death["left"], f"{death['at']}: {death['step']}"
        assert left["torn"] == [], told
        assert set(left["cassettes"]) <= set(names), told
        # One file is being written at a time, and the look at the file system is over before.
        ours = [name for name in left["temporary"] if name.rpartition("/")[2] not in (DEAD, ALIVE)]
        assert len(ours) <= 1, told
        # A sync up of what was left sends cassettes alone.
        assert death.get("sent", left["cassettes"]) == left["cassettes"], told

        after = death["next"]
        assert (after["new"], after["torn"]) == (names, []), told
        # What may be another run's stays, what is a dead run's goes.
        assert sorted(after["temporary"]) == sorted([*ours, ALIVE]), told
        assert death["a day later"] == {"cassettes": names, "new": names, "torn": [], "temporary": []}, told
