"""Signals, two runs at once, and forks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import Received
from tests.servers import toxiproxy
from timetrace.s3.network import Resolver
from timetrace.storage import S3Store, SyncItem, SyncReport

ROOT = Path(__file__).parents[2]


def start(*args: str | Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def content(name: str) -> bytes:
    return (name * 3_000).encode()


def fill(store: S3Store, count: int) -> list[str]:
    names = [f"{number % 5}/{number:03}.json" for number in range(count)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: store.write_bytes(name, content(name)), names))
    return sorted(names)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def assert_whole(folder: Path, names: list[str]) -> None:
    for name in names:
        assert (folder / name).read_bytes() == content(name)


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_sync_that_is_told_to_end_leaves_whole_files(
        self, remote: S3Store, environ: dict[str, str], tmp_path: Path, number: signal.Signals
    ) -> None:
        names = fill(remote, 200)
        target = tmp_path / "target"
        with (
            toxiproxy.start(tmp_path) as proxies,
            start(
                *("timetrace", "s3", "sync", "down", "-d", target),
                TIMETRACER_S3_ENDPOINT=_slow(proxies, environ["TIMETRACER_S3_ENDPOINT"]),
                TIMETRACER_S3_MAX_CONCURRENCY="4",
                PYTHONUNBUFFERED="1",
            ) as process,
        ):
            assert process.stdout
            for _ in range(5):
                assert " -> " in process.stdout.readline()
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        found = [name for name in files(target) if not name.rpartition("/")[2].startswith(".timetrace-")]
        assert 5 <= len(found) < 200
        assert_whole(target, found)
        if number == signal.SIGINT:
            assert process.returncode == 130
            assert err.startswith(f"stopped early: {len(found)} fetched (")
            assert files(target) == found
        else:
            # Not caught: the end is at once, as if it had been killed.
            assert (process.returncode, err) == (-signal.SIGTERM, "")
            assert len(files(target)) <= len(found) + 4
        assert remote.sync_download(target).transferred == 200 - len(found)
        assert_whole(target, names)

    def test_a_second_ctrl_c_does_not_wait_for_a_server_that_is_silent(
        self, remote: S3Store, environ: dict[str, str], tmp_path: Path
    ) -> None:
        fill(remote, 20)
        with toxiproxy.start(tmp_path) as proxies:
            relayed = proxies.proxy("silent", environ["TIMETRACER_S3_ENDPOINT"])
            proxies.add("silent", "limit_data", bytes=20_000)  # the listing, and little more
            proxies.add("silent", "slow_close", delay=120_000)
            target = tmp_path / "target"
            with start(
                *("timetrace", "s3", "sync", "down", "-d", target),
                TIMETRACER_S3_ENDPOINT=relayed,
                TIMETRACER_S3_MAX_CONCURRENCY="4",
            ) as process:
                while len(list(target.rglob(".timetrace-*"))) < 4:
                    assert process.poll() is None
                process.send_signal(signal.SIGINT)
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(1.0)
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in err
        assert_whole(target, [name for name in files(target) if not name.rpartition("/")[2].startswith(".timetrace-")])

    def test_the_server_sees_its_connections_end_with_the_process(self, tmp_path: Path) -> None:
        with Watched() as bucket:
            given = {"TIMETRACER_S3_ENDPOINT": bucket.url, "TIMETRACER_S3_BUCKET": bucket.name}
            more = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "PYTHONUNBUFFERED": "1"}
            command = ("timetrace", "s3", "sync", "down", "-p", "", "-d", tmp_path / "target")
            with start(*command, **given, **more) as process:
                assert process.stdout
                for _ in range(5):
                    assert " -> " in process.stdout.readline()
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=30)
            assert process.returncode == 130
            assert len(bucket.objects) > len(bucket.asked("GET"))
            assert bucket.connections > 1
            assert bucket.all_ended(10)

    def test_the_server_sees_its_connections_end_although_the_process_goes_on(self, tmp_path: Path) -> None:
        fetched = []

        def interrupt(item: SyncItem) -> None:
            fetched.append(item.key)
            if len(fetched) == 5:
                os.kill(os.getpid(), signal.SIGINT)

        with Watched() as bucket:
            with pytest.raises(KeyboardInterrupt), bucket.store() as store:
                store.sync_download(tmp_path / "target", jobs=4, on_result=interrupt)
            assert 5 <= len(fetched) < len(bucket.objects)
            assert bucket.connections > 1
            assert bucket.all_ended(10)
            begun = len(bucket.requests)
        assert begun < len(bucket.objects)
        assert files(tmp_path / "target") == sorted(fetched)


class Watched(Bucket):
    """A bucket of 200 objects, each 20 ms away, that knows whether its connections have ended."""

    def __enter__(self) -> Watched:
        super().__enter__()
        self.objects |= {f"{number:03}.json": Stored(b"{}") for number in range(200)}
        self._ended = threading.Semaphore(0)
        return self

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            super()._serve(connection, number)
        finally:
            self._ended.release()

    def _receive(self, connection: socket.socket, number: int) -> Received | None:
        time.sleep(0.02)
        return super()._receive(connection, number)

    def all_ended(self, seconds: float) -> bool:
        return all(self._ended.acquire(timeout=seconds) for _ in range(self.connections))


def _slow(proxies: toxiproxy.Toxiproxy, url: str) -> str:
    """The same server, 30 ms further away."""
    relayed = proxies.proxy("slow", url)
    proxies.add("slow", "latency", latency=30)
    return relayed


class TestTwoAtOnce:
    def test_two_syncs_into_one_folder_both_end_well(self, remote: S3Store, tmp_path: Path) -> None:
        names = fill(remote, 300)
        command = ("timetrace", "s3", "sync", "down", "-q", "-d", tmp_path)
        for _ in range(2):
            runs = [start(*command), start(*command)]
            for run in runs:
                assert run.communicate(timeout=60) == ("", "")
            assert [run.returncode for run in runs] == [0, 0]
            assert files(tmp_path) == names
            assert_whole(tmp_path, names)
            for name in names[::2]:
                (tmp_path / name).write_text("other")

    def test_two_syncs_of_one_store_into_one_folder_both_end_well(self, remote: S3Store, tmp_path: Path) -> None:
        names = fill(remote, 200)
        with ThreadPoolExecutor(2) as threads:
            reports = list(threads.map(lambda _: remote.sync_download(tmp_path), range(2)))
        assert [report.ok for report in reports] == [True, True]
        assert files(tmp_path) == names
        assert_whole(tmp_path, names)

    def test_two_syncs_up_of_the_same_keys_leave_one_of_both_for_each(self, remote: S3Store, tmp_path: Path) -> None:
        for side in ("left", "right"):
            for number in range(150):
                path = tmp_path / side / f"{number:03}.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(side * 2_000)

        def up(side: str) -> SyncReport:
            with S3Store() as store:
                return store.sync_upload(tmp_path / side)

        with ThreadPoolExecutor(2) as threads:
            assert all(report.ok for report in threads.map(up, ("left", "right")))
        stored = {key: remote.read_bytes(key) for key in remote.list()}
        assert sorted(stored) == [f"{number:03}.json" for number in range(150)]
        assert set(stored.values()) <= {b"left" * 2_000, b"right" * 2_000}

    def test_of_two_that_create_only_one_wins_each_key_and_the_other_is_told(
        self, remote: S3Store, tmp_path: Path
    ) -> None:
        for side in ("left", "right"):
            (tmp_path / side).mkdir()
            for number in range(60):
                (tmp_path / side / f"{number:03}.json").write_text(side * 500)

        def up(side: str) -> SyncReport:
            with S3Store() as store:
                return store.sync_upload(tmp_path / side, create_only=True)

        with ThreadPoolExecutor(2) as threads:
            left, right = threads.map(up, ("left", "right"))
        stored = [remote.read_bytes(key) for key in remote.list()]
        assert stored.count(b"left" * 500) == left.transferred
        assert stored.count(b"right" * 500) == right.transferred
        assert len(stored) == left.transferred + right.transferred == 60


class TestForks:
    @pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system does not list open files there")
    @pytest.mark.parametrize("way", ["plain", "multiprocessing", "threads"])
    def test_a_forked_child_has_sockets_and_locks_of_its_own(
        self, environ: dict[str, str], tmp_path: Path, way: str
    ) -> None:
        # By name: so that a name lookup is on the way as well.
        by_name = environ["TIMETRACER_S3_ENDPOINT"].replace("127.0.0.1", "localhost")
        with start("tests.crash.forks", way, tmp_path, TIMETRACER_S3_ENDPOINT=by_name) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err) == (0, "", "")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_child_does_not_wait_for_a_name_lookup_of_its_parent(self) -> None:
        asked, told = threading.Event(), threading.Event()

        def getaddrinfo(host: str, port: int, **options: object) -> list[object]:
            if not asked.is_set():
                asked.set()
                told.wait(30)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        resolver = Resolver(getaddrinfo)
        parent = threading.Thread(target=resolver.addresses, args=("a.test", 80, 30.0))
        parent.start()
        asked.wait(30)
        child = os.fork()
        if not child:
            signal.alarm(10)
            os._exit(resolver.addresses("b.test", 80, 5.0) != ["127.0.0.1"])
        _, status = os.waitpid(child, 0)
        told.set()
        parent.join()
        assert status == 0
