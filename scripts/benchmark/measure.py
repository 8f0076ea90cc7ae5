"""One command's wall time, CPU and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LAUNCHER = Path(__file__).with_name("launch.py")
TIMEOUT = 300  # seconds


class FailedError(Exception):
    """A command that failed, or did something else than it had to; the message says which and what."""


class Taken(NamedTuple):
    """Seconds of wall time, seconds of CPU (user and system, of the whole process tree), bytes of peak memory."""

    wall: float
    cpu: float
    rss: int


def run(argv: Sequence[str], env: Mapping[str, str], folder: Path, *, timeout: int = TIMEOUT) -> Taken:
    """Run `argv` once; its output is in `folder`/stdout. FailedError unless it gives exit code 0."""
    out, err = folder / "stdout", folder / "stderr"
    job = {"argv": list(argv), "env": dict(env), "folder": str(folder), "timeout": timeout}
    job |= {"stdout": str(out), "stderr": str(err)}
    pipe = subprocess.PIPE
    launcher = subprocess.Popen([sys.executable, "-I", "-S", LAUNCHER], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        told, complaint = launcher.communicate(json.dumps(job))
    except BaseException:
        launcher.terminate()  # it stops what it runs; killed, it could not
        launcher.wait()
        raise
    if launcher.returncode:
        raise FailedError(f"{Path(argv[0]).name} {' '.join(argv[1:3])} …: {complaint.strip()[-300:]}")
    result = json.loads(told)
    if result["code"]:
        said = err.read_text(errors="replace") or out.read_text(errors="replace")
        raise FailedError(f"{Path(argv[0]).name}: exit code {result['code']}: {' '.join(said.split())[-300:]}")
    return Taken(result["wall"], result["cpu"], result["rss"])
