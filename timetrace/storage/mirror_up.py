"""A sync from the folder to the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import FileIO
from typing import cast

from timetrace.storage import content, deletion, keys
from timetrace.storage.files import read_stable
from timetrace.storage.guards import Creator
from timetrace.storage.mirror import Mirror, is_packed_there
from timetrace.storage.report import SyncItem
from timetrace.storage.sync import Entry, Step, plan


@dataclass
class Upload(Mirror):
    _creator: Creator = field(init=False)

    def __post_init__(self) -> None:
        self._creator = Creator(self.objects)

    @property
    def source(self) -> str:
        return self.root

    def plan(self, remote_side: Iterator[Entry]) -> Iterator[Step]:
        return plan(self.local(), remote_side, refuse=lambda key: keys.key_problem(self.prefix + key))

    def settle(self, step: Step) -> SyncItem:
        there = step.target
        if there is not None and self.options.create_only:
            return self.item("skip", step.key, size=there.size)
        path, size, etag = self.path(step.key), cast(Entry, step.source).size, there.etag if there else ""
        # Most files of most syncs are equal, and one hash shows it in half the time that all of them take.
        if step.kind == "compare" and size <= content.HELD and content.md5_of([read_stable(path)]) == etag:
            return self.item("skip", step.key, size=size)
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

    def delete(self, extras: Sequence[Step]) -> None:
        deleter = deletion.Deleter(self.objects)
        for batch in deletion.batches([self.prefix + step.key for step in extras]):
            for key, error in deleter.delete(batch):
                name = key.removeprefix(self.prefix)
                if error is None:
                    self.tally.add(self.item("delete", name))
                else:
                    self.tally.add(self.item("fail", name, reason=str(error), error=error))
