"""Keys: what S3 can hold, where one may lie on a disk, how it is shown, and which are cassettes'. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fnmatch import fnmatchcase

from timetrace.errors import ConfigError, InvalidKeyError
from timetrace.text import visible as visible

MAX_KEY_BYTES = 1024

_TYPES = (
    (".json", "application/json"),
    (".json.gz", "application/gzip"),
    (".yaml", "application/yaml"),
    (".yml", "application/yaml"),
)


def key_problem(key: str) -> str | None:
    """Why S3 cannot hold this whole key (its prefix included), or None."""
    if not key:
        return "an empty key"
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if size > MAX_KEY_BYTES:
        return f"the key is {size} bytes long, S3 takes {MAX_KEY_BYTES}"
    return None


def check_key(key: str) -> None:
    """Raise InvalidKeyError unless S3 can hold this whole key (its prefix included)."""
    problem = key_problem(key)
    if problem:
        raise InvalidKeyError(f"{visible(key)}: {problem}" if key else problem)


def join(prefix: str, key: str) -> str:
    """The whole key: `cassettes` and `a.json` give `cassettes/a.json`."""
    return f"{prefix}/{key}" if prefix else key


def relative(prefix: str, full_key: str) -> str:
    """The inverse of `join`. Raises InvalidKeyError for a key outside of the prefix."""
    if not prefix:
        return full_key
    if not full_key.startswith(prefix + "/"):
        raise InvalidKeyError(f"{visible(full_key)}: not below the prefix {visible(prefix)}/")
    return full_key[len(prefix) + 1 :]


def plain(key: str) -> str:
    """What a server that takes keys for paths makes of it: `a/b` of `a//b`, `./a/b`, `x/../a/b`, `a\\b` and `a/b/`."""
    parts: list[str] = []
    for part in key.replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def is_odd(key: str) -> bool:
    """Whether it is not `plain`, or may not be: it has an empty or dotted part, or a backslash."""
    return any(mark in f"/{key}/" for mark in ("//", "\\", "/./", "/../"))


def is_date(name: str) -> bool:
    """Whether a folder's name is a day of the calendar, YYYY-MM-DD."""
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", name):
        return False
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True


def default_key(absolute_parts: Sequence[str]) -> str:
    """The key of a file that was given none: its name, below its folder's where that is a date."""
    *folders, name = absolute_parts
    return f"{folders[-1]}/{name}" if folders and is_date(folders[-1]) else name


def parse_uri(text: str) -> tuple[str, str] | None:
    """Bucket and whole key of an `s3://bucket/key`; None for anything else.

    The key is taken as it stands: no percent-decoding, and `?` and `#` belong to it.
    """
    if not text.startswith("s3://"):
        return None
    bucket, _, key = text[len("s3://") :].partition("/")
    if not bucket or not key:
        missing = "key" if bucket else "bucket"
        raise InvalidKeyError(f"{visible(text)}: no {missing} in this URI: write s3://BUCKET/KEY")
    check_key(key)
    return bucket, key


# 11 + 16 + 4 = 31 bytes: it fits on every file system. With an accent: the probe of how names are folded.
_TEMPORARY = "(?i)[.]timetrace-[0-9a-f]{16}(\u00e9|e\u0301)?[.]tmp"


def is_temporary(name: str) -> bool:
    """Whether a file's name is one of those that a download has until it is complete."""
    return name.startswith(".") and re.fullmatch(_TEMPORARY, name) is not None


def posix_refusal(key: str, name_max: int = 255) -> str | None:
    """Why this key has no safe path below a folder under POSIX rules, or None.

    `name_max` is what the file system takes for one name, in bytes of UTF-8.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    reason = _structural_refusal(key)
    if reason or size <= name_max:
        return reason
    return _first(key, lambda part: _long(len(part.encode()), name_max, "bytes"))


_WINDOWS_CHARACTERS = r'[\x00-\x1f<>:"|?*\\]'
# Devices, in any folder and whatever extension follows: Microsoft, "Naming Files, Paths, and Namespaces".
_WINDOWS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [port + digit for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)
_WINDOWS_NAME_MAX = 255  # UTF-16 code units


def windows_refusal(key: str) -> str | None:
    """Why this key has no safe path below a folder under Windows' rules, or None."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    return _structural_refusal(key) or _first(key, _windows_part_refusal)


def refusal(key: str, *, windows: bool) -> str | None:
    """Why this key has no safe path on that kind of system, or None."""
    return windows_refusal(key) if windows else posix_refusal(key)


def _structural_refusal(key: str) -> str | None:
    if not key:
        return "an empty key"
    if "\0" in key:
        return "a NUL character in the key"
    if key.startswith("/"):
        return "a key that starts with '/' would leave the folder"
    if key.endswith("/"):
        return "a key that ends in '/' names a folder, not a file"
    return _first(key, _part_refusal)


def _part_refusal(part: str) -> str | None:
    if not part:
        return "an empty part ('//') has no place in a path"
    if part in (".", ".."):
        return f"a part {part!r} would lead elsewhere"
    if is_temporary(part):
        return "a name that timetrace uses for its temporary files"
    return None


def _windows_part_refusal(part: str) -> str | None:
    forbidden = re.search(_WINDOWS_CHARACTERS, part)
    if forbidden:
        return f"Windows takes no {visible(forbidden[0])!r} in a name"
    if part[-1] in " .":
        return "Windows drops a dot or a blank at the end of a name"
    device = part.partition(".")[0].rstrip(" ").upper()
    if device in _WINDOWS_DEVICES:
        return f"{device} is the name of a device on Windows"
    return _long(len(part.encode("utf-16-le")) // 2, _WINDOWS_NAME_MAX, "UTF-16 units")


def _long(size: int, limit: int, unit: str) -> str | None:
    return f"a name of {size} {unit}, the file system takes {limit}" if size > limit else None


def _first(key: str, judge: Callable[[str], str | None]) -> str | None:
    for part in key.split("/"):
        reason = judge(part)
        if reason:
            return reason
    return None


def content_type(key: str) -> str:
    """The Content-Type to store this key's object with."""
    return next((kind for suffix, kind in _TYPES if key.endswith(suffix)), "application/octet-stream")


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
        takes, leaves = _matcher(self.include), _matcher(self.exclude)
        return takes if not self.exclude else lambda key: takes(key) and not leaves(key)


def _problem(pattern: str) -> str | None:
    if not pattern:
        return "is empty: write a glob such as '*.json'"
    if pattern.startswith("/"):
        return "begins with '/', which no key does: write it relative to the folder"
    if "[" in re.sub(r"\[!?[^\0][^]]*\]", "", pattern):
        return "has a '[' that nothing closes: close it, or write '[[]' for the sign itself"
    return None


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
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
