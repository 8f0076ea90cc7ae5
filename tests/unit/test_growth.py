"""How many threads there are: a few, and more where they wait for a far server."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from threading import Event, Lock

import pytest

from tests.bucket import Bucket
from tests.folders import fill
from timetrace.storage import workers
from timetrace.storage.workers import Threads


class Gauge:
    """Counts how many are at work at once."""

    def __init__(self, seconds: float = 0.002) -> None:
        self.most = self._now = 0
        self._lock = Lock()
        self._seconds = seconds

    def __call__(self, job: object) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        Event().wait(self._seconds)
        with self._lock:
            self._now -= 1


def test_they_grow_up_to_the_most_as_long_as_there_is_room() -> None:
    gauge = Gauge()
    Threads(2, 16, lambda: True).run_all(range(2000), gauge)
    assert 8 < gauge.most <= 16


def test_they_stay_the_first_few_where_there_is_none() -> None:
    gauge = Gauge()
    Threads(3, 64, lambda: False).run_all(range(300), gauge)
    assert gauge.most == 3


def test_few_jobs_start_few_threads_whatever_the_room() -> None:
    before = threading.active_count()
    seen: list[int] = []
    Threads(8, 64, lambda: True).run_all([1, 2, 3], lambda job: seen.append(threading.active_count()))
    assert max(seen) <= before + 4


def test_each_job_is_done_once_while_they_grow() -> None:
    done: list[int] = []
    Threads(1, 32, lambda: True).run_all(range(5000), done.append)
    assert sorted(done) == list(range(5000))


def test_a_system_that_has_no_more_threads_is_made_do_with(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scarce(workers._Worker):
        started = 0

        def start(self) -> None:
            Scarce.started += 1
            if Scarce.started > 3:
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(workers, "_Worker", Scarce)
    done: list[int] = []
    gauge = Gauge()

    def work(job: int) -> None:
        gauge(job)
        done.append(job)

    Threads(8, 64, lambda: True).run_all(range(200), work)
    assert (sorted(done), gauge.most) == (list(range(200)), 3)
    Scarce.started = 3
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Threads(8, 64, lambda: True).run_all(range(200), gauge)


class Far(Bucket):
    """Takes its time for each answer, as a far server does, but serves many side by side."""

    seconds = 0.03

    def _serve(self, connection: socket.socket, number: int) -> None:
        plain = connection

        class Slow:
            def __getattr__(self, name: str) -> object:
                return getattr(plain, name)

            def __enter__(self) -> Slow:
                return self

            def __exit__(self, *exc: object) -> None:
                plain.close()

            def sendall(self, data: bytes) -> None:
                Event().wait(Far.seconds)
                plain.sendall(data)

        super()._serve(Slow(), number)  # type: ignore[arg-type]


def test_a_sync_with_a_far_server_takes_more_connections_than_with_a_near_one(tmp_path: Path) -> None:
    fill(tmp_path, {f"{number:04}.json": b"x" for number in range(600)})
    with Far() as far, far.store() as store:
        assert store.sync_upload(tmp_path).transferred == 600
        assert 16 < far.connections <= 130
    with Far() as far, far.store(max_concurrency=4) as store:
        assert store.sync_upload(tmp_path).transferred == 600
        assert far.connections <= 5
