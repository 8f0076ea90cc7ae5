"""Where downloads go."""

from __future__ import annotations

import errno
import os

from timetrace.errors import ConfigError, RefusedKeyError
from timetrace.storage.keys import refusal, visible

STDOUT = "-"


def file(key: str, output: str | None) -> str | None:
    """The file for a single key: what -o says, or STDOUT; None where the key alone decides.

    RefusedKeyError for a key whose last part is no safe name in the folder that -o says.
    """
    if not output:
        return None
    if output in (STDOUT, "/dev/stdout", "/dev/fd/1"):
        return STDOUT
    if not (output.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(output)):
        return output
    last = key.rpartition("/")[2]
    if reason := refusal(last, windows=os.name == "nt"):
        raise RefusedKeyError(f"{visible(key)} has no safe file name ({reason}): give -o a file")
    return os.path.join(output, last)


def folder(output: str | None) -> str:
    """The folder for several keys. ConfigError if -o is none."""
    if output == STDOUT or (output and os.path.exists(output) and not os.path.isdir(output)):
        what = "the standard output" if output == STDOUT else f"the file {output}"
        raise ConfigError(f"{what} takes a single key: give -o a folder for several")
    return writable(output or ".")


def writable(path: str) -> str:
    """`path`; PermissionError if it is a folder that takes no file, before anything is asked for."""
    if os.path.isdir(path) and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "the folder cannot be written to", path)
    return path
