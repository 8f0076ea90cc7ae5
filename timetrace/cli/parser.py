"""The command line's grammar. Imports argparse and nothing else: `--help` is as fast as Python is."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from timetrace import __version__

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


def build_parser(*, repeat_common: bool = True) -> argparse.ArgumentParser:
    """The parser of `timetrace`.

    The common options stand before the verb or after it; without `repeat_common`, as the manual has it, they
    are described once.
    """
    parser = _parser(
        argparse.ArgumentParser,
        prog="timetrace",
        usage="%(prog)s [-h] [--version] s3 COMMAND ...",
        description="Store and fetch cassettes (recorded API calls) in AWS S3 and anything that speaks S3.",
        epilog="`timetrace s3 --help` lists the commands and their common options.",
    )
    parser.add_argument("--version", action="version", version=f"timetrace {__version__}")
    # What is left out is None, so that it never masks the environment.
    parser.set_defaults(area=None, verb=None, show_help=parser.print_help, **dict.fromkeys(COMMON))
    areas = parser.add_subparsers(dest="area", title="commands", prog="timetrace", metavar="COMMAND")
    s3 = _parser(
        areas.add_parser,
        "s3",
        help="cassettes in a bucket: upload, download, list, sync, cat, rm, url",
        usage="%(prog)s [options] COMMAND ...",
        description="Cassettes in a bucket. Keys are relative to a prefix, `cassettes` unless you choose another.",
        epilog="`timetrace s3 COMMAND --help` tells more about each.",
    )
    s3.set_defaults(show_help=s3.print_help)
    verbs = s3.add_subparsers(dest="verb", title="commands", prog="timetrace s3", metavar="COMMAND")
    for add in (_upload, _download, _list, _sync, _cat, _rm, _url):
        verb = add(verbs.add_parser)
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
    verb = _verb(
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
    verb.add_argument("paths", nargs="+", metavar="PATH", help="a file or a folder")
    verb.add_argument("--key", help="store a single file under this key; s3://BUCKET/KEY adds no prefix")
    return verb


def _download(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
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
    verb.add_argument("keys", nargs="+", metavar="KEY", help=KEY_HELP)
    verb.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file, a folder (one that exists, or with a slash at its end), or - for the standard output",
    )
    return verb


def _list(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
        make, "list", "[-n N] [--long]", "print keys, one a line", "", "-n 50", "--prefix-filter 2026-01- --long"
    )
    verb.add_argument("-n", "--limit", type=_count, metavar="N", help="print N keys at most (default: all)")
    verb.add_argument("--prefix-filter", default="", metavar="TEXT", help="only keys that begin with TEXT")
    verb.add_argument("--long", action="store_true", help="print size in bytes, time (UTC) and key")
    return verb


def _sync(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
        make,
        "sync",
        "{up,down} -d DIR [--dry-run]",
        "make the bucket hold what a folder does, or the other way round",
        "\nCopies the cassettes (*.json, *.json.gz, *.yaml, *.yml) that the other side lacks or holds\n"
        "otherwise. Content decides, never times. Nothing is deleted.",
        "up -d ./cassettes",
        "down -d ./cassettes --dry-run",
    )
    verb.add_argument("direction", choices=("up", "down"), help="up: to the bucket; down: to the folder")
    verb.add_argument("-d", "--dir", required=True, help="the folder; down makes it if it is missing")
    verb.add_argument("--dry-run", action="store_true", help="say what would be copied, and copy nothing")
    verb.add_argument("--follow-symlinks", action="store_true", help="enter folders that symbolic links lead to")
    return verb


def _cat(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
        make,
        "cat",
        "KEY",
        "print a cassette's content",
        "It is checked before the first byte is printed, so it is\n"
        "held in memory; `download KEY -o -` prints large objects as they come.",
        "2026-01-15/POST__checkout__a91c.json",
    )
    verb.add_argument("key", metavar="KEY", help=KEY_HELP)
    return verb


def _rm(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
        make,
        "rm",
        "KEY... [--yes]",
        "remove cassettes from the bucket",
        "Asks first. S3 does not tell whether there was\nanything to remove.",
        "2026-01-15/POST__checkout__a91c.json",
        "2026-01-15/a.json 2026-01-16/b.json --yes",
    )
    verb.add_argument("keys", nargs="+", metavar="KEY", help=KEY_HELP)
    verb.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")
    return verb


def _url(make: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = _verb(
        make,
        "url",
        "KEY [--expires SECONDS]",
        "print a URL that fetches a cassette without credentials",
        "\nNothing is sent: whether there is such a cassette shows when the URL is used.",
        "2026-01-15/POST__checkout__a91c.json --expires 600",
    )
    verb.add_argument("key", metavar="KEY", help=KEY_HELP)
    verb.add_argument(
        "--expires",
        type=_count,
        default=3600,
        metavar="SECONDS",
        help="how long it is valid: 1 to 604800, which is 7 days (default: 3600)",
    )
    return verb


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
