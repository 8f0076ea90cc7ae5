"""Sends a signed request and reads its answer. The only file that imports urllib3.

urllib3 makes the connections: TCP, TLS and proxies. It does not send the requests: its pools would
normalise the path after signing, follow redirects and replay requests under an old signature.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from http.client import HTTPException
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from timetrace import __version__
from timetrace.errors import (
    ConnectionClosedError,
    ConnectTimeoutError,
    MissingDependencyError,
    ProxyError,
    StaleConnectionError,
    TLSError,
    TransportError,
    UnreachableError,
)
from timetrace.s3 import forks
from timetrace.s3.failure import hides_error
from timetrace.s3.http import Headers, Request, Response
from timetrace.s3.network import Proxy, Resolver, proxy_for, tls_context
from timetrace.s3.wire import Reader, encode_head, send
from timetrace.text import redacted

_NEEDED = (
    "urllib3 2.2 or newer is needed to talk to S3{found}: run `pip install '.[s3]'` in a clone of timetrace "
    "(the name timetrace on PyPI belongs to an unrelated project)"
)

try:
    from urllib3 import __version__ as urllib3_version  # type: ignore[attr-defined]
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError
except ImportError as error:
    raise MissingDependencyError(_NEEDED.format(found="")) from error
if tuple(int(part) for part in urllib3_version.split(".")[:2]) < (2, 2):
    raise MissingDependencyError(_NEEDED.format(found=f", and this is {urllib3_version}"))

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

# Never signed: proxies rewrite them.
_UNSIGNED = {"accept-encoding": "identity", "user-agent": f"timetrace/{__version__}"}

Origin = tuple[str, str, int]


class Transport:
    """Keeps connections and lends each to one thread at a time. Safe to share between threads.

    Timeouts are in seconds: `connect_timeout` for name lookup, all addresses, proxy and TLS handshake together,
    `read_timeout` for each silence of the server.
    """

    def __init__(
        self,
        *,
        connect_timeout: float,
        read_timeout: float,
        ca_bundle: str | None = None,
        environ: Mapping[str, str] | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._ca_bundle = ca_bundle
        self._environ = os.environ if environ is None else environ
        self._resolver = resolver or Resolver()
        self._idle: dict[Origin, list[_Link]] = {}
        self._proxies: dict[Origin, Proxy | None] = {}
        self._context: SSLContext | None = None
        self._lock = Lock()
        forks.watch(self)
        self._process = os.getpid()

    def __call__(self, request: Request, headers: Headers) -> Response:
        """The answer to `request` sent with `headers`; TransportError or ResponseError where there is none."""
        endpoint = request.endpoint
        origin = (endpoint.scheme, endpoint.host, endpoint.port or (443 if endpoint.scheme == "https" else 80))
        proxy = self._proxy(origin)
        target, sent = request.target, {**headers, **_UNSIGNED}
        if proxy and endpoint.scheme == "http":
            target = f"http://{endpoint.authority}{target}"
            if proxy.authorization:
                sent["proxy-authorization"] = proxy.authorization
        head = encode_head(request, target, sent)
        response = self._answer(origin, proxy, request, head)
        if proxy and response.status == 407:
            raise _refused(ProxyError(f"the proxy {proxy.name} wants a user and a password, or others (407)"), 407)
        if proxy and response.status in (403, 405) and b"<Error" not in response.body and request.method != "HEAD":
            raise _refused(ProxyError(f"the proxy {proxy.name} answered {response.status} itself"), response.status)
        if proxy and (response.status >= 300 or hides_error(response.body)):
            return _without(proxy, response)
        return response

    def _answer(self, origin: Origin, proxy: Proxy | None, request: Request, head: bytes) -> Response:
        link = self._take(origin)
        if link:
            try:
                return self._exchange(origin, link, request, head)
            except ConnectionClosedError as error:
                if link.reader.heard:
                    raise
                self.close()  # the others are as old
                raise StaleConnectionError(error.reason) from error
        return self._exchange(origin, self._connect(origin, proxy), request, head)

    def close(self) -> None:
        """Close the idle connections. The transport can be used again."""
        for links in [*self._idle.values()]:
            while links:
                # Taken out before it is closed: another thread may be taking the same one, to use it.
                with suppress(IndexError):
                    links.pop().close()

    def __del__(self) -> None:
        # A store that nobody closed shall not warn of its sockets in its user's tests.
        if hasattr(self, "_idle"):
            self.close()

    def _exchange(self, origin: Origin, link: _Link, request: Request, head: bytes) -> Response:
        kept = False
        try:
            complete = send(link.sock, head, request.body, link.reader.answered)
            response = link.reader.response(request)
            kept = complete and link.reader.reusable
        finally:
            if kept:
                self._idle.setdefault(origin, []).append(link)
            else:
                link.close()
        return response

    def _take(self, origin: Origin) -> _Link | None:
        if self._process != os.getpid():
            # A forked child must not write to its parent's sockets; this closes only its copies.
            self.close()
            self._process = os.getpid()
        links = self._idle.get(origin)
        while links:
            try:
                link = links.pop()
            except IndexError:
                return None
            # The end of the connection, or what belongs to no request.
            if not link.reader.spoken():
                return link
            link.close()
        return None

    def _proxy(self, origin: Origin) -> Proxy | None:
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin[0], origin[1], self._environ)
        return self._proxies[origin]

    def _tls(self) -> SSLContext:
        with self._lock:
            if self._context is None:
                self._context = tls_context(self._ca_bundle)
            return self._context

    def _connect(self, origin: Origin, proxy: Proxy | None) -> _Link:
        deadline = monotonic() + self._connect_timeout
        scheme, host, port = origin
        context = self._tls() if scheme == "https" or (proxy and proxy.scheme == "https") else None
        via_host, via_port = (proxy.host, proxy.port) if proxy else (host, port)
        # A proxy's own certificate is checked against its name, so that goes to urllib3 unresolved.
        if proxy and proxy.scheme == "https":
            addresses = [via_host]
        else:
            addresses = self._resolver.addresses(via_host, via_port, self._connect_timeout)
        for position, address in enumerate(addresses):
            share = (deadline - monotonic()) / (len(addresses) - position)
            connection = _connection(origin, address, via_port, context, proxy, max(share, 0.001))
            try:
                connection.connect()
            except (OSError, HTTPError, HTTPException) as error:
                connection.close()
                cause = error
            else:
                if position:
                    self._resolver.prefer(via_host, via_port, address)
                return _Link(connection, self._read_timeout)
            failure = _translate(cause, origin, proxy, self._connect_timeout)
            # A certificate or a tunnel that is refused is so at each address.
            if not failure.retryable or position == len(addresses) - 1:
                self._resolver.forget(via_host, via_port)
                # Raised here, where no other error is being handled: that may hold what a proxy sent back.
                raise failure from (None if proxy and proxy.authorization else cause)
        raise UnreachableError(f"the name {via_host} has no address")


class _Link:
    """An open connection and the reader of its answers."""

    __slots__ = ("_connection", "reader", "sock")

    def __init__(self, connection: HTTPConnection, read_timeout: float) -> None:
        self._connection = connection
        self.sock = connection.sock
        self.sock.settimeout(read_timeout)
        self.reader = Reader(self.sock, read_timeout)

    def close(self) -> None:
        self._connection.close()


def _connection(
    origin: Origin, address: str, port: int, context: SSLContext | None, proxy: Proxy | None, timeout: float
) -> HTTPConnection:
    scheme, host, _ = origin
    if scheme == "http" and not (proxy and proxy.scheme == "https"):
        return HTTPConnection(address, port, timeout=timeout)
    if proxy is None:
        return HTTPSConnection(address, port, timeout=timeout, ssl_context=context, server_hostname=host)
    connection = HTTPSConnection(address, port, timeout=timeout, ssl_context=context)
    if scheme == "https":
        headers = {"proxy-authorization": proxy.authorization} if proxy.authorization else {}
        connection.set_tunnel(host, origin[2], headers, scheme=proxy.scheme)
    return connection


def _without(proxy: Proxy, response: Response) -> Response:
    """The refusal without the proxy's password, which it may have sent back."""
    headers = {name: redacted(value, proxy.secrets) for name, value in response.headers.items()}
    body = redacted(response.body.decode("latin-1"), proxy.secrets).encode("latin-1")
    return response._replace(headers=headers, body=body)


def _refused(error: ProxyError, status: int) -> ProxyError:
    error.retryable = status >= 500
    if status == 407:
        error.advice = "check the user and the password in HTTPS_PROXY and HTTP_PROXY"
    return error


def _translate(error: Exception, origin: Origin, proxy: Proxy | None, timeout: float) -> TransportError:
    """The network's many errors as ours. They come wrapped in one another, so the whole chain is asked."""
    import ssl

    chain = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    name = f"{origin[1]}:{origin[2]}"
    through = f" through the proxy {proxy.name}" if proxy else ""
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return TLSError(f"the certificate of {name}{through} was not accepted ({link.verify_message})")
    tunnel = [str(link) for link in chain if "Tunnel connection failed" in str(link)]
    if tunnel:
        told = redacted(tunnel[0], proxy.secrets if proxy else ())
        refusal = ProxyError(f"the proxy {proxy.name if proxy else ''} refused to connect to {name} ({told})")
        status = re.search(r"Tunnel connection failed: (\d{3})", tunnel[0])
        return _refused(refusal, int(status[1]) if status else 502)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        failure = TLSError(
            f"no TLS with {name}{through} ({reason})", hint="check whether the endpoint is http or https"
        )
        failure.retryable = isinstance(error, ssl.SSLEOFError)  # which a server gives, too, as it restarts
        return failure
    if any(isinstance(link, TimeoutError) for link in chain) or "timed out" in str(error):
        return ConnectTimeoutError(f"no connection to {name}{through} within {timeout:g} s")
    system = [link for link in chain if isinstance(link, OSError) and link.strerror]
    why = system[-1].strerror if system else "the connection broke off"
    if proxy:
        return ProxyError(f"no connection to {name}{through} ({why})")
    return UnreachableError(f"no connection to {name} ({why})")
