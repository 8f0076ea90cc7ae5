"""One store from many threads, through a proxy that breaks things: half a minute here, 15 with scripts/soak."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.servers.server import Server
from tests.subprocesses import unmeasured

ROOT = Path(__file__).parents[2]


def test_retries_absorb_what_a_proxy_breaks_and_nothing_is_held_on_to(seaweedfs: Server) -> None:
    """It starts a SeaweedFS of its own, whose keys change: the fixture only says whether one can be had."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "scripts")))
    done = subprocess.run(
        [sys.executable, "-m", "endurance.soak", "--minutes", "0.3"],
        env={**unmeasured(), "PYTHONPATH": path, "MALLOC_ARENA_MAX": "1"},  # what was covered takes memory, too
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ", 0 errors\n" in done.stdout
    assert "keys replaced: 2 times" in done.stdout
