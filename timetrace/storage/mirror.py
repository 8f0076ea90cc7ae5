"""Carries out a sync's plan: list both sides, settle what needs a look at the bytes, copy, delete.

A dry run goes the same way and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from io import FileIO
from typing import NamedTuple

from timetrace.errors import ConfigError, RefusedKeyError, TimetraceError
from timetrace.s3.operations import is_md5
from timetrace.storage import content, deletion, keys, packing, remote
from timetrace.storage.files import LeftOut, walk
from timetrace.storage.keys import CASSETTES, Patterns
from timetrace.storage.objects import Digest, Objects
from timetrace.storage.report import Action, SyncItem, Tally, TooManyErrors
from timetrace.storage.sync import Entry, OutOfOrderError, Step, as_text, from_text
from timetrace.storage.workers import Ahead, Ready, Threads, is_fatal

# With a progress bar the plan runs ahead, as far as this, so that there is an end to be seen.
STEPS_AHEAD = 10_000
# So many local files are hashed while the other side's listing is waited for.
FILES_AHEAD = 10_000


class SyncOptions(NamedTuple):
    """The options of `sync_upload` and `sync_download`, which document them."""

    dry_run: bool = False
    follow_symlinks: bool = False
    delete: bool = False
    force: bool = False
    verify: bool = False
    compress: bool = False
    create_only: bool = False
    max_errors: int | None = None
    patterns: Patterns = CASSETTES

    def checked(self) -> SyncOptions:
        """The same; ConfigError if they make no sense, alone or together."""
        if self.max_errors is not None and self.max_errors < 1:
            raise ConfigError(f"max_errors is {self.max_errors}: it must be 1 or more, or left out for no end")
        if self.verify and (self.delete or self.dry_run or self.create_only):
            raise ConfigError("verify only reads and compares: leave out delete, dry_run and create_only")
        if self.create_only and self.delete:
            raise ConfigError("create_only and delete contradict each other: leave one out")
        return self


class Mirror:
    """One sync between the folder `root` and what lies below `prefix`, a full key prefix or empty."""

    def __init__(
        self, objects: Objects, root: str, prefix: str, tally: Tally, threads: Threads, options: SyncOptions
    ) -> None:
        self.objects = objects
        self.root = root
        self.prefix = prefix
        self.tally = tally
        self.threads = threads
        self.options = options
        self.left_out: set[str] = set()

    def run(self) -> None:
        try:
            if self.options.delete:
                self._run_with_deletions()
            else:
                self._run_streaming()
        except TooManyErrors:
            pass  # the tally tells

    @property
    def source(self) -> str:
        """What is copied from, as an error names it."""
        raise NotImplementedError

    def plan(self, local_side: Iterator[Entry], remote_side: Iterator[Entry]) -> Iterator[Step]:
        raise NotImplementedError

    def settle(self, step: Step) -> SyncItem:
        """Do what the step asks for, and tell what came of it."""
        raise NotImplementedError

    def sides(self, step: Step) -> tuple[Entry | None, Entry | None]:
        """The local file and the object."""
        raise NotImplementedError

    def md5(self, key: str, size: int) -> str | None:
        """That of the local file; None if it is not of this size, or there is no MD5. OSError, RefusedKeyError."""
        raise NotImplementedError

    def delete(self, extras: Sequence[str]) -> None:
        """Remove from the target the keys that the source does not have."""
        raise NotImplementedError

    def on_temporary(self, key: str) -> None:
        """The walk has met a file that a download has not finished, or never will."""

    def open(self, key: str) -> FileIO:
        """The local file, for reading."""
        raise NotImplementedError

    def _run_streaming(self) -> None:
        def wanted(sort: bool) -> Iterator[Step]:
            return (step for step in self._planned(sort) if step.kind != "extra" and not self._is_skipped(step))

        try:
            self._carry_out(wanted(self.options.dry_run))
        except OutOfOrderError:
            self.tally.start_over()
            self._carry_out(wanted(True))

    def _is_skipped(self, step: Step) -> bool:
        """Most files of most syncs are equal. To hand each to a thread takes longer than to see that here."""
        if step.kind != "compare" or self.options.verify:
            return False
        file, there = self.sides(step)
        if file is None or there is None or not is_md5(there.etag):
            return False
        equal = (file.etag or self._hashed(file).etag) == there.etag
        if equal:
            self.tally.plan()
            self.tally.add(self.item("skip", step.key, size=there.size))
        return equal

    def _hashed(self, file: Entry) -> Entry:
        """The local file with its MD5, which is a small object's ETag; without it if it is large, or can't be read."""
        if file.size > content.HELD:
            return file
        try:
            return file._replace(etag=self.md5(file.key, file.size) or "")
        except (OSError, RefusedKeyError):
            return file  # told when it is settled

    def _run_with_deletions(self) -> None:
        try:
            wanted, kept, extras = self._collected(False)
        except OutOfOrderError:
            self.tally.start_over()
            wanted, kept, extras = self._collected(True)
        if self.left_out:
            extras = [key for key in extras if not deletion.protected(key, self.left_out)]
        if not self.options.dry_run:
            names = [self._relative(key) for key in extras]
            deletion.check(names, kept, len(wanted), self.source, force=self.options.force)
        self.tally.plan(len(extras))
        self._carry_out(map(from_text, wanted))
        if self.tally.has_trouble and extras:
            self.tally.stopped = f"nothing was deleted ({len(extras)} would have been), as not everything went well"
        elif self.options.dry_run:
            for key in extras:
                self.tally.add(self.item("delete", key))
        elif extras:
            self.delete(extras)

    def _collected(self, sort: bool) -> tuple[list[str], int, list[str]]:
        """The steps that copy or compare, as texts; how many of them find something there; the keys to delete."""
        wanted, kept, extras = list[str](), 0, list[str]()
        for step in self._planned(sort):
            if step.kind == "extra":
                extras.append(step.key)
            else:
                wanted.append(as_text(step))
                kept += step.target is not None
        return wanted, kept, extras

    def _carry_out(self, steps: Iterable[Step]) -> None:
        if not self.tally.on_progress:
            self.threads.run_all(steps, self._settle)
            return
        with closing(Ahead(self._counted(steps), STEPS_AHEAD)) as ahead:
            self.threads.run_all(ahead, self._settle)

    def _counted(self, steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            self.tally.plan()
            yield step
        self.tally.complete_plan()

    def _settle(self, step: Step) -> None:
        self.tally.add(self._settled(step))

    def _settled(self, step: Step) -> SyncItem:
        if step.kind == "refuse":
            return self.item("refuse", step.key, reason=step.reason)
        try:
            return self._verify(step) if self.options.verify else self.settle(step)
        except RefusedKeyError as error:
            return self.item("refuse", step.key, reason=str(error), error=error)
        except (OSError, TimetraceError) as error:
            if is_fatal(error):
                raise
            return self.item("fail", step.key, reason=str(error), error=error)

    def item(
        self, action: Action, key: str, *, size: int = 0, reason: str = "", error: Exception | None = None
    ) -> SyncItem:
        return SyncItem(action, self._relative(key), self.path(key), size, reason, error)

    def path(self, key: str) -> str:
        return f"{self.root}{os.sep}{key}" if os.sep == "/" else os.path.join(self.root, *key.split("/"))

    def _relative(self, key: str) -> str:
        return self.objects.relative(self.prefix + key)

    def local(self) -> Iterator[Entry]:
        for found in walk(
            self.root,
            patterns=self.options.patterns,
            follow_symlinks=self.options.follow_symlinks,
            on_temporary=self.on_temporary,
        ):
            if isinstance(found, LeftOut):
                if self.options.delete:
                    self.left_out.add(os.path.relpath(found.path, self.root).replace(os.sep, "/"))
                if found.failed:
                    self.tally.plan()
                self.tally.add(SyncItem(found.action, "", found.path, reason=found.reason))
            else:
                yield Entry(found.key, found.size)

    def _planned(self, sort: bool) -> Iterator[Step]:
        self.left_out.clear()
        ours = Ready(self.local(), self._hashed, 0 if self.options.verify else FILES_AHEAD)
        with closing(Ahead(remote.list_pages(self.objects.client, self.prefix), remote.PAGES_AHEAD, ours)) as pages:
            takes = self.options.patterns.matcher()
            listed = remote.entries(pages, self.prefix, takes, self._not_taken)
            yield from self.plan(ours, remote.in_order(listed) if sort else remote.in_believed_order(listed))

    def _not_taken(self, key: str) -> None:
        self.tally.add(SyncItem("leave out", self._relative(key), reason="no pattern takes it"))

    def _verify(self, step: Step) -> SyncItem:
        """Read both sides to the end, whatever listings and ETags say."""
        if step.target is None:
            return self.item("fail", step.key, reason=f"{keys.visible(step.key)} is missing on the other side")
        theirs = Digest()
        self.objects.get(self.prefix + step.key, theirs)
        with self.open(step.key) as file:
            ours = content.hashed(file)
        if ours != theirs.hashes:
            return self.item("fail", step.key, reason=f"{keys.visible(step.key)} is not the same on both sides")
        return self.item("verify", step.key, size=ours.size)

    def is_same(self, hashes: content.Hashes, key: str, there: Entry) -> bool:
        if hashes.size != there.size:
            return False
        # Equal means equal. Different means look: under SSE-KMS or after a multipart upload it is no MD5.
        return hashes.md5 == there.etag or content.is_same(hashes, self.objects.stat(self.prefix + key))


def is_packed_there(data: bytes, there: Entry) -> bool:
    """Whether the object is this content as timetrace packs it, going by size and ETag alone."""
    if there.size > packing.most(len(data)):
        return False
    packed = content.hashes_of(packing.packed(data))
    return (packed.size, packed.md5) == (there.size, there.etag)
