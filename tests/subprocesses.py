"""Processes that tests start."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)


def unmeasured() -> dict[str, str]:
    """The environment for one that could not write down what it covers: it has another uid, or no room to write."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return {**environ, "PYTHONPATH": ROOT}
