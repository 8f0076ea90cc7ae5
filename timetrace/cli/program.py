"""From arguments to an exit code. Whatever a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from timetrace.cli.output import ClosedPipeError, Output
from timetrace.cli.parser import build_parser

FAILED, USAGE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141  # the last two: 128 + SIGINT, 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is without the program's name."""
    if sys.stdout is None:
        print("timetrace: standard output is closed", file=sys.stderr)
        return FAILED
    out = Output()
    try:
        code = _run(argv, out)
        out.flush()
        return code
    except ClosedPipeError:
        out.give_up()
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return _ended(out, INTERRUPTED)
    except Exception as error:
        return _ended(out, _tell(error, argv, out))


def _run(argv: Sequence[str] | None, out: Output) -> int:
    try:
        args = build_parser(wanted=sys.argv[1:] if argv is None else argv).parse_args(argv)
    except SystemExit as ended:  # argparse has printed what there is to say
        return int(ended.code or 0)
    if args.verb is None:
        args.show_help(None if args.area is None else sys.stderr)
        return 0 if args.area is None else USAGE
    out.as_json, out.quiet, out.verbose = bool(args.json), bool(args.quiet), bool(args.verbose)
    from timetrace.cli import commands

    return commands.run(args, out)


def _tell(error: Exception, argv: Sequence[str] | None, out: Output) -> int:
    from timetrace.cli.failures import exit_code, explain

    if "--debug" in (sys.argv[1:] if argv is None else argv):
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            out.trace(line)
    out.error(explain(error))
    return exit_code(error)


def _ended(out: Output, code: int) -> int:
    """`code`, with what was printed until now let out as far as that is possible."""
    try:
        out.flush()
    except Exception:
        out.give_up()
    return code
