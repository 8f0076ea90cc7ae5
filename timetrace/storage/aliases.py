"""Servers that take keys for paths: `a//b`, `./a/b` and `a\\b` are `a/b` to them, and what is stored under one replaces
what another holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from timetrace.errors import AccessDeniedError, IntegrityError, NoSuchKeyError
from timetrace.storage import keys

if TYPE_CHECKING:
    from timetrace.s3.client import S3Client

_ODD = re.compile(r"\\|//|/\Z|\A/|(?:\A|/)\.\.?(?:/|\Z)")


def refuse(client: S3Client, full_key: str) -> None:
    """Raise IntegrityError if the server takes the key for another one that exists. Asks only for odd keys."""
    if _ODD.search(full_key):
        _refuse(client, full_key, keys.plain(full_key))


def _refuse(client: S3Client, full_key: str, plain: str) -> None:
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
