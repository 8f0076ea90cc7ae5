"""The command line's grammar. Imports argparse and nothing else: `--help` is as fast as Python is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection

from timetrace import __version__
from timetrace.text import visible

TYPE_CHECKING = False  # that of typing would be a slow import

if TYPE_CHECKING:
    from typing import NoReturn

KEY_HELP = "a key below the prefix, or s3://BUCKET/KEY, to which no prefix is added"

COMMON = (
    "bucket",
    "prefix",
    "region",
    "endpoint_url",
    "profile",
    "addressing_style",
    "ca_bundle",
    "no_sign_request",
    "json",
    "quiet",
    "verbose",
    "debug",
)

# Those of some commands only, which the configuration has all the same.
MOVING = ("multipart_threshold", "part_size")


class _Parser(argparse.ArgumentParser):
    """Its errors repeat arguments, and a shell's `*` makes those of the names that strangers gave their files."""

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def build_parser(*, repeat_common: bool = True, wanted: Collection[str] | None = None) -> argparse.ArgumentParser:
    """The parser of `timetrace`.

    The common options stand before the verb or after it; without `repeat_common`, as the manual has it, they
    are described once. Only the verbs that are `wanted` get their options.
    """
    parser = _parser(
        _Parser,
        prog="timetrace",
        usage="%(prog)s [-h] [--version] s3 COMMAND ...",
        description="Store and fetch cassettes (recorded API calls) in AWS S3 and anything that speaks S3.",
        epilog="`timetrace s3 --help` lists the commands and their common options.",
    )
    parser.add_argument("--version", action="version", version=f"timetrace {__version__}")
    # What is left out is None, so that it never masks the environment.
    parser.set_defaults(area=None, verb=None, show_help=parser.print_help, **dict.fromkeys((*COMMON, *MOVING)))
    areas = parser.add_subparsers(dest="area", title="commands", prog="timetrace", metavar="COMMAND")
    s3 = _parser(
        areas.add_parser,
        "s3",
        help="cassettes in a bucket: upload, download, list, sync, cat, rm, url, cleanup",
        usage="%(prog)s [options] COMMAND ...",
        description="Cassettes in a bucket. Keys are relative to a prefix, `cassettes` unless you choose another.",
        epilog="`timetrace s3 COMMAND --help` tells more about each.",
    )
    s3.set_defaults(show_help=s3.print_help)
    verbs = s3.add_subparsers(dest="verb", title="commands", prog="timetrace s3", metavar="COMMAND")
    for describe, add in _VERBS:
        verb = describe(verbs.add_parser)
        # To make the options of all takes as long as a request does.
        if wanted is None or verb.prog.rpartition(" ")[2] in wanted:
            add(verb)
            if repeat_common:
                _add_common(verb)
    _add_common(s3)
    return parser


def _parser(make: Callable[..., argparse.ArgumentParser], *names: str, **words: str) -> argparse.ArgumentParser:
    # An abbreviation that works today would be ambiguous with the next option.
    return make(*names, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **words)


def _verb(
    make: Callable[..., argparse.ArgumentParser], name: str, usage: str, summary: str, more: str, *examples: str
) -> argparse.ArgumentParser:
    return _parser(
        make,
        name,
        help=summary,
        usage=f"%(prog)s {usage} [options]",
        description=f"{summary[0].upper()}{summary[1:]}. {more}".replace(". \n", ".\n").rstrip(),
        epilog="\n".join(["examples:", *(f"  timetrace s3 {name} {example}" for example in examples)]),
    )


def _upload(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "upload",
        "PATH... [--key KEY]",
        "send files and folders",
        "A file's key is its name, below its folder's name if that\nis a date. Of a folder, the cassettes (*.json, "
        "*.json.gz, *.yaml, *.yml) in it and below it\nare sent; their keys are their paths in it.",
        "./cassettes/",
        "./cassettes/2026-01-15/POST__checkout__a91c.json",
        "./local.json --key 2026-01-15/POST__checkout__a91c.json",
    )


def _add_upload(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("paths", nargs="+", metavar="PATH", help="a file or a folder")
    verb.add_argument("--key", help="store a single file under this key; s3://BUCKET/KEY adds no prefix")
    _add_patterns(verb, "of a folder, send")
    _add_storing(verb)
    _add_moving(verb)


def _download(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "download",
        "KEY... [-o PATH]",
        "fetch cassettes into files",
        "One key goes to the current folder under its last part, or to\nwhere -o says. "
        "Several keep their paths, below the folder -o or the current one.",
        "2026-01-15/POST__checkout__a91c.json",
        "2026-01-15/POST__checkout__a91c.json -o ./local.json",
        "2026-01-15/a.json 2026-01-16/b.json -o ./cassettes",
    )


def _add_download(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("keys", nargs="+", metavar="KEY", help=KEY_HELP)
    verb.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file, a folder (one that exists, or with a slash at its end), or - for the standard output",
    )
    _add_moving(verb)


def _list(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make, "list", "[-n N] [--long]", "print keys, one a line", "", "-n 50", "--prefix-filter 2026-01- --long"
    )


def _add_list(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("-n", "--limit", type=_count, metavar="N", help="print N keys at most (default: all)")
    verb.add_argument("--prefix-filter", default="", metavar="TEXT", help="only keys that begin with TEXT")
    verb.add_argument("--long", action="store_true", help="print size in bytes, time (UTC) and key")


def _sync(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "sync",
        "{up,down} -d DIR [--dry-run] [--delete]",
        "make the bucket hold what a folder does, or the other way round",
        "\nCopies the cassettes (*.json, *.json.gz, *.yaml, *.yml) that the other side lacks or holds\n"
        "otherwise. Content decides, never times. Nothing is deleted without --delete.",
        "up -d ./cassettes",
        "down -d ./cassettes --dry-run",
        "up -d ./cassettes --delete --exclude draft-*",
        "down -d ./cassettes --verify",
    )


def _add_sync(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("direction", choices=("up", "down"), help="up: to the bucket; down: to the folder")
    verb.add_argument("-d", "--dir", required=True, help="the folder; down makes it if it is missing")
    verb.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    verb.add_argument("--delete", action="store_true", help="at the end, remove what only the other side has")
    verb.add_argument("--force", action="store_true", help="also if --delete removes more than it keeps, or all")
    verb.add_argument("--verify", action="store_true", help="copy nothing: read both sides whole, and compare")
    _add_patterns(verb, "sync")
    verb.add_argument("--follow-symlinks", action="store_true", help="enter folders that symbolic links lead to")
    _add_storing(verb, "up only: ")
    _add(verb, "--max-errors", "max_errors", metavar="N", help="stop once N files have failed")
    _add_moving(verb)


def _cat(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "cat",
        "KEY",
        "print a cassette's content",
        "It is checked before the first byte is printed, so it is\n"
        "held in memory; `download KEY -o -` prints large objects as they come.",
        "2026-01-15/POST__checkout__a91c.json",
    )


def _add_cat(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("key", metavar="KEY", help=KEY_HELP)


def _rm(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "rm",
        "KEY... [--yes]",
        "remove cassettes from the bucket",
        "Asks first. S3 does not tell whether there was\nanything to remove.",
        "2026-01-15/POST__checkout__a91c.json",
        "2026-01-15/a.json 2026-01-16/b.json --yes",
    )


def _add_rm(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("keys", nargs="+", metavar="KEY", help=KEY_HELP)
    verb.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")
    _add(verb, "-j", "--jobs", "jobs", metavar="N", help="N requests at once, each of up to 1000 keys")


def _url(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "url",
        "KEY [--expires SECONDS]",
        "print a URL that fetches a cassette without credentials",
        "\nNothing is sent: whether there is such a cassette shows when the URL is used.",
        "2026-01-15/POST__checkout__a91c.json --expires 600",
    )


def _add_url(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("key", metavar="KEY", help=KEY_HELP)
    verb.add_argument(
        "--expires",
        type=_count,
        default=3600,
        metavar="SECONDS",
        help="how long it is valid: 1 to 604800, which is 7 days (default: 3600)",
    )


def _cleanup(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    return _verb(
        make,
        "cleanup",
        "[--older-than AGE] [--yes]",
        "find large uploads that were never finished, and remove their parts",
        "A server keeps these\nparts, and counts them, but lists no object. Nothing is removed without --yes.",
        "",
        "--older-than 7d --yes",
    )


def _add_cleanup(verb: argparse.ArgumentParser) -> None:
    _add(verb, "--older-than", "age", default="1d", metavar="AGE", help="such as 30m, 12h, 7d (default: 1d)")
    verb.add_argument("-y", "--yes", action="store_true", help="remove them")


def _add_patterns(verb: argparse.ArgumentParser, what: str) -> None:
    append = {"action": "append", "metavar": "GLOB"}
    _add(verb, "--include", "pattern", help=f"{what} what GLOB matches, instead of the default (repeatable)", **append)
    _add(verb, "--exclude", "pattern", default=[], help="but not what GLOB matches (repeatable)", **append)


def _add_storing(verb: argparse.ArgumentParser, which: str = "") -> None:
    verb.add_argument("--compress", action="store_true", help=f"{which}store gzip, unpacked again on its way down")
    verb.add_argument("--create-only", action="store_true", help=f"{which}never replace an object")


def _add_moving(verb: argparse.ArgumentParser) -> None:
    _add(verb, "-j", "--jobs", "jobs", metavar="N", help="N files at once (TIMETRACER_S3_MAX_CONCURRENCY)")
    _add(
        verb,
        "--multipart-threshold",
        "multipart_threshold",
        metavar="SIZE",
        help="what is larger goes in parts, several at once (default: 64MB)",
    )
    _add(verb, "--part-size", "part_size", metavar="SIZE", help="of each part: 5MB to 5GB (default: 8MB)")


def _add(verb: argparse.ArgumentParser, *names: str, **words: object) -> None:
    """An option whose text the function of `timetrace.cli.arguments` reads that comes last in `names`."""
    *options, value = names

    def read(text: str) -> object:
        from timetrace.cli import arguments

        return getattr(arguments, value)(text)

    verb.add_argument(*options, type=read, **words)  # type: ignore[arg-type]


_VERBS = (
    (_upload, _add_upload),
    (_download, _add_download),
    (_list, _add_list),
    (_sync, _add_sync),
    (_cat, _add_cat),
    (_rm, _add_rm),
    (_url, _add_url),
    (_cleanup, _add_cleanup),
)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!a} is no whole number")
    return int(text)


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Without defaults: what stands before the verb must survive what does not stand after it."""
    where = parser.add_argument_group("where the cassettes are")
    what = parser.add_argument_group("what is printed")

    def add(group: argparse._ActionsContainer, *names: str, **words: object) -> None:
        group.add_argument(*names, default=argparse.SUPPRESS, **words)  # type: ignore[arg-type]

    add(where, "-b", "--bucket", metavar="NAME", help="the bucket (TIMETRACER_S3_BUCKET)")
    add(
        where,
        "-p",
        "--prefix",
        metavar="TEXT",
        help='what stands before each key (TIMETRACER_S3_PREFIX; default: cassettes); "" for none',
    )
    add(where, "--region", metavar="NAME", help="(TIMETRACER_S3_REGION, AWS_REGION; default: us-east-1)")
    add(where, "--endpoint-url", metavar="URL", help="the server, if it is not AWS (TIMETRACER_S3_ENDPOINT)")
    add(
        where,
        "--profile",
        metavar="NAME",
        help="a section of ~/.aws/credentials and ~/.aws/config (TIMETRACER_S3_PROFILE)",
    )
    style = where.add_mutually_exclusive_group()
    for option, value, example in (
        ("--path-style", "path", "HOST/BUCKET"),
        ("--virtual-host", "virtual", "BUCKET.HOST"),
    ):
        add(
            style,
            option,
            dest="addressing_style",
            action="store_const",
            const=value,
            help=f"address the bucket as {example} (TIMETRACER_S3_ADDRESSING_STYLE={value})",
        )
    add(where, "--ca-bundle", metavar="FILE", help="certificates to trust (TIMETRACER_S3_CA_BUNDLE, AWS_CA_BUNDLE)")
    add(where, "--no-sign-request", action="store_true", help="send no credentials, for public buckets")
    add(what, "--json", action="store_true", help="one JSON object a line for each item, and one for the sum")
    volume = what.add_mutually_exclusive_group()
    add(volume, "-q", "--quiet", action="store_true", help="nothing but errors and what was asked for")
    add(volume, "-v", "--verbose", action="store_true", help="also each request, and each file left out")
    add(what, "--debug", action="store_true", help="a traceback with an error")
