"""Cassettes as objects: full keys in, content checked both ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from timetrace.errors import NoSuchKeyError
from timetrace.s3.operations import DeleteObject, GetObject, ObjectStat, ObjectSummary, PutObject
from timetrace.storage import keys
from timetrace.storage.content import SHA256, Check, Content

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client
    from timetrace.s3.http import Sink


class Target(Protocol):
    """Where an object's content goes. `restart` forgets what was written by an attempt that failed."""

    def restart(self) -> None: ...

    def write(self, data: bytes, /) -> object: ...


class Memory:
    """A target that keeps the content."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def restart(self) -> None:
        self._pieces.clear()

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one bucket, by their full keys; `prefix` only serves to make keys relative."""

    client: S3Client
    prefix: str

    def full(self, key: str) -> str:
        """The full key of a relative one; InvalidKeyError for what S3 cannot hold."""
        full = keys.join(self.prefix, key)
        keys.check_key(key)
        keys.check_key(full)
        return full

    def relative(self, full_key: str) -> str:
        return keys.relative(self.prefix, full_key)

    def put(self, full_key: str, content: Content, content_type: str | None = None) -> None:
        kind = content_type or keys.content_type(full_key)
        sha256 = content.hashes.sha256
        self.client.perform(PutObject(full_key, content.body, sha256, kind, {SHA256: sha256}))

    def get(self, full_key: str, target: Target) -> ObjectStat:
        """Fetch into `target`; IntegrityError if what came is not what was stored."""
        checks: list[Check] = []

        def receive(stat: ObjectStat) -> Sink:
            target.restart()
            checks[:] = [Check(stat, target.write)]
            return checks[0]

        def verify(stat: ObjectStat) -> None:
            checks[0].verify()

        return self.client.perform(GetObject(full_key, receive, verify))

    def read(self, full_key: str) -> bytes:
        memory = Memory()
        self.get(full_key, memory)
        return memory.content

    def stat(self, full_key: str) -> ObjectStat:
        return self.client.head(full_key)

    def exists(self, full_key: str) -> bool:
        try:
            self.client.head(full_key)
        except NoSuchKeyError:
            return False
        return True

    def delete(self, full_key: str) -> None:
        self.client.perform(DeleteObject(full_key))

    def listed(self, full_prefix: str, limit: int | None = None) -> Iterator[ObjectSummary]:
        return self.client.list_objects(full_prefix, limit=limit)
