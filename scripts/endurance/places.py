"""What each of the scripts needs: a SeaweedFS, an environment, the command, and a look at what came of it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from benchmark import work

from tests.servers import cache, seaweedfs, versions
from tests.servers.server import Server
from timetrace import __version__
from timetrace.storage import S3Config, S3Store

ROOT = Path(__file__).resolve().parent.parent.parent
BUCKET = "endurance"


class Wrong(Exception):
    """Something that must never be; the message says what."""


def settings(server: Server, bucket: str) -> dict[str, str]:
    """This process's environment without what its user has set for S3, and with what leads to `server`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIMETRACER_", "AWS_"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    kept |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
    kept |= {"TIMETRACER_S3_ENDPOINT": server.url, "TIMETRACER_S3_BUCKET": bucket}
    return kept | {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}


def config(server: Server, bucket: str, prefix: str) -> S3Config:
    """The same for this process, which takes nothing from its environment."""
    return S3Config(
        bucket=bucket,
        prefix=prefix,
        endpoint_url=server.url,
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


@contextmanager
def own_server() -> Iterator[tuple[Server, Path]]:
    """A SeaweedFS with an empty bucket, and a folder for the rest. SystemExit where it cannot be had."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="timetrace-endurance-", ignore_cleanup_errors=True) as folder,
            seaweedfs.start(_made(Path(folder, "server"))) as server,
        ):
            server.make_bucket(BUCKET)
            yield server, Path(folder)
    except cache.UnavailableError as error:
        give_up(error)


def give_up(error: cache.UnavailableError) -> NoReturn:
    raise SystemExit(f"SeaweedFS: {error}") from None


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def start(command: Iterable[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """`timetrace s3 …`, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "timetrace", "s3", *command],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def local(folder: Path) -> tuple[dict[str, str], int]:
    """The MD5 of each file below a folder, and how many temporary files of ours there are."""
    found = {name: content.md5 for name, content in work.read(folder).items()} if folder.exists() else {}
    temporary = [name for name in found if name.rpartition("/")[2].startswith(".timetrace-")]
    return {name: md5 for name, md5 in found.items() if name not in temporary}, len(temporary)


def stored(store: S3Store) -> dict[str, str]:
    """The MD5 of each object: of the very content where it was stored in parts."""
    found = {}
    for item in store.objects():
        found[item.key] = item.etag or ""
        if len(found[item.key]) != 32:
            found[item.key] = hashlib.md5(store.read_bytes(item.key), usedforsecurity=False).hexdigest()
    return found


def torn(found: Mapping[str, str], *versions: Mapping[str, str]) -> list[str]:
    """Names of what is there, and is that of none of these versions."""
    return sorted(name for name, md5 in found.items() if md5 not in [version.get(name) for version in versions])


def surroundings() -> str:
    """Versions and machine, for the figures."""
    server = versions.SEAWEEDFS.rpartition("==")[2]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return f"timetrace {__version__}, Python {python}, SeaweedFS {server}, {platform.system()}, {cores} cores"
