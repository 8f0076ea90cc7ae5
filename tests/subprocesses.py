"""Processes that tests start."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)


def unmeasured() -> dict[str, str]:
    """The environment for one whose coverage is not measured.

    It could not write that down, as another uid or without room, or its own memory is what counts.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return {**environ, "PYTHONPATH": ROOT}
