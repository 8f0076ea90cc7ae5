"""A store that is used, and then by a forked child too. Ends with 0 if all went well.

python -W error -m tests.crash.forks plain|multiprocessing|threads
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from timetrace.storage import S3Store

CHILDREN = 40


def sockets() -> dict[str, str]:
    """The open sockets, by descriptor."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            place = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the descriptor of the listing itself
            continue
        if place.startswith("socket:"):
            found[number] = place
    return found


def child(store: S3Store, number: int, before: set[str]) -> None:
    """None of the parent's sockets is used, nor even open once the first request is through."""
    signal.alarm(30)  # a child that waits for a lock for ever
    store.write_bytes(f"child-{number}.json", b"child")
    assert store.read_bytes("parent.json") == b"parent"
    if before:
        assert before.isdisjoint(sockets().values()), "a socket is shared"


def fork(work: Callable[[], None]) -> None:
    forked = os.fork()
    if not forked:
        try:
            work()
            sys.stderr.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    _, status = os.waitpid(forked, 0)
    if status:
        raise SystemExit(f"a child ended with {status}")


def plain(store: S3Store) -> None:
    shared = set(sockets().values())
    assert shared
    for number in range(3):
        fork(lambda number=number: child(store, number, shared))  # type: ignore[misc]
        # The parent's connection is still its own, and still there.
        assert store.read_bytes("parent.json") == b"parent"
        assert set(sockets().values()) == shared


def with_multiprocessing(store: S3Store) -> None:
    shared = set(sockets().values())
    processes = [
        multiprocessing.get_context("fork").Process(target=child, args=(store, number, shared)) for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert store.read_bytes("parent.json") == b"parent"


def with_threads(store: S3Store) -> None:
    """Children are forked while threads hold whatever locks they hold at that moment."""
    stop = threading.Event()

    def work(number: int) -> None:
        while not stop.is_set():
            store.write_bytes(f"thread-{number}.json", b"thread")
            store.download(f"thread-{number}.json", Path(sys.argv[2], f"{number}.json"))
            store.close()  # so that there is always something to connect

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        for number in range(CHILDREN):
            time.sleep(0.005)
            fork(lambda number=number: child(store, number, set()))  # type: ignore[misc]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def main() -> None:
    # Newer Pythons warn of each fork beside threads. Here that is what is tried.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    ways = {"plain": plain, "multiprocessing": with_multiprocessing, "threads": with_threads}
    with S3Store() as store:
        store.write_bytes("parent.json", b"parent")
        ways[sys.argv[1]](store)


if __name__ == "__main__":
    main()
