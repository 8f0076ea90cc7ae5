"""What a sync did, item by item and in sum."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Literal, NamedTuple

Action = Literal["upload", "download", "delete", "verify", "skip", "leave out", "refuse", "fail"]


class SyncItem(NamedTuple):
    """What became of one file or object. `key` is relative to the store's prefix, `size` in bytes."""

    action: Action
    key: str
    path: str = ""
    size: int = 0
    reason: str = ""
    error: Exception | None = None


class SyncReport(NamedTuple):
    """Counts of items; `bytes` is what was transferred. `refused` and `failed` name each item.

    A dry run counts what it would transfer and delete. `stopped` says why a sync left off before its end, or left
    out its deletions.
    """

    transferred: int = 0
    skipped: int = 0
    deleted: int = 0
    left_out: int = 0
    refused: tuple[SyncItem, ...] = ()
    failed: tuple[SyncItem, ...] = ()
    bytes: int = 0
    seconds: float = 0.0
    dry_run: bool = False
    stopped: str = ""

    @property
    def ok(self) -> bool:
        return not self.refused and not self.failed and not self.stopped


class Progress(NamedTuple):
    """How far a sync is: files `done` of those `planned`, and the bytes transferred so far.

    `planned` grows until the plan is `complete`.
    """

    done: int
    planned: int
    bytes: int
    seconds: float
    complete: bool


OnResult = Callable[[SyncItem], object]
OnProgress = Callable[[Progress], object]


class TooManyErrors(Exception):
    """As many items have failed as were allowed to."""


class Tally:
    """Adds up items from many threads and hands each on, one at a time."""

    def __init__(
        self,
        on_result: OnResult | None = None,
        *,
        on_progress: OnProgress | None = None,
        dry_run: bool = False,
        max_errors: int | None = None,
    ) -> None:
        self.on_progress = on_progress
        self.stopped = ""
        self._on_result = on_result
        self._dry_run = dry_run
        self._max_errors = max_errors
        self._lock = Lock()
        self._started = monotonic()
        self._transferred = self._bytes = self._skipped = self._deleted = self._left_out = self._before = 0
        self._done = self._planned = 0
        self._complete = False
        self._refused: list[SyncItem] = []
        self._failed: list[SyncItem] = []

    @property
    def has_trouble(self) -> bool:
        return bool(self._refused or self._failed)

    def add(self, item: SyncItem) -> None:
        """TooManyErrors if this was one too many."""
        with self._lock:
            self._count(item)
            if self._on_result:
                self._on_result(item)
            if item.action != "leave out":
                self._done += 1
                self._tell_progress()
            if self._max_errors and len(self._failed) >= self._max_errors and item.action == "fail":
                failures = "1 failure" if self._max_errors == 1 else f"{self._max_errors} failures"
                self.stopped = f"stopped after {failures}, the most that were allowed"
                raise TooManyErrors

    def _tell_progress(self) -> None:
        if self.on_progress:
            planned, seconds = max(self._planned, self._done), monotonic() - self._started
            self.on_progress(Progress(self._done, planned, self._bytes, seconds, self._complete))

    def _count(self, item: SyncItem) -> None:
        if item.action in ("upload", "download"):
            self._transferred += 1
            self._bytes += item.size
        elif item.action in ("skip", "verify"):
            self._skipped += 1
        elif item.action == "delete":
            self._deleted += 1
        elif item.action == "leave out":
            self._left_out += 1
        elif item.action == "refuse":
            self._refused.append(item)
        else:
            self._failed.append(item)

    def plan(self, items: int = 1) -> None:
        """So many more items are planned."""
        with self._lock:
            self._planned += items

    def complete_plan(self) -> None:
        """No more items are to come. The last one may have been done by now, so this is told too."""
        with self._lock:
            self._complete = True
            self._tell_progress()

    def start_over(self) -> None:
        """The same work is looked at once more: what was transferred stays, and will show as skipped."""
        self._before = self._transferred
        self._skipped = self._left_out = self._done = self._planned = 0
        self._complete = False
        self._refused.clear()
        self._failed.clear()

    def report(self) -> SyncReport:
        return SyncReport(
            transferred=self._transferred,
            skipped=max(self._skipped - self._before, 0),
            deleted=self._deleted,
            left_out=self._left_out,
            refused=tuple(self._refused),
            failed=tuple(self._failed),
            bytes=self._bytes,
            seconds=monotonic() - self._started,
            dry_run=self._dry_run,
            stopped=self.stopped,
        )
