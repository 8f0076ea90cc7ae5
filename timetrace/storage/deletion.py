"""Deleting many objects, and the check that a sync does not delete what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

from timetrace.errors import DeletionRefusedError, RequestError, ResponseError, S3Error, UnsupportedError
from timetrace.s3.operations import DeleteObjects
from timetrace.s3.retry import is_retryable
from timetrace.storage.content import hashes_of
from timetrace.storage.workers import is_fatal

if TYPE_CHECKING:
    from timetrace.storage.objects import Objects

BATCH = 1000


def batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


class Deleter:
    """Deletes objects by their full keys, a thousand a request; one by one where the server cannot do that."""

    def __init__(self, objects: Objects, *, singly: bool = False) -> None:
        self._objects = objects
        self._singly = singly

    def delete(self, keys: Sequence[str]) -> Iterator[tuple[str, Exception | None]]:
        """Each of up to a thousand keys with what went wrong; what concerns all of them is raised."""
        outcomes = {} if self._singly else self._delete_together([key for key in keys if _fits_xml(key)])
        yield from outcomes.items()  # first: what comes next may end all
        for key in keys:
            if key not in outcomes:
                yield key, self._delete_one(key)

    def _delete_together(self, keys: Sequence[str]) -> dict[str, Exception | None]:
        """What became of each key that need not be tried singly."""
        if not keys:
            return {}
        try:
            failed = self._objects.client.perform(DeleteObjects(keys, hashes_of(DeleteObjects.body(keys)).checksum))
        except (UnsupportedError, ResponseError):
            self._singly = True
            return {}
        except RequestError as error:
            if is_fatal(error):
                raise
            return dict.fromkeys(keys, error)
        outcomes: dict[str, Exception | None] = dict.fromkeys(keys)
        for key, (code, message) in failed.items():
            client = self._objects.client
            refusal = S3Error(200, client.told(code), client.told(message))
            refusal.method, refusal.uri = "DELETE", client.uri(key)
            if is_retryable(refusal):
                outcomes.pop(key, None)  # a server may name what it was not asked for
            else:
                outcomes[key] = refusal
        return outcomes

    def _delete_one(self, key: str) -> Exception | None:
        try:
            self._objects.delete(key)
        except RequestError as error:
            if is_fatal(error):
                raise
            return error
        return None


def _fits_xml(key: str) -> bool:
    """XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF."""
    return all(sign >= " " or sign in "\t\n\r" for sign in key) and not {"\ufffe", "\uffff"} & set(key)


def check(extras: Sequence[str], kept: int, sources: int, source: str, *, force: bool) -> None:
    """Raise DeletionRefusedError where a plan deletes so much that it may be a mistake."""
    if force or not extras:
        return
    if not sources:
        raise DeletionRefusedError(
            f"{source} has no cassettes, and {len(extras)} would be deleted: check it, or use --force", extras
        )
    if len(extras) > kept:
        raise DeletionRefusedError(
            f"{len(extras)} would be deleted and only {kept} kept: look at it with --dry-run, then use --force", extras
        )


def protected(key: str, left_out: Set[str]) -> bool:
    """Whether the key is, or lies below, something that the source has and that was left out of the sync."""
    return key in left_out or any(key[:at] in left_out for at, sign in enumerate(key) if sign == "/")
