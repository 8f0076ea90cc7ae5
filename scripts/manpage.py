"""The man page, made from the command's own parser: `python scripts/manpage.py` prints it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from argparse_manpage.manpage import Manpage

ROOT = Path(__file__).resolve().parent.parent

ENVIRONMENT = {
    "TIMETRACER_S3_BUCKET, TIMETRACER_S3_PREFIX, TIMETRACER_S3_REGION, TIMETRACER_S3_ENDPOINT": (
        "What -b, -p, --region and --endpoint-url are when they are left out."
    ),
    "TIMETRACER_S3_PROFILE, TIMETRACER_S3_ADDRESSING_STYLE, TIMETRACER_S3_CA_BUNDLE": (
        "The same for --profile, --path-style (path), --virtual-host (virtual) and --ca-bundle."
    ),
    "TIMETRACER_S3_CONNECT_TIMEOUT, TIMETRACER_S3_READ_TIMEOUT": (
        "Seconds for making a connection (10), and for a silence of the server (60)."
    ),
    "TIMETRACER_S3_MAX_ATTEMPTS, TIMETRACER_S3_MAX_CONCURRENCY": (
        "How often a request is tried (5), and how many files are on their way at once (16 to 128, as answers come)."
    ),
    "TIMETRACER_S3_MULTIPART_THRESHOLD, TIMETRACER_S3_PART_SIZE": (
        "What is larger than the first (64MB) goes in parts of the second (8MB)."
    ),
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN": "The credentials. No option takes a secret.",
    "AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_CA_BUNDLE": (
        "Used where the variable of timetrace's own is not set."
    ),
    "AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE": "Instead of ~/.aws/credentials and ~/.aws/config.",
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY": "The proxy, and the hosts that are reached without it.",
}
STATUS = {
    "0": "done",
    "1": "something failed, was missing or was refused",
    "2": "usage or configuration; nothing was sent",
    "130": "interrupted with Ctrl-C",
    "141": "the reader of the output has gone",
}


def page() -> str:
    """The manual in troff."""
    sys.path.insert(0, str(ROOT))
    from timetrace import __version__
    from timetrace.cli.parser import build_parser

    parser = build_parser(repeat_common=False)
    examples = [line.strip() for verb in _parsers(parser) for line in (verb.epilog or "").splitlines()[1:]]
    parser.epilog = None
    data = {"project_name": "timetrace", "version": __version__, "manual_title": "User Commands"}
    made = Manpage(parser, format="single-commands-section", _data=data)
    made.description = "store and fetch cassettes in AWS S3 and anything that speaks S3"
    made.add_section("environment", ">", _terms(ENVIRONMENT))
    made.add_section("exit status", ">", _terms(STATUS))
    made.add_section("examples", ">", "\n".join([".nf", *map(_escaped, examples), ".fi"]))
    return str(made)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands that have no commands below them."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield parser
    for action in inner:
        for choice in action.choices.values():
            yield from _parsers(choice)


def _terms(terms: dict[str, str]) -> str:
    return "\n".join(f".TP\n.B {_escaped(name)}\n{_escaped(meaning)}" for name, meaning in terms.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("-", r"\-")


if __name__ == "__main__":
    print(page(), end="")
