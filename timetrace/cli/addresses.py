"""Which bucket and prefix the keys of a command belong to."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterable
from typing import NamedTuple

from timetrace.errors import ConfigError
from timetrace.storage.config import S3Config, resolve
from timetrace.storage.keys import parse_uri, visible


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
    outright = Addressed(config._replace(bucket=bucket, prefix=""), list(absolute))
    if not relative:
        return [outright]
    configured = resolve(config, os.environ).bucket
    if configured != bucket:
        raise ConfigError(f"{visible(next(iter(relative)))} is in the bucket {configured}, and s3://{bucket} is not")
    return [Addressed(config, list(relative)), outright]
