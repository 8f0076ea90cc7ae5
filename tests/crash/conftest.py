"""The modules of scripts/ are no package: they are imported as the scripts themselves do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from timetrace.storage import S3Store

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))


@pytest.fixture
def remote(environ: dict[str, str]) -> Iterator[S3Store]:
    """A fresh bucket of SeaweedFS, as the environment names it."""
    with S3Store() as store:
        yield store


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """Like tmp_path, but below no folder that only its owner may enter."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
