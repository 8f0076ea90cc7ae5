"""A sync from the folder to the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import FileIO
from typing import cast

from timetrace.storage import content, deletion, keys
from timetrace.storage.files import read_whole
from timetrace.storage.guards import Creator
from timetrace.storage.mirror import Mirror, SyncOptions, is_packed_there
from timetrace.storage.objects import Objects
from timetrace.storage.report import SyncItem, Tally
from timetrace.storage.sync import Entry, Step, plan
from timetrace.storage.workers import Threads


class Upload(Mirror):
    def __init__(
        self, objects: Objects, root: str, prefix: str, tally: Tally, threads: Threads, options: SyncOptions
    ) -> None:
        super().__init__(objects, root, prefix, tally, threads, options)
        self._creator = Creator(objects)

    @property
    def source(self) -> str:
        return self.root

    def plan(self, local_side: Iterator[Entry], remote_side: Iterator[Entry]) -> Iterator[Step]:
        return plan(local_side, remote_side, refuse=lambda key: keys.key_problem(self.prefix + key))

    def sides(self, step: Step) -> tuple[Entry | None, Entry | None]:
        return step.source, step.target

    def md5(self, key: str, size: int) -> str | None:
        data = read_whole(self.path(key), size)
        return None if data is None else content.md5_of([data])

    def settle(self, step: Step) -> SyncItem:
        there = step.target
        if there is not None and self.options.create_only:
            return self.item("skip", step.key, size=there.size)
        path, size, etag = self.path(step.key), cast(Entry, step.source).size, there.etag if there else ""
        loaded = self.objects.load(path, size, compress=self.options.compress, etag=etag)
        if there is not None and self._is_stored(loaded, step.key, there):
            return self.item("skip", step.key, size=there.size)
        if not self.options.dry_run:
            self._put(step.key, loaded)
        return self.item("upload", step.key, size=loaded.stored.size)

    def _is_stored(self, loaded: content.Content, key: str, there: Entry) -> bool:
        if loaded.encoding:
            stored = loaded.stored
            # Another zlib may have packed it: then only the object's own metadata can tell.
            return (stored.size, stored.md5) == (there.size, there.etag) or content.is_same(
                loaded.plain, self.objects.stat(self.prefix + key)
            )
        if self.is_same(loaded.stored, key, there):
            return True
        return isinstance(loaded.body, bytes) and is_packed_there(loaded.body, there)

    def _put(self, key: str, loaded: content.Content) -> None:
        full = self.prefix + key
        if self.options.create_only:
            self._creator.put(full, loaded)
        else:
            self.objects.put(full, loaded)

    def open(self, key: str) -> FileIO:
        return FileIO(self.path(key))

    def delete(self, extras: Sequence[str]) -> None:
        deleter = deletion.Deleter(self.objects)
        for batch in deletion.batches(extras):
            for key, error in deleter.delete([self.prefix + key for key in batch]):
                name = key.removeprefix(self.prefix)
                if error is None:
                    self.tally.add(self.item("delete", name))
                else:
                    self.tally.add(self.item("fail", name, reason=str(error), error=error))
