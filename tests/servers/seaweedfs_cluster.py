"""A SeaweedFS of several processes: a master, three volume servers with every object on two of them, a filer, S3.

A volume server can be killed and started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import seaweedfs, versions
from tests.servers.process import Process, free_ports, running
from tests.servers.server import Server

VOLUMES = 3
_GRPC = 20  # how far a port for gRPC lies above its plain one


class Cluster:
    """`server` is its S3 side."""

    def __init__(self, folder: Path, ports: range, stack: ExitStack) -> None:
        self._weed = seaweedfs.program()
        self._folder = folder
        self._ports = ports
        self._stack = stack
        self._keys = seaweedfs.new_keys()
        self._volumes: list[Process] = []
        version = versions.SEAWEEDFS.rpartition("==")[2]
        self.server = Server(
            "seaweedfs-cluster", f"http://127.0.0.1:{ports[0]}", *self._keys, version=version, origin="wheel"
        )

    def _start(self, name: str, kind: str, *flags: str) -> Process:
        place = self._folder / name
        place.mkdir(exist_ok=True)
        # Each is to leave a core to the others.
        return self._stack.enter_context(running(self._weed, "-logdir=.", kind, *flags, folder=place, GOMAXPROCS="1"))

    def _at(self, number: int) -> list[str]:
        port = self._ports[number]
        return ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-port={port}", f"-port.grpc={port + _GRPC}"]

    def _address(self, number: int) -> str:
        return f"127.0.0.1:{self._ports[number]}.{self._ports[number] + _GRPC}"

    def start(self) -> None:
        master = self._start(
            "master",
            "master",
            *self._at(1),
            *("-mdir=.", "-defaultReplication=001", "-volumeSizeLimitMB=64", "-telemetry=false"),
        )
        self._volumes = [self._volume(number) for number in range(VOLUMES)]
        filer = self._start(
            "filer",
            "filer",
            *self._at(2),
            *(f"-master={self._address(1)}", "-defaultReplicaPlacement=001", "-localSocket=filer.sock"),
        )
        (self._folder / "s3").mkdir()
        seaweedfs.write_keys(self._folder / "s3", self._keys)
        port = self._ports[0]
        gateway = self._start(
            "s3",
            "s3",
            *("-ip.bind=127.0.0.1", f"-port={port}", f"-port.grpc={port + _GRPC}", f"-filer={self._address(2)}"),
            *("-config=s3.json", "-port.iceberg=0", "-port.lance=0", "-autoCreateBucket=false", "-iam=false"),
            "-localSocket=s3.sock",
        )
        self.server.wait(master, *self._volumes, filer, gateway)

    def _volume(self, number: int) -> Process:
        return self._start(
            f"volume-{number}",
            "volume",
            *self._at(3 + number),
            *("-dir=.", "-max=60", "-rack=r1", "-dataCenter=d1", f"-mserver={self._address(1)}"),
            "-minFreeSpace=100MiB",
        )

    def kill_volume(self, number: int) -> None:
        """By SIGKILL, with all that it has not yet written."""
        self._volumes[number].kill()

    def restart_volume(self, number: int) -> None:
        """On the data that it had. It takes some seconds until the others know of it."""
        self._volumes[number] = self._volume(number)


@contextmanager
def start(folder: Path) -> Iterator[Cluster]:
    with free_ports() as ports, seaweedfs.without_sockets(ports), ExitStack() as stack:
        cluster = Cluster(folder, ports, stack)
        cluster.start()
        yield cluster
