"""What is printed: data on stdout, all else on stderr, and no terminal escapes of strangers."""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False  # that of typing would be a slow import

if TYPE_CHECKING:
    from timetrace.cli.progress import Line
    from timetrace.storage.report import OnProgress


class ClosedPipeError(Exception):
    """Whoever read our output has gone. No OSError: that would count as some file's trouble."""


class Output:
    """Prints for one run. Human text is made visible and printable here, in whatever encoding the stream has."""

    def __init__(self) -> None:
        self.as_json = False
        self.quiet = False
        self.verbose = False
        self.to_terminal = sys.stdout.isatty()
        self._progress: Line | None = None
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure:
                reconfigure(errors="backslashreplace")

    def line(self, text: str) -> None:
        """One line for people, on stdout; nothing with --json or -q."""
        if not (self.as_json or self.quiet):
            with self._aside(self.to_terminal):
                self.text(_visible(text) + "\n")
                self.flush()

    def note(self, text: str) -> None:
        """One line about the run, on stderr; nothing with -q."""
        if not self.quiet:
            with self._aside():
                _to_stderr(_visible(text))

    def error(self, text: str) -> None:
        with self._aside():
            _to_stderr(f"timetrace: {_visible(text)}")

    def begin_progress(self) -> OnProgress | None:
        """Tells on stderr how far the run is, until `end_progress`. None where nobody would see it."""
        if self.as_json or self.quiet or self.verbose:
            return None
        from timetrace.cli.progress import line_for

        self._progress = line_for(sys.stderr)
        return self._progress.update if self._progress else None

    def end_progress(self) -> None:
        line, self._progress = self._progress, None
        if line:
            line.end()

    def _aside(self, shared: bool = True) -> _Aside:
        return _Aside(self._progress if shared else None)

    def trace(self, text: str) -> None:
        """A line of a traceback."""
        _to_stderr(_visible(text))

    def json(self, **fields: object) -> None:
        """One line of JSON, in ASCII, which every encoding has."""
        from json import dumps

        self.text(dumps(fields) + "\n")

    def key(self, text: str) -> None:
        """A line of `list`: its very bytes, in UTF-8, for a program that reads them; visible on a terminal."""
        if self.to_terminal:
            self.text(_visible(text) + "\n")
        else:
            self.raw(text.encode() + b"\n")

    def ask(self, what: str, names: list[str]) -> bool:
        """Whether the person at the terminal says yes."""
        for name in names:
            _to_stderr(f"  {_visible(name)}")
        number = "this object" if len(names) == 1 else f"these {len(names)} objects"
        _to_stderr(f"{what} {number}? [y/N] ", end="")
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            _to_stderr("")
        return answer.strip().lower() in ("y", "yes")

    def text(self, text: str) -> None:
        with _Writing():
            sys.stdout.write(text)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        with _Writing():
            left = memoryview(data)
            while left:  # under PYTHONUNBUFFERED there is no buffer that writes all at once
                left = left[sys.stdout.buffer.write(left) :]

    def flush(self) -> None:
        with _Writing():
            sys.stdout.flush()

    def give_up(self) -> None:
        """Let go of what could not be written, or the interpreter would try again, and complain, as it ends."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            pass


class _Aside:
    """The line of progress makes room for others on its terminal."""

    def __init__(self, line: Line | None) -> None:
        self._line = line

    def __enter__(self) -> None:
        if self._line:
            self._line.hide()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._line and not error:
            self._line.show()


class _Writing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            # Windows calls a closed pipe an invalid argument.
            if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
                raise ClosedPipeError from error
            raise OutputError(error.errno, error.strerror, "standard output") from error


class OutputError(Exception):
    """stdout cannot be written, for want of space perhaps. No OSError, as above."""

    def __str__(self) -> str:
        return f"{self.args[2]}: {self.args[1]}"


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    from timetrace.storage.keys import visible

    return visible(text)


def _to_stderr(text: str, end: str = "\n") -> None:
    stream = sys.stderr
    try:
        if stream:
            stream.write(text + end)
            stream.flush()
    except OSError:
        pass
