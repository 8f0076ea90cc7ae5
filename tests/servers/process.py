"""Processes of servers: loopback ports of their own, a log each, and an end that is certain."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from tests.servers.cache import UnavailableError, root

BLOCK = 40  # ports a server may have
START = 90  # seconds that a server may take

stopping = Event()  # the run is over: no server is worth waiting for


@contextmanager
def free_ports() -> Iterator[range]:
    """A block of free ports, held against other runs. Below those that systems give to outgoing connections."""
    folder = root() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    bases = list(range(10_000, 32_000, BLOCK))
    random.shuffle(bases)
    for base in bases:
        with open(folder / str(base), "w") as lock:
            if _is_ours(lock.fileno()) and all(map(_is_free, range(base, base + BLOCK))):
                yield range(base, base + BLOCK)
                return
    raise UnavailableError("no block of free ports")


def _is_ours(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


# Runs between us and the server. It ends the server, with all that has its group, when our end of the pipe closes:
# that happens however we end, by SIGKILL too.
_GUARD = """
import os, signal, subprocess, sys, threading
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
signal.signal(signal.SIGHUP, lambda number, frame: server.send_signal(number))
def kill():
    try:
        os.killpg(server.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
threading.Thread(target=lambda: (sys.stdin.buffer.read(), kill()), daemon=True).start()
code = server.wait()
kill()
os._exit(code % 256)
"""


class Process:
    """A running server and all that it started."""

    def __init__(self, args: Sequence[str | os.PathLike[str]], folder: Path, env: Mapping[str, str]) -> None:
        self.name = os.path.basename(args[0])
        self.log = folder / f"{self.name}.out"
        places = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8"}
        with open(self.log, "ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _GUARD, *args],
                cwd=folder,
                env={**places, **env},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us
            )

    def check(self) -> None:
        """UnavailableError with the end of its log if it has ended."""
        if self._guard.poll() is not None:
            raise UnavailableError(f"{self.name} ended with {self._guard.returncode}: {self.told()}")

    def finish(self) -> None:
        """Wait until it has done its work; UnavailableError with the end of its log if it failed."""
        if self._guard.wait(START):
            self.check()

    def told(self) -> str:
        return " ".join(self.log.read_text(errors="replace").split())[-300:]

    def reload(self) -> None:
        """SIGHUP, by which many servers read their configuration again."""
        self._guard.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """At once, as its data is thrown away with it."""
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()


@contextmanager
def running(*args: str | os.PathLike[str], folder: Path, **env: str) -> Iterator[Process]:
    """The process in `folder`, which is its home too. It has no other environment than `env`."""
    process = Process(args, folder, env)
    try:
        yield process
    finally:
        process.kill()


def wait_for(ready: Callable[[], bool], *processes: Process, seconds: float = START) -> None:
    """Until `ready`; OSError counts as no. UnavailableError when a process ends, or takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        if stopping.is_set():
            raise UnavailableError("the run was stopped")
        for process in processes:
            process.check()
        with suppress(OSError):
            if ready():
                return
        if time.monotonic() > deadline:
            told = "; ".join(f"{process.name}: {process.told()}" for process in processes)
            raise UnavailableError(f"not ready after {seconds:g} s: {told}")
        time.sleep(0.05)
