"""Carries out a sync's plan: list both sides, settle what needs a look at the bytes, copy.

A dry run goes the same way and copies nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import cast

from timetrace.errors import RefusedKeyError, TimetraceError
from timetrace.storage import content, keys
from timetrace.storage.files import LeftOut, walk
from timetrace.storage.folder import Folder
from timetrace.storage.objects import Objects
from timetrace.storage.report import Action, SyncItem, Tally
from timetrace.storage.sync import Entry, OutOfOrderError, Step, plan
from timetrace.storage.workers import is_fatal, run_all

# A listing is looked at this far before its order is believed. Disorder after that starts the sync over.
WINDOW = 10_000


@dataclass(frozen=True)
class Sync:
    """One sync between the folder `root` and what lies below `prefix`, a full key prefix or empty."""

    objects: Objects
    root: str
    prefix: str
    tally: Tally
    concurrency: int
    dry_run: bool = False
    follow_symlinks: bool = False
    patterns: Sequence[str] = keys.CASSETTE_PATTERNS

    def up(self) -> None:
        self._run(
            lambda collected: plan(
                self._local(), self._remote(collected), refuse=lambda key: keys.key_problem(self.prefix + key)
            ),
            self._up_one,
        )

    def down(self) -> None:
        if self.dry_run and not os.path.isdir(self.root):
            # A dry run makes no folder either.
            self._run(lambda collected: plan(self._remote(collected), (), refuse=_refusal), self._planned)
            return
        with Folder(self.root) as folder:
            self._run(
                lambda collected: plan(self._remote(collected), self._local(), refuse=folder.refusal, fold=folder.fold),
                lambda step: self._down_one(folder, step),
            )

    def _run(self, planned: Callable[[bool], Iterator[Step]], work: Callable[[Step], SyncItem]) -> None:
        def settle(step: Step) -> None:
            self.tally.add(self._guarded(work, step))

        def wanted(collected: bool) -> Iterator[Step]:
            return (step for step in planned(collected) if step.kind != "extra")

        try:
            run_all(wanted(self.dry_run), settle, self.concurrency)
        except OutOfOrderError:
            self.tally.start_over()
            run_all(wanted(True), settle, self.concurrency)

    def _guarded(self, work: Callable[[Step], SyncItem], step: Step) -> SyncItem:
        if step.kind == "refuse":
            return self._item("refuse", step.key, reason=step.reason)
        try:
            return work(step)
        except RefusedKeyError as error:
            return self._item("refuse", step.key, reason=str(error), error=error)
        except (OSError, TimetraceError) as error:
            if is_fatal(error):
                raise
            return self._item("fail", step.key, reason=str(error), error=error)

    def _item(
        self, action: Action, key: str, *, size: int = 0, reason: str = "", error: Exception | None = None
    ) -> SyncItem:
        return SyncItem(action, self.objects.relative(self.prefix + key), self._path(key), size, reason, error)

    def _path(self, key: str) -> str:
        return os.path.join(self.root, *key.split("/"))

    def _local(self) -> Iterator[Entry]:
        for found in walk(self.root, patterns=self.patterns, follow_symlinks=self.follow_symlinks):
            if isinstance(found, LeftOut):
                self.tally.add(SyncItem(found.action, "", found.path, reason=found.reason))
            else:
                yield Entry(found.key, found.size)

    def _remote(self, collected: bool) -> Iterator[Entry]:
        """The listing, in order where `plan` can rely on it or `collected` says that it must not."""
        entries = self._listed()
        head = list(entries if collected else islice(entries, WINDOW))
        if not collected and _rises(head):
            return chain(head, entries)
        head.extend(entries)
        head.sort()
        return iter(head)

    def _listed(self) -> Iterator[Entry]:
        cut = len(self.prefix)
        takes = keys.matcher(self.patterns)
        for key, size, etag, _ in self.objects.listed(self.prefix):
            name = key[cut:]
            if not name or (not size and name.endswith("/")):
                continue  # a folder's marker, not a cassette
            if takes(name):
                yield Entry(name, size, etag)
            else:
                self.tally.add(SyncItem("leave out", self.objects.relative(key), reason="no pattern takes it"))

    def _up_one(self, step: Step) -> SyncItem:
        loaded = content.load(self._path(step.key), cast(Entry, step.source).size)
        key = self.prefix + step.key
        size = loaded.hashes.size
        if step.kind == "compare" and self._is_same(loaded.hashes, key, cast(Entry, step.target)):
            return self._item("skip", step.key, size=size)
        if not self.dry_run:
            self.objects.put(key, loaded)
        return self._item("upload", step.key, size=size)

    def _down_one(self, folder: Folder, step: Step) -> SyncItem:
        source = cast(Entry, step.source)
        key = self.prefix + step.key
        if step.kind == "compare":
            with folder.open(step.key) as file:
                hashes = content.hashed(file)
            if self._is_same(hashes, key, source):
                return self._item("skip", step.key, size=hashes.size)
        if self.dry_run:
            return self._planned(step)
        with folder.create(step.key) as target:
            size = self.objects.get(key, target).size
            target.commit()
        return self._item("download", step.key, size=size)

    def _planned(self, step: Step) -> SyncItem:
        return self._item("download", step.key, size=cast(Entry, step.source).size)

    def _is_same(self, hashes: content.Hashes, key: str, remote: Entry) -> bool:
        if hashes.size != remote.size:
            return False
        # Equal means equal. Different means look: under SSE-KMS or after a multipart upload it is no MD5.
        return hashes.md5 == remote.etag or content.is_same(hashes, self.objects.stat(key))


def _rises(entries: Sequence[Entry]) -> bool:
    return all(entries[i].key < entries[i + 1].key for i in range(len(entries) - 1))


def _refusal(key: str) -> str | None:
    return keys.refusal(key, windows=os.name == "nt")
