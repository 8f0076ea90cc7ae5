"""toxiproxy: a proxy that is slow, cuts connections and the like, as it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.servers import cache, versions
from tests.servers.process import free_ports, running, wait_for


class Toxiproxy:
    """Each method is one call of its API; AssertionError where it is refused."""

    def __init__(self, ports: range) -> None:
        self._port, self._free = ports[0], iter(ports[1:])

    def proxy(self, name: str, url: str) -> str:
        """The URL of a new proxy in front of the server at `url`."""
        listen = f"127.0.0.1:{next(self._free)}"
        parts = urlsplit(url)
        self._call("POST", "/proxies", {"name": name, "listen": listen, "upstream": parts.netloc, "enabled": True})
        return f"{parts.scheme}://{listen}"

    def add(self, name: str, kind: str, *, upstream: bool = False, toxicity: float = 1.0, **attributes: int) -> None:
        """A toxic such as `latency` (latency=ms), `reset_peer` (timeout=ms) or `limit_data` (bytes=…).

        `upstream` is the way to the server; `toxicity` the share of connections that it is for.
        """
        toxic = {"type": kind, "toxicity": toxicity, "attributes": attributes}
        self._call("POST", f"/proxies/{name}/toxics", toxic | {"stream": "upstream" if upstream else "downstream"})

    def enable(self, name: str, enabled: bool = True) -> None:
        """Without, its connections are cut and new ones refused."""
        self._call("POST", f"/proxies/{name}", {"enabled": enabled})

    def reset(self) -> None:
        """No toxics, and all proxies enabled."""
        self._call("POST", "/reset")

    def version(self) -> str:
        return str(json.loads(self._call("GET", "/version"))["version"])

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, f"toxiproxy: {method} {path}: {answer.status} {told!r}"
        return told


@contextmanager
def start(folder: Path) -> Iterator[Toxiproxy]:
    program = cache.go_program("toxiproxy", versions.TOXIPROXY)
    with (
        free_ports() as ports,
        running(program, "-host", "127.0.0.1", "-port", str(ports[0]), folder=folder) as process,
    ):
        toxiproxy = Toxiproxy(ports)
        wait_for(lambda: bool(toxiproxy.version()), process)
        yield toxiproxy
