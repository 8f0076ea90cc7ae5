"""What the arguments of commands stand for: keys in a bucket, places for downloads, numbers and sizes."""

from __future__ import annotations

import errno
import os
import re
from argparse import Namespace
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from timetrace.errors import ConfigError, RefusedKeyError
from timetrace.storage.config import MAX_CONCURRENCY, S3Config, parse_size, resolve
from timetrace.storage.keys import Patterns, parse_uri, refusal, visible


class Addressed(NamedTuple):
    """Keys, and the configuration of the store that they are relative to."""

    config: S3Config
    keys: list[str]


def config_of(args: Namespace) -> S3Config:
    """What the options say; the rest is None."""
    return S3Config(
        bucket=args.bucket,
        prefix=args.prefix,
        region=args.region,
        endpoint_url=args.endpoint_url,
        profile=args.profile,
        addressing_style=args.addressing_style,
        ca_bundle=args.ca_bundle,
        no_sign_request=args.no_sign_request,
        multipart_threshold=args.multipart_threshold,
        part_size=args.part_size,
    )


def addressed(args: Namespace, names: Iterable[str]) -> list[Addressed]:
    """The keys that `names` give, each once: relative ones first, then those of `s3://` URIs, without a prefix.

    ConfigError for two buckets, InvalidKeyError for a malformed URI.
    """
    config = config_of(args)
    relative: dict[str, None] = {}
    absolute: dict[str, None] = {}
    bucket = args.bucket
    for name in names:
        uri = parse_uri(name)
        if uri is None:
            relative[name] = None
            continue
        if bucket not in (None, uri[0]):
            beside = "-b says" if args.bucket else "another key is in"
            raise ConfigError(f"{visible(name)} is in another bucket than {beside} ({bucket}): one command, one bucket")
        bucket = uri[0]
        absolute[uri[1]] = None
    if not absolute:
        return [Addressed(config, list(relative))]
    outright = Addressed(config.replace(bucket=bucket, prefix=""), list(absolute))
    if not relative:
        return [outright]
    configured = resolve(config, os.environ).bucket
    if configured != bucket:
        raise ConfigError(f"{visible(next(iter(relative)))} is in the bucket {configured}, and s3://{bucket} is not")
    return [Addressed(config, list(relative)), outright]


STDOUT = "-"


def target_file(key: str, output: str | None) -> str | None:
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


def target_folder(output: str | None) -> str:
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


# What options take, from the text that was given.
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def jobs(text: str) -> int:
    return _number("--jobs", text, MAX_CONCURRENCY)


def max_errors(text: str) -> int:
    return _number("--max-errors", text, 10**9)


def multipart_threshold(text: str) -> int:
    return parse_size("--multipart-threshold", text)


def part_size(text: str) -> int:
    return parse_size("--part-size", text)


def pattern(text: str) -> str:
    Patterns((text,))
    return text


def age(text: str) -> timedelta:
    match = re.fullmatch("([0-9]{1,6})([smhd])", text)
    if not match:
        raise ConfigError(f"--older-than is {text!a}: write a number and a unit, such as 30m, 12h, 1d or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _number(option: str, text: str, most: int) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,10}", text) else 0
    if not 1 <= number <= most:
        raise ConfigError(f"{option} is {text!a}: give a whole number from 1 to {most}")
    return number
