"""What a connection needs before it is opened: addresses, a TLS context, and the proxy to go through."""

from __future__ import annotations

import os
import socket
import sys
from base64 import b64decode, b64encode
from contextlib import suppress
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from timetrace.errors import ConfigError, ConnectTimeoutError, UnreachableError
from timetrace.s3 import forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ssl import SSLContext

ADDRESSES_KEPT = 60.0


class Resolver:
    """Name lookups within a deadline, each name asked for once a minute, however many threads want it."""

    def __init__(self, getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._lock = Lock()
        forks.watch(self)
        self._asked: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        if _is_address(host):
            return [host]
        with self._lock:
            lookup = self._asked.get((host, port))
            if lookup is None or not lookup.is_fresh:
                lookup = self._asked[host, port] = _Lookup(self._getaddrinfo, host, port)
                lookup.start()
        lookup.join(timeout)
        if lookup.error is not None:
            failure = UnreachableError(f"the name {host} does not resolve ({_why(lookup.error)})")
            failure.retryable = getattr(lookup.error, "errno", None) == socket.EAI_AGAIN
            raise failure from lookup.error
        if lookup.found is None:
            raise ConnectTimeoutError(f"no answer for the name {host} within {timeout:g} s")
        return lookup.found

    def prefer(self, host: str, port: int, address: str) -> None:
        """Try this one first from now on: others of the name were seen not to answer."""
        lookup = self._asked.get((host, port))
        if lookup is not None and lookup.found and address in lookup.found:
            lookup.found = [address, *(other for other in lookup.found if other != address)]

    def forget(self, host: str, port: int) -> None:
        self._asked.pop((host, port), None)


class _Lookup(Thread):
    """One question for all who want to know. getaddrinfo has no timeout: this thread may wait as long as it likes."""

    def __init__(self, getaddrinfo: Callable[..., list[Any]], host: str, port: int) -> None:
        super().__init__(name="timetrace name lookup", daemon=True)
        self._ask: Callable[[], list[Any]] = lambda: getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self._expires = float("inf")
        self.found: list[str] | None = None
        self.error: Exception | None = None

    @property
    def is_fresh(self) -> bool:
        return self.is_alive() or (self.found is not None and monotonic() < self._expires)

    def run(self) -> None:
        try:
            self.found = list(dict.fromkeys(str(entry[4][0]) for entry in self._ask()))
        except (OSError, UnicodeError) as error:
            self.error = error
        self._expires = monotonic() + ADDRESSES_KEPT


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return True
    return False


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def tls_context(ca_bundle: str | None) -> SSLContext:
    """One context for all connections: each costs tens of milliseconds."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_bundle:
        try:
            if os.path.isdir(ca_bundle):
                context.load_verify_locations(capath=ca_bundle)
            else:
                context.load_verify_locations(cafile=ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the CA bundle {ca_bundle} cannot be used ({_why(error)})") from error
        return context
    context.load_default_certs()
    if not _has_authorities(context):
        try:
            import certifi
        except ImportError:
            raise ConfigError(
                "this machine has no CA certificates: install its ca-certificates package or certifi, "
                "or name a file with --ca-bundle or AWS_CA_BUNDLE"
            ) from None
        context.load_verify_locations(cafile=certifi.where())
    return context


def _has_authorities(context: SSLContext) -> bool:
    import ssl

    if context.cert_store_stats()["x509_ca"]:
        return True
    # Those of a folder are loaded when they are needed, and not counted before.
    folder = ssl.get_default_verify_paths().capath
    with suppress(OSError):
        return bool(folder and os.listdir(folder))
    return False


class Proxy(NamedTuple):
    scheme: str
    host: str
    port: int
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.scheme}://{self.name})"

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password, and what it is sent as, and seems to be where its bytes are taken for Latin-1."""
        encoded = (self.authorization or "").removeprefix("Basic ")
        password = b64decode(encoded).partition(b":")[2]
        return (encoded, os.fsdecode(password), password.decode("latin-1"))


def proxy_for(scheme: str, host: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that the environment, or else the system's settings, name for this scheme and host."""
    # urllib.request takes longer to import than a request to send; few machines need it.
    if sys.platform not in ("darwin", "win32") and not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass(host):
        return None
    return parse_proxy(url)


def parse_proxy(url: str) -> Proxy:
    parts, port = None, None
    with suppress(ValueError):
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    # Raised outside of the handler: urlsplit's own error may show the password.
    if parts is None or port is None:
        raise ConfigError("the proxy's URL is malformed: check the host and port in HTTP_PROXY and HTTPS_PROXY")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "only proxies of the form http://host:port or https://host:port are supported: "
            "check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(os.fsencode(pair)).decode()}"
    return Proxy(parts.scheme, parts.hostname, port, authorization)
