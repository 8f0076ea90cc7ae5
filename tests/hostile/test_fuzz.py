"""A short round of the coverage-guided fuzzer; `scripts/fuzz` goes on for as long as it is told."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# Where atheris has a wheel for sure, CI's Python among them.
MUST_RUN = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info[:2] == (3, 11)


def fuzz(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "fuzz", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def test_a_short_round_breaks_no_promise() -> None:
    done = fuzz("--seconds", "3", "listing", "answer", "path")
    if done.returncode == 3 and not MUST_RUN:
        assert "NOT RUN: atheris" in done.stderr
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(done.stderr, stacklevel=1)
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    rounds = re.findall(r"^(\w+) +(\d+) +\d+ +\d+ +\d+  ok$", done.stdout, re.MULTILINE)
    assert [name for name, _ in rounds] == ["listing", "answer", "path"]
    assert all(int(count) > 1000 for _, count in rounds)


def test_it_lists_its_targets_and_refuses_others() -> None:
    from tests.hostile.targets import TARGETS

    assert fuzz("--list").stdout.split() == [*TARGETS]
    assert fuzz("no-such").returncode == 2


def test_an_input_can_be_run_again(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"../x")
    done = fuzz("--input", str(tmp_path / "input"), "path")
    if done.returncode == 3 and not MUST_RUN:
        pytest.skip(done.stderr.strip())
    assert done.stdout.endswith("path: this input breaks no promise\n")
    assert os.listdir(tmp_path) == ["input"]
