"""What a sync did, item by item and in sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Literal

Action = Literal["upload", "download", "delete", "skip", "leave out", "refuse", "fail"]


@dataclass(frozen=True, slots=True)
class SyncItem:
    """What became of one file or object. `key` is relative to the store's prefix, `size` in bytes."""

    action: Action
    key: str
    path: str = ""
    size: int = 0
    reason: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """Counts of items; `bytes` is what was transferred. `refused` and `failed` name each item.

    A dry run counts what it would transfer.
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

    @property
    def ok(self) -> bool:
        return not self.refused and not self.failed


OnResult = Callable[[SyncItem], object]


class Tally:
    """Adds up items from many threads and hands each on, one at a time."""

    def __init__(self, on_result: OnResult | None = None, *, dry_run: bool = False) -> None:
        self._on_result = on_result
        self._dry_run = dry_run
        self._lock = Lock()
        self._started = monotonic()
        self._transferred = self._bytes = self._skipped = self._left_out = self._before = 0
        self._refused: list[SyncItem] = []
        self._failed: list[SyncItem] = []

    def add(self, item: SyncItem) -> None:
        with self._lock:
            if item.action in ("upload", "download"):
                self._transferred += 1
                self._bytes += item.size
            elif item.action == "skip":
                self._skipped += 1
            elif item.action == "leave out":
                self._left_out += 1
            elif item.action == "refuse":
                self._refused.append(item)
            else:
                self._failed.append(item)
            if self._on_result:
                self._on_result(item)

    def start_over(self) -> None:
        """The same work is looked at once more: what was transferred stays, and will show as skipped."""
        self._before = self._transferred
        self._skipped = self._left_out = 0
        self._refused.clear()
        self._failed.clear()

    def report(self) -> SyncReport:
        return SyncReport(
            transferred=self._transferred,
            skipped=max(self._skipped - self._before, 0),
            left_out=self._left_out,
            refused=tuple(self._refused),
            failed=tuple(self._failed),
            bytes=self._bytes,
            seconds=monotonic() - self._started,
            dry_run=self._dry_run,
        )
