"""Which files and keys are cassettes: globs that take and globs that leave out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from timetrace.errors import ConfigError
from timetrace.storage.keys import visible

CASSETTE_PATTERNS = ("*.json", "*.json.gz", "*.yaml", "*.yml")


class Patterns:
    """A key is taken if a glob of `include` matches it and none of `exclude` does.

    A glob without "/" is held against the key's last part, one with "/" against the whole key; `*` stands for
    anything, "/" too. Upper and lower case differ on every system. ConfigError for what is no glob.
    """

    __slots__ = ("exclude", "include")

    def __init__(self, include: Iterable[str] | None = None, exclude: Iterable[str] = ()) -> None:
        self.include = CASSETTE_PATTERNS if include is None else tuple(include)
        self.exclude = tuple(exclude)
        for pattern in (*self.include, *self.exclude):
            if problem := _problem(pattern):
                raise ConfigError(f"the pattern {visible(pattern)!r} {problem}")
        if not self.include:
            raise ConfigError("there is no pattern to include: leave the list out, or give '*'")

    def matcher(self) -> Callable[[str], bool]:
        """A function that tells of a key, relative to what is synced, whether it is taken."""
        takes, leaves = _any(self.include), _any(self.exclude)
        return takes if not self.exclude else lambda key: takes(key) and not leaves(key)


def _problem(pattern: str) -> str | None:
    if not pattern:
        return "is empty: write a glob such as '*.json'"
    if pattern.startswith("/"):
        return "begins with '/', which no key does: write it relative to the folder"
    if "[" in re.sub(r"\[!?[^\0][^]]*\]", "", pattern):
        return "has a '[' that nothing closes: close it, or write '[[]' for the sign itself"
    return None


def _any(patterns: Iterable[str]) -> Callable[[str], bool]:
    whole = [pattern for pattern in patterns if "/" in pattern]
    named = [pattern for pattern in patterns if "/" not in pattern]
    plain = [pattern for pattern in named if re.fullmatch(r"\*[^*?[]*", pattern)]
    globs = [pattern for pattern in named if pattern not in plain]
    endings = tuple(pattern[1:] for pattern in plain)  # twenty times as fast as a glob

    def matches(key: str) -> bool:
        if key.endswith(endings):
            return True
        if globs:
            name = key.rpartition("/")[2]
            if any(fnmatchcase(name, glob) for glob in globs):
                return True
        return any(fnmatchcase(key, glob) for glob in whole)

    return matches


CASSETTES = Patterns()
"""What is a cassette unless the caller says otherwise."""
