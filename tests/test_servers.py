"""The tests' own tools: what they promise about processes, ports and faults."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import cache, toxiproxy
from tests.servers.cache import UnavailableError
from tests.servers.process import free_ports, running, wait_for
from tests.servers.server import Server
from timetrace.errors import TransportError
from timetrace.storage import S3Config, S3Store

SLEEPER = "import os, time; print(os.getpid(), flush=True); os.fork(); time.sleep(600)"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def test_a_process_ends_with_its_block(tmp_path: Path) -> None:
    with running(sys.executable, "-c", SLEEPER, folder=tmp_path) as process:
        wait_for(lambda: bool(process.told()), process)
        pid = int(process.told())
        assert _is_alive(pid)
    _await_end(pid)


def test_a_process_ends_even_when_what_started_it_is_killed(tmp_path: Path) -> None:
    starter = (
        "import sys, time; from pathlib import Path; from tests.servers.process import running\n"
        f"with running(sys.executable, '-c', {SLEEPER!r}, folder=Path({str(tmp_path)!r})) as process:\n"
        "    while not process.told(): time.sleep(0.02)\n"
        "    print(process.told(), flush=True); time.sleep(600)"
    )
    root = Path(__file__).parent.parent
    with subprocess.Popen([sys.executable, "-c", starter], cwd=root, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        started.send_signal(signal.SIGKILL)
    _await_end(pid)


def test_a_server_that_ends_at_once_is_unavailable_with_its_last_words(tmp_path: Path) -> None:
    with (
        running(sys.executable, "-c", "raise SystemExit('no room')", folder=tmp_path) as process,
        pytest.raises(UnavailableError, match="ended with 1: no room"),
    ):
        wait_for(lambda: False, process)


def test_two_blocks_of_ports_are_free_and_apart() -> None:
    with free_ports() as one, free_ports() as other:
        assert not set(one) & set(other)
        for port in (*one, *other):
            socket.create_server(("127.0.0.1", port)).close()


def test_an_install_that_broke_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMETRACE_TEST_CACHE", str(tmp_path))

    def broken(folder: Path) -> None:
        (folder / "half").touch()
        raise UnavailableError("the network is gone")

    with pytest.raises(UnavailableError):
        cache.entry("it", broken)
    folder = cache.entry("it", lambda folder: (folder / "whole").touch())
    assert folder == tmp_path / "it"
    assert sorted(path.name for path in folder.iterdir()) == [".complete", "whole"]
    assert cache.entry("it", broken) == folder


def test_toxiproxy_cuts_connections_and_lets_them_through_again(
    seaweedfs: Server, environ: dict[str, str], tmp_path: Path
) -> None:
    with toxiproxy.start(tmp_path) as proxy:
        url = proxy.proxy("s3", seaweedfs.url)
        with S3Store(S3Config(endpoint_url=url, max_attempts=1)) as store:
            store.write("a.json", 1)
            proxy.add("s3", "reset_peer", timeout=0)
            with pytest.raises(TransportError):
                store.read("a.json")
            proxy.reset()
            assert store.read("a.json") == 1
            proxy.enable("s3", False)
            with pytest.raises(TransportError):
                store.read("a.json")
