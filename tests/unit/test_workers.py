from __future__ import annotations

import errno
import re
import signal
import threading
from collections.abc import Iterator
from threading import Barrier, Event, Lock

import pytest

from timetrace import errors
from timetrace.storage.workers import is_fatal, run_all


def workers() -> list[threading.Thread]:
    """The threads of the work that are alive; those of other tests' servers do not count."""
    alive = [thread for thread in threading.enumerate() if thread.is_alive()]
    return [thread for thread in alive if re.fullmatch(r"timetrace \d+", thread.name)]


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_each_job_is_done_once(concurrency: int) -> None:
    done: list[int] = []
    run_all(range(1000), done.append, concurrency)
    assert sorted(done) == list(range(1000))


def test_no_jobs_are_no_work() -> None:
    done: list[int] = []
    run_all([], done.append, 8)
    assert done == []


def test_jobs_are_done_side_by_side() -> None:
    together = Barrier(4, timeout=20)
    run_all(range(4), lambda job: together.wait(), 4)
    assert not together.broken


def test_no_more_than_the_concurrency_are_at_work() -> None:
    lock = Lock()
    now = most = 0

    def work(job: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        Event().wait(0.001)
        with lock:
            now -= 1

    run_all(range(60), work, 3)
    assert most <= 3


def test_few_jobs_start_few_threads() -> None:
    most: list[int] = []
    run_all([1, 2], lambda job: most.append(len(workers())), 100)
    assert max(most) <= 3


def test_jobs_are_taken_as_they_are_needed() -> None:
    taken = 0

    def jobs() -> Iterator[int]:
        nonlocal taken
        for job in range(10_000):
            taken = job
            yield job

    with pytest.raises(ZeroDivisionError):
        run_all(jobs(), lambda job: 1 // 0, 4)
    assert taken < 1000


def test_the_first_error_ends_all_and_is_raised() -> None:
    done: list[int] = []

    def work(job: int) -> None:
        done.append(job)
        if job == 5:
            raise errors.SignatureError(403, "SignatureDoesNotMatch")

    with pytest.raises(errors.SignatureError):
        run_all(iter(range(100_000)), work, 4)
    assert len(done) < 100_000


def test_an_error_of_the_jobs_themselves_is_raised() -> None:
    def jobs() -> Iterator[int]:
        yield 1
        yield 2
        raise errors.AccessDeniedError(403, "AccessDenied")

    done: list[int] = []
    with pytest.raises(errors.AccessDeniedError):
        run_all(jobs(), done.append, 4)
    assert set(done) <= {1, 2}


def test_an_interrupt_stops_the_threads_and_is_raised() -> None:
    done: list[int] = []

    def work(job: int) -> None:
        done.append(job)
        if job == 10:
            # Delivered to the main thread, as Ctrl-C is.
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_all(iter(range(10**7)), work, 3)
    for thread in workers():
        thread.join(20)  # one that had just been started ends by itself
    assert len(done) < 10**7
    assert workers() == []


def test_no_thread_outlives_its_work() -> None:
    run_all(range(100), lambda job: None, 8)
    assert workers() == []


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (errors.SignatureError(403, "SignatureDoesNotMatch"), True),
        (errors.InvalidAccessKeyError(403, "InvalidAccessKeyId"), True),
        (errors.ExpiredCredentialsError(400, "ExpiredToken"), True),
        (errors.ClockSkewError(403, "RequestTimeTooSkewed"), True),
        (errors.NoSuchBucketError(404, "NoSuchBucket"), True),
        (errors.WrongRegionError(301, "PermanentRedirect"), True),
        (errors.UnreachableError("no connection"), True),
        (errors.ConnectTimeoutError("no connection"), True),
        (errors.TLSError("no certificate"), True),
        (errors.CredentialsError("none"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EROFS, "read-only"), True),
        (errors.AccessDeniedError(403, "AccessDenied"), False),
        (errors.NoSuchKeyError(404, "NoSuchKey"), False),
        (errors.S3Error(500, "InternalError"), False),
        (errors.ReadTimeoutError("silent"), False),
        (errors.ConnectionClosedError("broke"), False),
        (errors.IntegrityError("changed"), False),
        (errors.RefusedKeyError("../x"), False),
        (OSError(errno.EACCES, "denied"), False),
        (FileNotFoundError(errno.ENOENT, "gone"), False),
    ],
)
def test_what_every_other_item_would_meet_is_fatal(error: Exception, fatal: bool) -> None:
    assert is_fatal(error) is fatal
