"""Threads that share one stream of jobs."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from timetrace.errors import (
    ClockSkewError,
    ConfigError,
    ExpiredCredentialsError,
    InvalidAccessKeyError,
    NoSuchBucketError,
    SignatureError,
    UnreachableError,
    WrongRegionError,
)

Job = TypeVar("Job")

_FATAL = (
    ClockSkewError,
    ConfigError,
    ExpiredCredentialsError,
    InvalidAccessKeyError,
    NoSuchBucketError,
    SignatureError,
    UnreachableError,
    WrongRegionError,
)
_FATAL_ERRNO = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)


def is_fatal(error: BaseException) -> bool:
    """Whether every other item would meet the same error."""
    return isinstance(error, _FATAL) or (isinstance(error, OSError) and error.errno in _FATAL_ERRNO)


class _Pool(Generic[Job]):
    """A thread takes its first job, then starts the next thread: few jobs start few threads."""

    def __init__(self, jobs: Iterable[Job], work: Callable[[Job], object], most: int) -> None:
        self._jobs = iter(jobs)
        self._work = work
        self._most = most
        self._lock = Lock()
        self._over = Event()
        self.threads: list[Thread] = []
        self.errors: list[BaseException] = []

    def stop(self) -> None:
        self._over.set()

    def grow(self) -> None:
        if len(self.threads) < self._most and not self._over.is_set():
            thread = Thread(target=self._run, name=f"timetrace {len(self.threads) + 1}", daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self) -> None:
        grown = False
        try:
            while not self._over.is_set():
                with self._lock:
                    if self._over.is_set():
                        return
                    try:
                        job = next(self._jobs)
                    except StopIteration:
                        self._over.set()
                        return
                    if not grown:
                        grown = True
                        self.grow()
                self._work(job)
        except BaseException as error:
            self.errors.append(error)
            self._over.set()


def run_all(jobs: Iterable[Job], work: Callable[[Job], object], concurrency: int) -> None:
    """Do `work` on each of `jobs` in up to `concurrency` threads; the first error ends all and is raised."""
    pool = _Pool(jobs, work, concurrency)
    pool.grow()
    try:
        # The list grows while it is walked.
        for thread in pool.threads:
            while thread.is_alive():
                thread.join(1.0)
    except BaseException:
        pool.stop()
        for thread in pool.threads:
            thread.join()
        raise
    if pool.errors:
        raise pool.errors[0]
