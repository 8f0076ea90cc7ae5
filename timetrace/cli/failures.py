"""Errors in one line, and what they make of the exit code."""

from __future__ import annotations

from timetrace.cli.output import OutputError
from timetrace.errors import ConfigError, RequestError, TimetraceError
from timetrace.storage.keys import visible
from timetrace.storage.report import SyncItem


def explain(error: BaseException) -> str:
    """What failed, why, and what to do."""
    if isinstance(error, (TimetraceError, OutputError)):
        return str(error)
    if isinstance(error, OSError):
        if error.filename is None or error.strerror is None:
            return error.strerror or str(error)
        return f"{name(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "out of memory"
    told = f": {error}" if str(error) else ""
    return f"unexpected {type(error).__name__}{told}: please report it, with what --debug prints"


def exit_code(error: BaseException) -> int:
    return 2 if isinstance(error, ConfigError) else 1


def explain_item(item: SyncItem, uri: str) -> str:
    """The same for one of many: the file or the object comes first, unless the reason names it itself."""
    error = item.error
    if isinstance(error, RequestError) and error.method:
        return str(error)
    here = visible(item.path)
    if isinstance(error, OSError):
        told = explain(error)
        return told if told.startswith(f"{here}: ") or not item.key else f"{uri}: {told}"
    reason = item.reason.removeprefix(f"{visible(item.key)}: ")
    where = uri if item.key else here
    refused = "refused, " if item.action == "refuse" else ""
    return f"{where}: {refused}{reason}" if where else reason


def name(path: object) -> str:
    return path.decode(errors="surrogateescape") if isinstance(path, bytes) else str(path)
