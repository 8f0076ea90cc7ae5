"""versitygw: S3 over a plain folder. Built, unless there is one on PATH."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import Certificate, Server


@contextmanager
def start(folder: Path, certificate: Certificate | None = None) -> Iterator[Server]:
    program = cache.program("versitygw", versions.VERSITYGW)
    keys = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    env = {"ROOT_ACCESS_KEY": keys[0], "ROOT_SECRET_KEY": keys[1]}
    for name in ("data", "iam"):
        (folder / name).mkdir()
    with free_ports() as ports:
        where = f"127.0.0.1:{ports[0]}"
        flags = ["--quiet", "--keep-alive", "--port", where, "--iam-dir", str(folder / "iam")]
        if certificate:
            flags += ["--cert", certificate.chain, "--key", certificate.key]
        with running(program.path, *flags, "posix", "data", folder=folder, **env) as process:
            server = Server(
                "versitygw",
                certificate.url(ports[0]) if certificate else f"http://{where}",
                *keys,
                ca_bundle=certificate.ca if certificate else None,
                version=program.version,
                origin=program.origin,
            )
            server.wait(process)
            yield server
