"""The servers of a run: each started once, all at the same time, and stopped whatever goes wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from threading import Lock

from tests.servers import ceph, localstack, minio, moto, rclone, seaweedfs, swift, tls, versitygw
from tests.servers.cache import UnavailableError
from tests.servers.process import stopping
from tests.servers.server import Certificate, Server

Start = Callable[[Path], AbstractContextManager[Server]]


def _with_tls(start: Callable[[Path, Certificate], AbstractContextManager[Server]]) -> Start:
    return lambda folder: start(folder, tls.issue(folder))


SERVERS: dict[str, Start] = {
    "seaweedfs": seaweedfs.start,
    "minio": minio.start,
    "minio-kms": partial(minio.start, sse_kms=True),
    "localstack": localstack.start,
    "versitygw": versitygw.start,
    "swift": swift.start,
    "ceph": ceph.start,
    "rclone": rclone.start,
    "moto": moto.start,
}
TLS_SERVERS = {
    "seaweedfs-tls": _with_tls(seaweedfs.start),
    "minio-tls": _with_tls(minio.start),
    "swift-tls": _with_tls(swift.start),
}
_ALL = SERVERS | TLS_SERVERS


class Fleet:
    """`servers` are those that run; `missing` says why others do not."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.missing: dict[str, str] = {}
        self._running = ExitStack()
        self._lock = Lock()

    def start(self, names: Iterable[str]) -> None:
        """Returns when each runs or is known to be missing."""
        pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="server")
        try:
            for outcome in [pool.submit(self._start, name) for name in names]:
                outcome.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, name: str) -> None:
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(
                    tempfile.TemporaryDirectory(prefix=f"timetrace-{name}-", ignore_cleanup_errors=True)
                )
                self.servers[name] = stack.enter_context(_ALL[name](Path(folder)))
            except UnavailableError as error:
                self.missing[name] = str(error)
                return
            with self._lock:
                if not stopping.is_set():
                    self._running.push(stack.pop_all())

    def stop(self) -> None:
        stopping.set()
        with self._lock:
            self._running.close()
