"""What a program on a library without a sync has to send or to fetch: it compares sizes and times, as `aws s3 sync`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    size: int
    modified: float  # seconds since 1970


def local(folder: str) -> dict[str, Entry]:
    """Every file below `folder` by its relative path."""
    found = {}
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            stat = os.stat(path)
            found[os.path.relpath(path, folder)] = Entry(stat.st_size, stat.st_mtime)
    return found


def differing(source: Mapping[str, Entry], target: Mapping[str, Entry]) -> list[str]:
    """Names that the target lacks, has in another size, or has older than the source."""
    return [
        name
        for name, (size, modified) in source.items()
        if (there := target.get(name)) is None or there.size != size or there.modified < modified
    ]


def make_folders(folder: str, names: Iterable[str]) -> None:
    for parent in {os.path.dirname(name) for name in names}:
        os.makedirs(os.path.join(folder, parent), exist_ok=True)
