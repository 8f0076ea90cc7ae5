"""The command `timetrace`."""

from timetrace.cli.program import main

__all__ = ["main"]
