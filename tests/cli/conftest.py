"""The command, run in this process against a real server, in a folder of the test's own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from timetrace.cli import main
from timetrace.storage import S3Store


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def offline(folder: Path, clean_environ: None, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `timetrace s3 …` where nothing is configured."""

    def run(command: str, *more: str) -> Ran:
        capfd.readouterr()
        code = main(["s3", *shlex.split(command), *more])
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def run(environ: dict[str, str], offline: Run) -> Run:
    """Runs `timetrace s3 …` as a user of SeaweedFS with a fresh bucket."""
    return offline


@pytest.fixture
def bucket(environ: dict[str, str]) -> str:
    return environ["TIMETRACER_S3_BUCKET"]


@pytest.fixture
def remote(environ: dict[str, str]) -> Iterator[S3Store]:
    """The same bucket, with the default prefix."""
    with S3Store() as store:
        yield store


@pytest.fixture
def make(folder: Path) -> Callable[..., None]:
    """Makes files that hold their own name as JSON."""

    def make(*names: str) -> None:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(name), encoding="utf-8")

    return make
