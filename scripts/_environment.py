"""The Python that runs the tests: with the clone's own dependencies and what the tests import, each pinned here."""

from __future__ import annotations

from pathlib import Path

from tests.servers import cache

PINS = (
    "urllib3==2.8.0",
    "pytest==9.2.0",
    "pytest-cov==7.1.0",
    "coverage==7.17.4",
    "hypothesis==6.170.17",
    "botocore==1.44.8",
    "trustme==1.2.1",
    "certifi==2026.10.19.post1",
    "argparse-manpage==4.8",
    "hatchling==1.33.0",
    "tqdm==4.70.1",
)


def python() -> Path:
    """It is made when it is first asked for, and kept in the cache. SystemExit where that fails."""
    try:
        return cache.venv("tests", PINS)
    except cache.UnavailableError as error:
        raise SystemExit(f"the packages that the tests need cannot be had: {error}") from None
