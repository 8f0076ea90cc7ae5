"""Which files an upload sends, and under which keys: all of it is known before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from timetrace.errors import ConfigError
from timetrace.storage.files import LeftOut, walk
from timetrace.storage.keys import CASSETTES, Patterns, default_key, is_date


class Found:
    """`files` maps keys to paths; `empty` names the folders in which there was none."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.left_out: list[LeftOut] = []
        self.empty: list[str] = []


def find(paths: Sequence[str], key: str | None, patterns: Patterns = CASSETTES) -> Found:
    """The files at and below `paths`.

    FileNotFoundError for a path that leads nowhere, ConfigError for two files with one key, or for a `key` that
    more than a file would have.
    """
    found = Found()
    if key is not None and (len(paths) > 1 or os.path.isdir(paths[0])):
        what = "several paths" if len(paths) > 1 else f"the folder {paths[0]}"
        raise ConfigError(f"--key is for a single file, not for {what}: leave it out, or use -p")
    for path in paths:
        parts = Path(os.path.abspath(path)).parts
        if os.path.isdir(path):
            _find_below(path, f"{parts[-1]}/" if is_date(parts[-1]) else "", found, patterns)
        else:
            os.stat(path)
            _add(found, default_key(parts), path)
    return found


def _find_below(folder: str, prefix: str, found: Found, patterns: Patterns) -> None:
    before = len(found.files), len(found.left_out)
    count = 0
    for file in walk(folder, patterns=patterns):
        if isinstance(file, LeftOut):
            found.left_out.append(file)
        else:
            count += 1
            _add(found, prefix + file.key, file.path)
    if not count and not any(left.failed for left in found.left_out[before[1] :]):
        found.empty.append(folder)


def _add(found: Found, key: str, path: str) -> None:
    other = found.files.setdefault(key, path)
    if other != path and os.path.realpath(other) != os.path.realpath(path):
        raise ConfigError(f"{other} and {path} would have one key, {key}: send one of them with --key, or with -p")
