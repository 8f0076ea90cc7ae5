"""MinIO: there are no binaries any more, so it is built, unless there is one on PATH."""

from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import DOMAIN, Certificate, Server


@contextmanager
def start(folder: Path, certificate: Certificate | None = None, *, sse_kms: bool = False) -> Iterator[Server]:
    program = cache.program("minio", versions.MINIO)
    keys = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    env = {"MINIO_ROOT_USER": keys[0], "MINIO_ROOT_PASSWORD": keys[1], "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"}
    flags = ["--quiet"]
    if sse_kms:
        env["MINIO_KMS_SECRET_KEY"] = f"tests:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    if certificate:
        env["MINIO_DOMAIN"] = DOMAIN
        flags += ["--certs-dir", str(_certificates(folder, certificate))]
    with free_ports() as ports:
        where = f"127.0.0.1:{ports[0]}"
        with running(program.path, "server", *flags, "--address", where, "data", folder=folder, **env) as process:
            server = Server(
                "minio-kms" if sse_kms else "minio",
                certificate.url(ports[0]) if certificate else f"http://{where}",
                *keys,
                ca_bundle=certificate.ca if certificate else None,
                version=program.version,
                origin=program.origin,
                kms_key="tests" if sse_kms else None,
            )
            server.wait(process)
            yield server


def _certificates(folder: Path, certificate: Certificate) -> Path:
    certificates = folder / "certificates"
    certificates.mkdir()
    shutil.copy(certificate.chain, certificates / "public.crt")
    shutil.copy(certificate.key, certificates / "private.key")
    return certificates
