"""A large object on its way down: ranges side by side, hashed in order as they come."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from timetrace.errors import IntegrityError, PreconditionFailedError
from timetrace.s3.operations import GetRange
from timetrace.storage.content import Check
from timetrace.storage.workers import run_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from timetrace.s3.client import S3Client
    from timetrace.s3.http import Piece, Sink
    from timetrace.s3.operations import ObjectStat


class RandomAccess(Protocol):
    """A target that takes its content in any order, and gives it back."""

    def restart(self) -> None: ...

    def write_at(self, data: Piece, offset: int, /) -> object: ...

    def pieces(self, start: int, size: int, /) -> Iterator[Piece]: ...


class Ranges:
    """One object of this size and ETag, to be fetched into `target`."""

    def __init__(
        self,
        client: S3Client,
        key: str,
        target: RandomAccess,
        size: int,
        etag: str,
        accept: Callable[[ObjectStat], None],
    ) -> None:
        self._client = client
        self._key = key
        self._target = target
        self._size = size
        self._etag = etag
        self._accept = accept
        self._quoted = True
        self._stat: ObjectStat | None = None
        self._check: Check | None = None
        self._here: set[int] = set()
        self._checked = 0
        self._checking = Lock()

    def fetch(self, part_size: int, concurrency: int) -> ObjectStat:
        self._target.restart()

        def work(start: int) -> None:
            size = min(part_size, self._size - start)
            self._fetch(start, size)
            self._here.add(start)
            self._check_on(part_size)

        run_all(range(0, self._size, part_size), work, concurrency)
        if self._stat is None or self._check is None:
            raise ValueError("an object of no bytes has no ranges")
        self._check.verify()
        return self._stat

    def _fetch(self, start: int, size: int) -> None:
        while True:
            quoted = self._quoted
            wanted = GetRange(self._key, start, start + size, self._size, self._etag, self._receiver(start), quoted)
            try:
                self._client.perform(wanted)
                return
            except PreconditionFailedError as error:
                if not quoted:
                    raise _changed() from error
                self._quoted = False  # Ceph RGW 16 knows no quotes here

    def _receiver(self, start: int) -> Callable[[ObjectStat], Sink]:
        def receive(stat: ObjectStat) -> Sink:
            self._accept(stat)
            if stat.etag != self._etag:
                raise _changed()
            self._stat = stat
            return _Sequel(self._target, start)

        return receive

    def _check_on(self, part_size: int) -> None:
        """Hash what is here in order. Whoever comes while another does this leaves it to that one."""
        while self._checked in self._here and self._checking.acquire(blocking=False):
            try:
                if self._check is None and self._stat is not None:
                    self._check = Check(self._stat, _nowhere)
                while self._checked in self._here and self._check is not None:
                    for piece in self._target.pieces(self._checked, min(part_size, self._size - self._checked)):
                        self._check(piece)
                    self._checked += part_size
            finally:
                self._checking.release()


class _Sequel:
    """A sink that begins at an offset."""

    __slots__ = ("_offset", "_target")

    def __init__(self, target: RandomAccess, offset: int) -> None:
        self._target = target
        self._offset = offset

    def __call__(self, data: Piece) -> None:
        self._target.write_at(data, self._offset)
        self._offset += len(data)


def _nowhere(piece: Piece) -> None:
    return None


def _changed() -> IntegrityError:
    error = IntegrityError("the object changed while it was fetched")
    error.retryable = False
    return error
