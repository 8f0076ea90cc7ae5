"""What keeps a PUT from replacing what it should not.

Some servers take keys for paths: `a//b`, `./a/b` and `a\\b` are `a/b` to them, and what is stored under one replaces
what another holds. Others ignore that an object is only to be created.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from timetrace.errors import (
    AccessDeniedError,
    IntegrityError,
    NoSuchKeyError,
    PreconditionFailedError,
    RequestError,
    UnsupportedError,
)
from timetrace.storage import keys

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client
    from timetrace.storage.content import Content


def refuse_alias(client: S3Client, full_key: str) -> None:
    """Raise IntegrityError if the server takes the odd key for another one that exists."""
    plain = keys.plain(full_key)
    if plain in ("", full_key):
        return
    try:
        ours, theirs = client.head(full_key), client.head(plain)
        if (ours.etag, ours.last_modified) != (theirs.etag, theirs.last_modified):
            return
        # Equal objects of one second, or one? SeaweedFS echoes a prefix, so a list of the key alone won't do.
        shared = next((at for at, (a, b) in enumerate(zip(full_key, plain, strict=False)) if a != b), len(plain))
        if any(found.key == full_key for found in client.list_objects(full_key[:shared])):
            return
    except (NoSuchKeyError, AccessDeniedError):
        return  # there is no other, or who may not look cannot know
    error = IntegrityError(
        f"the server takes this key for {keys.visible(plain)}", hint=f"store it as {keys.visible(plain)}"
    )
    error.method, error.uri, error.retryable = "PUT", client.uri(full_key), False
    raise error


class Puts(Protocol):
    @property
    def client(self) -> S3Client: ...

    def is_large(self, content: Content) -> bool: ...

    def is_refused(self, full_key: str, content: Content) -> bool: ...

    def put(self, full_key: str, content: Content, *, create_only: bool) -> None: ...


class Creator:
    """Stores objects that do not exist yet. Safe to share between threads."""

    def __init__(self, objects: Puts) -> None:
        self._objects = objects
        self._first = Lock()
        self._proven: set[bool] = set()
        self._verdict: UnsupportedError | None = None

    def put(self, full_key: str, content: Content) -> None:
        """PreconditionFailedError if the object exists, UnsupportedError if the server would replace it."""
        way = self._objects.is_large(content)
        if way not in self._proven:
            self._refuse_existing(full_key)
        with self._first:
            if self._verdict:
                raise self._verdict
            if way not in self._proven:
                self._put_first(full_key, content, way)
                return
        self._objects.put(full_key, content, create_only=True)

    def _refuse_existing(self, full_key: str) -> None:
        """Whether this server would refuse to replace an object is not to be tried on one that is there."""
        client = self._objects.client
        try:
            client.head(full_key)
        except (NoSuchKeyError, AccessDeniedError):
            return  # who may not look can only ask the server not to
        error = PreconditionFailedError(412, "PreconditionFailed", "the object exists")
        error.method, error.uri = "PUT", client.uri(full_key)
        raise error

    def _put_first(self, full_key: str, content: Content, way: bool) -> None:
        """The first one of each way is put twice: a server that takes the second has not understood what it was asked.

        Both times it is the same content, so that nothing is lost by it.
        """
        try:
            self._objects.put(full_key, content, create_only=True)
        except PreconditionFailedError:
            self._proven.add(way)
            raise
        try:
            if self._objects.is_refused(full_key, content):
                self._proven.add(way)
                return
        except RequestError:
            return  # it is stored; the next one will tell
        error = UnsupportedError(200, "If-None-Match was ignored", hint="this server cannot create only: do without")
        error.method, error.uri = "PUT", self._objects.client.uri(full_key)
        self._verdict = error
        raise error
