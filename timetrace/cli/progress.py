"""One line on a terminal that tells how far a command is: a bar of tqdm's if that is installed, else counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import TextIO

from timetrace.storage.report import Progress

INTERVAL = 0.1  # seconds

Draw = Callable[[Progress, int], str]


class Line:
    """Rewritten in place, at most ten times a second. Hide it while something else is printed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._draw: Draw | None = None
        self._next = 0.0
        self._text = ""
        self._shown = 0
        self._over = False

    def update(self, progress: Progress) -> None:
        now = monotonic()
        if now < self._next or self._over:
            return
        self._next = now + INTERVAL
        self._draw = self._draw or _drawing(self._stream)
        columns = self._columns() - 1  # a full line would wrap
        self._text = self._draw(progress, columns)[:columns]
        self.show()

    def show(self) -> None:
        """What was shown last."""
        if self._over:
            return
        self._put("\r" + self._text.ljust(self._shown))
        self._shown = len(self._text)

    def hide(self) -> None:
        if self._shown:
            self._put("\r" + " " * self._shown + "\r")
            self._shown = 0

    def end(self) -> None:
        """For good: a thread that is left behind may still want to tell something."""
        self._over = True
        self.hide()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            pass


def line_for(stream: TextIO | None) -> Line | None:
    """None where a line cannot be rewritten: in a pipe, a file, a terminal that is dumb."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    return Line(stream)


def size(number: float) -> str:
    """`123 bytes`, `12.3 kB`, `4.6 MB`: powers of 1000."""
    if number < 1000:
        return f"{number} bytes"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} TB"


def _drawing(stream: TextIO) -> Draw:
    try:
        from tqdm import tqdm
    except ImportError:
        return _counts
    ascii_only = "utf" not in (stream.encoding or "").lower()

    def bar(progress: Progress, columns: int) -> str:
        # An end that still moves would make a false promise of the time that is left.
        total = progress.planned if progress.complete else None
        return str(
            tqdm.format_meter(
                progress.done,
                total,
                progress.seconds,
                ncols=columns,
                ascii=ascii_only,
                unit=" files",
                postfix=size(progress.bytes),
            )
        )

    return bar


def _counts(progress: Progress, columns: int) -> str:
    of = f"{progress.planned} files" if progress.complete else f"at least {progress.planned} files"
    return (
        f"{progress.done} of {of}, {size(progress.bytes)}, {progress.done / max(progress.seconds, 0.001):.0f} files/s"
    )
