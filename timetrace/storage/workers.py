"""Threads that share one stream of jobs."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from threading import Event, Lock, Semaphore, Thread
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from timetrace import errors

Job = TypeVar("Job")

# Seconds that an interrupt gives all threads together to finish what they are at.
PATIENCE = 2.0

_FATAL = (
    errors.ClockSkewError,
    errors.ConfigError,
    errors.ExpiredCredentialsError,
    errors.InvalidAccessKeyError,
    errors.NoSuchBucketError,
    errors.SignatureError,
    errors.UnreachableError,
    errors.UnsupportedError,
    errors.WrongRegionError,
)
_FATAL_ERRNO = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE)


def is_fatal(error: BaseException) -> bool:
    """Whether every other item would meet the same error."""
    return isinstance(error, _FATAL) or (isinstance(error, OSError) and error.errno in _FATAL_ERRNO)


class _Worker(Thread):
    """Tells its end itself: up to Python 3.12 a thread whose join() is interrupted counts as ended, and is not."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self.ended = Event()

    def run(self) -> None:
        try:
            self._work()
        finally:
            self.ended.set()


class _Pool(Generic[Job]):
    """A thread takes its first job, then starts the next thread: few jobs start few threads.

    Once each thread has done a job on average, `roomy` is asked whether twice as many would do better.
    """

    def __init__(self, jobs: Iterable[Job], work: Callable[[Job], object], threads: Threads) -> None:
        self._jobs = iter(jobs)
        self._work = work
        self._allowed = threads.first
        self._most = threads.most
        self._roomy = threads.roomy
        self._until_look = 2 * threads.first
        self._lock = Lock()
        self._over = Event()
        self.threads: list[_Worker] = []
        self.errors: list[BaseException] = []

    def stop(self) -> None:
        self._over.set()

    def grow(self) -> None:
        if len(self.threads) < self._allowed and not self._over.is_set():
            thread = _Worker(self._run, f"timetrace {len(self.threads) + 1}")
            self.threads.append(thread)
            try:
                thread.start()
            except RuntimeError:
                self.threads.remove(thread)
                if not self.threads:
                    raise
                self._allowed = self._most = len(self.threads)  # the system has no more of them

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
                    if self._allowed < self._most:
                        self._look()
                    if not grown:
                        grown = True
                        self.grow()
                self._work(job)
        except BaseException as error:
            self.errors.append(error)
            self._over.set()

    def _look(self) -> None:
        self._until_look -= 1
        if self._until_look > 0:
            return
        if self._roomy():
            self._allowed = min(self._allowed * 2, self._most)
            self.grow()
        self._until_look = self._allowed


class Threads(NamedTuple):
    """`first` of them, and up to `most` as long as `roomy` says that more help."""

    first: int
    most: int
    roomy: Callable[[], bool]

    def run_all(self, jobs: Iterable[Job], work: Callable[[Job], object]) -> None:
        """Do `work` on each of `jobs`; the first error ends all and is raised."""
        pool = _Pool(jobs, work, self)
        try:
            # In here: an interrupt may come before the first start() has returned.
            pool.grow()
            # The list grows while it is walked.
            for thread in pool.threads:
                while not thread.ended.wait(1.0):
                    pass
                thread.join()
        except BaseException:
            pool.stop()
            # One that waits for a silent server is left behind: it is handed nothing more, and ends with the process.
            deadline = monotonic() + PATIENCE
            for thread in pool.threads:
                thread.ended.wait(max(deadline - monotonic(), 0))
            raise
        if pool.errors:
            raise pool.errors[0]


def run_all(jobs: Iterable[Job], work: Callable[[Job], object], concurrency: int) -> None:
    """Do `work` on each of `jobs` in up to `concurrency` threads; the first error ends all and is raised."""
    Threads(concurrency, concurrency, lambda: False).run_all(jobs, work)


class Ready(Generic[Job]):
    """An iterator over `source`; up to `most` of its items are prepared before they are wanted, one a call."""

    def __init__(self, source: Iterator[Job], prepare: Callable[[Job], Job], most: int) -> None:
        self._source = source
        self._prepare = prepare
        self._most = most
        self._ready: deque[Job] = deque()

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        return self._ready.popleft() if self._ready else next(self._source)

    def __call__(self) -> bool:
        """Prepare the next item. False if there is none, or no room for it."""
        if len(self._ready) >= self._most:
            return False
        for item in self._source:
            self._ready.append(self._prepare(item))
            return True
        return False


class Ahead(Generic[Job]):
    """An iterator over `source`, which a thread of its own reads up to `depth` items ahead, from now on.

    Who has to wait for an item does `meanwhile` until that returns False. Close it if it is not read to its end.
    """

    def __init__(self, source: Iterable[Job], depth: int, meanwhile: Callable[[], bool] = lambda: False) -> None:
        self._source = source
        self._meanwhile = meanwhile
        self._room = Semaphore(depth)
        self._queue: SimpleQueue[tuple[Job, None] | tuple[None, BaseException]] = SimpleQueue()
        self._closed = False
        Thread(target=self._fill, name="timetrace ahead", daemon=True).start()

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        while self._queue.empty() and self._meanwhile():
            pass
        item, error = self._queue.get()
        if error is not None:
            self._queue.put((None, error))  # for whoever asks again
            raise error
        self._room.release()
        return item  # type: ignore[return-value]

    def close(self) -> None:
        self._closed = True
        self._room.release()

    def _fill(self) -> None:
        try:
            for item in self._source:
                self._room.acquire()
                if self._closed:
                    return
                self._queue.put((item, None))
            self._queue.put((None, StopIteration()))
        except BaseException as error:
            self._queue.put((None, error))
