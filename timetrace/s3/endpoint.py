"""Where a bucket is: scheme, host and base path, in path style or virtual-host style. Pure.

Source: "Virtual hosting of general purpose buckets" and "Bucket naming rules" in the Amazon S3 User Guide.
"""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from timetrace.errors import ConfigError

STYLES = ("auto", "path", "virtual")

_PORTS = {"http": 80, "https": 443}
_BASE_PATH = r"(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*"


class Endpoint(NamedTuple):
    """`host` is lowercase and, for IPv6, without brackets; `port` is None where it is the scheme's default.

    `base_path` is percent-encoded as it is sent, holds the bucket in path style, and does not end in `/`.
    """

    scheme: str
    host: str
    port: int | None
    base_path: str

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_endpoint_url(url: str) -> Endpoint:
    """The server that `url` names, without any bucket; ConfigError says what is wrong with it."""
    if not url.isprintable():
        # urlsplit would drop line ends, and so name another host.
        raise ConfigError(f"the endpoint {_shown(url)} has a line end or another control character")
    if "://" not in url:
        raise ConfigError(f"the endpoint {_shown(url)} has no scheme: write http://… or https://…")
    if "@" in url:
        # Before it is taken apart: errors of that may show a password.
        raise ConfigError(f"the endpoint {_shown(url)} must not hold a user or a password: give keys apart from it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"the endpoint {_shown(url)} is malformed: check its host and port") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise ConfigError(f"the endpoint {_shown(url)} is neither http nor https")
    if "?" in url or "#" in url:
        raise ConfigError(f"the endpoint {_shown(url)} must not have a query or a fragment")
    if not (_is_address(host) or _is_host(host)) or port == 0:
        raise ConfigError(f"the endpoint {_shown(url)} has no valid host and port")
    path = parts.path.rstrip("/")
    if (path and not re.fullmatch(_BASE_PATH, path)) or {".", ".."} & set(path.split("/")):
        raise ConfigError(f"the endpoint {_shown(url)} has a path that is not percent-encoded, or has dots for parts")
    return Endpoint(scheme, host, None if port == _PORTS[scheme] else port, path)


def _shown(url: str) -> str:
    """The URL as an error may show it: one line, and nothing before an `@`, which may be a password."""
    scheme, there, rest = url.partition("://")
    if "@" in url:
        if scheme.lower() not in _PORTS:
            scheme = there = ""
        rest = f"…@{url.rpartition('@')[2]}"
    return ascii(f"{scheme}{there}{rest}")


def _is_address(host: str) -> bool:
    try:
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


# Plain string methods, where a pattern of its own would take longer to compile than a request to sign.


def is_label(text: str) -> bool:
    """Whether the text can be one part of a host's name."""
    return 0 < len(text) <= 63 and "-" not in (text[0], text[-1]) and _consists(text, "-")


def _is_host(text: str) -> bool:
    name = text.removesuffix(".")
    ends = name[:1] + name[-1:]
    return bool(name) and text == text.lower() and _consists(name, "._-") and not {*ends} & {*".-"} and ".." not in text


def _is_bucket(text: str) -> bool:
    # Older buckets, and other servers', may have capitals and underscores.
    return 3 <= len(text) <= 255 and (text[0] + text[-1]).isalnum() and _consists(text, "._-") and ".." not in text


def _consists(text: str, marks: str) -> bool:
    """Whether it is of ASCII letters, digits and these marks alone."""
    for mark in marks:
        text = text.replace(mark, "0")
    return text.isascii() and text.isalnum()


def check_bucket(bucket: str) -> None:
    """Raise ConfigError unless some server may have a bucket of this name."""
    if bucket.startswith("arn:"):
        raise ConfigError("the bucket is an ARN, which is not supported: give the bucket's name")
    if "/" in bucket:
        raise ConfigError(f"the bucket {bucket!a} holds a slash: give its name alone, and the rest as the prefix")
    if not _is_bucket(bucket):
        raise ConfigError(
            f"the bucket {bucket!a} is malformed: names have 3 to 63 lowercase letters, digits, dots and hyphens"
        )


def check_region(region: str) -> None:
    """Raise ConfigError unless the region can be part of a host's name."""
    if not is_label(region):
        raise ConfigError(f"the region {region!a} is malformed: check --region or TIMETRACER_S3_REGION")


def resolve_endpoint(
    bucket: str, *, region: str, endpoint_url: str | None = None, addressing_style: str = "auto"
) -> Endpoint:
    """Where `bucket` is. `auto` is path style for custom endpoints, and virtual-host style on AWS where it can be."""
    check_bucket(bucket)
    check_region(region)
    if addressing_style not in STYLES:
        raise ConfigError(f"the addressing style {addressing_style!a} is none of {', '.join(STYLES)}")
    if endpoint_url is None:
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        server = Endpoint("https", f"s3.{region.lower()}.{domain}", None, "")
    else:
        server = parse_endpoint_url(endpoint_url)
    # A dot in the bucket would put its host outside of the certificate's wildcard.
    fits = len(bucket) >= 3 and bucket == bucket.lower() and is_label(bucket)
    if addressing_style == "path" or (addressing_style == "auto" and (endpoint_url is not None or not fits)):
        if addressing_style == "auto" and server.base_path.endswith(f"/{bucket}"):
            raise ConfigError(
                f"the endpoint {_shown(endpoint_url or '')} names the bucket already: leave it out there, "
                "or ask for path style outright if it belongs there twice"
            )
        return Endpoint(server.scheme, server.host, server.port, f"{server.base_path}/{bucket}")
    if _is_address(server.host):
        raise ConfigError(f"virtual-host style needs a host name, and {server.host} is an address: use path style")
    if not fits and (server.scheme == "https" or not _is_host(bucket)):
        raise ConfigError(f"the bucket {bucket} cannot be part of a host's name: use path style")
    if server.host.startswith(f"{bucket}."):
        raise ConfigError(f"the endpoint's host {server.host} names the bucket already: leave it out there")
    return Endpoint(server.scheme, f"{bucket}.{server.host}", server.port, server.base_path)
