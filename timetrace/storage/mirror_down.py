"""A sync from the bucket to the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from io import FileIO
from typing import cast

from timetrace.errors import RefusedKeyError
from timetrace.s3.listing import ObjectSummary
from timetrace.storage import content, keys, packing
from timetrace.storage.folder import Folder
from timetrace.storage.mirror import Mirror, is_packed_there
from timetrace.storage.report import SyncItem
from timetrace.storage.sync import Entry, Step, plan


class Download(Mirror):
    """`folder` is None where a dry run, or a comparison, finds none."""

    folder: Folder | None = None

    def run(self) -> None:
        if (self.options.dry_run or self.options.verify) and not os.path.isdir(self.root):
            super().run()  # a dry run makes no folder either
            return
        with Folder(self.root) as self.folder:
            super().run()

    @property
    def source(self) -> str:
        return self.objects.client.uri(self.prefix)

    def plan(self, local_side: Iterator[Entry], remote_side: Iterator[Entry]) -> Iterator[Step]:
        if self.folder is None:
            return plan(remote_side, local_side, refuse=lambda key: keys.refusal(key, windows=os.name == "nt"))
        return plan(remote_side, local_side, refuse=self.folder.refusal, fold=self.folder.fold)

    def local(self) -> Iterator[Entry]:
        return iter(()) if self.folder is None else super().local()

    def sides(self, step: Step) -> tuple[Entry | None, Entry | None]:
        return step.target, step.source

    def md5(self, key: str, size: int) -> str | None:
        with self.open(key) as file:
            return content.md5_of(content.pieces(file))

    def settle(self, step: Step) -> SyncItem:
        there = cast(Entry, step.source)
        sha256 = None
        # What is larger there than here, and not for being packed, is other content.
        if self.folder is not None and step.target is not None and there.size <= packing.most(step.target.size):
            hashes, sha256 = self._look(self.folder, step.key, there)
            if sha256 is None:
                return self.item("skip", step.key, size=hashes.size)
        if self.options.dry_run or self.folder is None:
            return self.item("download", step.key, size=there.size)
        listed = ObjectSummary(self.prefix + step.key, there.size, there.etag, "")
        with self.folder.create(step.key) as target:
            size = self.objects.get(self.prefix + step.key, target, listed=listed, unless_sha256=sha256)
            if size is None:
                return self.item("skip", step.key)
            target.commit()
        return self.item("download", step.key, size=size)

    def _look(self, folder: Folder, key: str, there: Entry) -> tuple[content.Hashes, str | None]:
        """The local file's hashes; and its SHA-256 once more if it is not known to be the object's content."""
        with folder.open(key) as file:
            hashes = content.hashed(file)
            if self.is_same(hashes, key, there):
                return hashes, None
            if there.size == hashes.size:
                return hashes, hashes.sha256
            is_held = hashes.size <= content.HELD
            if is_held:
                file.seek(0)
                if is_packed_there(file.read(), there):
                    return hashes, None
        # What is small is fetched at once: should it be equal after all, little was sent in vain.
        if not is_held or self.options.dry_run:
            stat = self.objects.stat(self.prefix + key)
            if packing.is_packed(stat.metadata) and content.is_same(hashes, stat):
                return hashes, None
        return hashes, hashes.sha256

    def on_temporary(self, key: str) -> None:
        if self.folder is not None and not (self.options.dry_run or self.options.verify):
            self.folder.remove_leftover(key)

    def open(self, key: str) -> FileIO:
        return cast(Folder, self.folder).open(key)

    def delete(self, extras: Sequence[str]) -> None:
        folder = cast(Folder, self.folder)
        for key in extras:
            try:
                folder.remove(key)
            except FileNotFoundError:
                pass
            except (OSError, RefusedKeyError) as error:
                self.tally.add(self.item("fail", key, reason=str(error), error=error))
                continue
            self.tally.add(self.item("delete", key))
