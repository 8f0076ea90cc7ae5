"""A server of its own for each scenario, empty, on loopback; over TLS through a slow line if asked."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmark.peers import ROOT, Environments
from tests.servers import minio, seaweedfs, toxiproxy, versitygw
from tests.servers.server import Certificate, Server

_START = {"seaweedfs": seaweedfs.start, "versitygw": versitygw.start, "minio": minio.start}
NAMES = tuple(_START)
ISSUE = """
import dataclasses, json, pathlib, sys
from tests.servers import tls
print(json.dumps(dataclasses.asdict(tls.issue(pathlib.Path(sys.argv[1])))))
"""


@contextmanager
def start(
    name: str, scratch: Path, environments: Environments, latency: int | None = None
) -> Iterator[tuple[Server, Server]]:
    """The server `name`, its data below `scratch`: as the tools see it, and as one sees it that is near.

    With `latency` it speaks TLS, and the tools see it that many ms a round trip away.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-", dir=scratch)))
        if latency is None:
            server = stack.enter_context(_START[name](folder))
            yield server, server
        else:
            server = stack.enter_context(_START[name](folder, _certificate(folder, environments)))
            yield stack.enter_context(far_away(server, folder, latency)), server


def _certificate(folder: Path, environments: Environments) -> Certificate:
    """Made by the peers' Python, where trustme is."""
    told = subprocess.run(
        [environments.peers, "-c", ISSUE, folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return Certificate(**json.loads(told.stdout))


@contextmanager
def far_away(server: Server, folder: Path, latency: int) -> Iterator[Server]:
    """`server` behind toxiproxy. Half of the round trip goes in each direction, as on a real line."""
    with toxiproxy.start(folder) as proxy:
        url = proxy.proxy("line", server.url)
        for upstream in (True, False):
            proxy.add("line", "latency", upstream=upstream, latency=latency // 2)
        yield replace(server, url=url)
