"""Storing without ever replacing, and finding out servers that would."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from timetrace.errors import PreconditionFailedError, UnsupportedError

if TYPE_CHECKING:
    from timetrace.storage.content import Content
    from timetrace.storage.objects import Objects


class Creator:
    """Stores objects that do not exist yet. Safe to share between threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._first = Lock()
        self._proven: set[bool] = set()
        self._verdict: UnsupportedError | None = None

    def put(self, full_key: str, content: Content) -> None:
        """PreconditionFailedError if the object exists, UnsupportedError if the server would replace it."""
        way = self._objects.is_large(content)
        with self._first:
            if self._verdict:
                raise self._verdict
            if way not in self._proven:
                try:
                    self._put_first(full_key, content)
                except PreconditionFailedError:
                    self._proven.add(way)
                    raise
                self._proven.add(way)
                return
        self._objects.put(full_key, content, create_only=True)

    def _put_first(self, full_key: str, content: Content) -> None:
        """The first one of each way is put twice: a server that takes the second has not understood what it was asked.

        Both times it is the same content, so that nothing is lost by it.
        """
        self._objects.put(full_key, content, create_only=True)
        if self._objects.is_refused(full_key, content):
            return
        error = UnsupportedError(200, "If-None-Match was ignored", hint="this server cannot create only: do without")
        error.method, error.uri = "PUT", self._objects.client.uri(full_key)
        self._verdict = error
        raise error
