"""Connections: proxies, TLS, several addresses, idle and forked ones. All on loopback sockets."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import NoReturn

import pytest
import trustme

from tests.scripted import Scripted, answer, error
from timetrace.errors import ConnectTimeoutError, ProxyError, TLSError, UnreachableError
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Body, Request
from timetrace.s3.network import Resolver
from timetrace.s3.transport import Transport

HEADERS = {"host": "h"}


def request(url: str, body: bytes | Body = b"") -> Request:
    endpoint = resolve_endpoint("bucket", region="us-east-1", endpoint_url=url)
    return Request("PUT" if body else "GET", endpoint, "k", body=body)


class TLSServer:
    """One answer to each TLS connection, with a certificate for `name`."""

    def __init__(self, ca: trustme.CA, name: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(self._context)

    def __enter__(self) -> TLSServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
                with self._context.wrap_socket(raw, server_side=True) as connection:
                    while connection.recv(65536):
                        connection.sendall(answer(body=b"secure"))
            except ssl.SSLError:
                continue
            except OSError:
                return


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


def transport(bundle: str | None = None, timeout: float = 5, resolver: Resolver | None = None) -> Transport:
    return Transport(connect_timeout=timeout, read_timeout=5, ca_bundle=bundle, environ={}, resolver=resolver)


def test_a_private_authority_is_trusted_where_its_bundle_is_given(ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "127.0.0.1") as server:
        send = transport(bundle)
        assert send(request(f"https://127.0.0.1:{server.port}"), HEADERS).body == b"secure"
        assert send(request(f"https://127.0.0.1:{server.port}"), HEADERS).body == b"secure"


def test_one_tls_context_serves_all_connections(ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "127.0.0.1") as server:
        send = transport(bundle)
        for _ in range(3):
            assert send(request(f"https://127.0.0.1:{server.port}"), HEADERS).body == b"secure"
            send.close()
            # A second context would have to read it again.
            Path(bundle).unlink(missing_ok=True)


def test_a_name_is_checked_although_its_address_is_connected(ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "localhost") as server:
        assert transport(bundle)(request(f"https://localhost:{server.port}"), HEADERS).body == b"secure"


def test_a_certificate_of_another_name_is_not_accepted(ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "other.example") as server, pytest.raises(TLSError, match="was not accepted"):
        transport(bundle)(request(f"https://127.0.0.1:{server.port}"), HEADERS)


def test_an_unknown_authority_is_not_accepted(ca: trustme.CA) -> None:
    with TLSServer(ca, "127.0.0.1") as server, pytest.raises(TLSError, match=r"AWS_CA_BUNDLE"):
        transport()(request(f"https://127.0.0.1:{server.port}"), HEADERS)


class ScriptedTLS(Scripted):
    """The same over TLS 1.3, whose session tickets come after the handshake, unasked."""

    context: ssl.SSLContext

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self.context.wrap_socket(connection, server_side=True) as secure:
            super()._serve(secure, number)


@pytest.fixture(params=["http", "https"])
def scripted(request: pytest.FixtureRequest, ca: trustme.CA) -> Iterator[Scripted]:
    with (Scripted if request.param == "http" else ScriptedTLS)([answer()]) as server:
        if isinstance(server, ScriptedTLS):
            server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert("127.0.0.1").configure_cert(server.context)
        yield server


def url_of(server: Scripted) -> str:
    return server.url.replace("http:", "https:") if isinstance(server, ScriptedTLS) else server.url


LARGE = bytes(range(256)) * 8192  # 2 MiB


def test_a_large_body_goes_through_on_a_fresh_connection(scripted: Scripted, bundle: str) -> None:
    assert transport(bundle)(request(url_of(scripted), LARGE), HEADERS).status == 200
    assert scripted.requests[0].body == LARGE


def test_a_large_body_goes_through_although_the_server_said_100_unasked(scripted: Scripted, bundle: str) -> None:
    receive = scripted._receive

    def greet(connection: socket.socket, number: int) -> object:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return receive(connection, number)

    scripted._receive = greet  # type: ignore[assignment, method-assign]
    assert transport(bundle)(request(url_of(scripted), LARGE), HEADERS).status == 200
    assert scripted.requests[0].body == LARGE


class Endless:
    """A body that nobody can send to its end."""

    def __len__(self) -> int:
        return 2**62

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 65536


def test_an_early_refusal_ends_a_body(scripted: Scripted, bundle: str) -> None:
    def refuse(connection: socket.socket, number: int) -> NoReturn:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        connection.sendall(error(403, "AccessDenied"))
        while connection.recv(65536):
            pass
        raise OSError("it has hung up")

    scripted._receive = refuse  # type: ignore[method-assign]
    response = transport(bundle)(request(url_of(scripted), Endless()), HEADERS)
    assert (response.status, b"AccessDenied" in response.body) == (403, True)


def test_surplus_bytes_are_not_taken_for_the_next_answer(scripted: Scripted, bundle: str) -> None:
    def tell_more(connection: socket.socket) -> None:
        connection.sendall(answer(length=5))
        connection.sendall(b"first" + answer(body=b"forged"))  # over TLS one record, of which OpenSSL keeps the rest
        connection.recv(65536)

    scripted.answers = [tell_more, answer(body=b"second")]
    send = transport(bundle)
    bodies = [send(request(url_of(scripted)), HEADERS).body for _ in range(2)]
    assert (bodies, scripted.connections) == ([b"first", b"second"], 2)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    with Scripted([answer(body=b"through")]) as proxy:
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://user:p4ssw0rd@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "inside.example")
        yield proxy


def test_plain_http_goes_to_the_proxy_with_the_whole_url(proxied: Scripted) -> None:
    send = Transport(connect_timeout=5, read_timeout=5)
    assert send(request("http://s3.example:9000/base"), HEADERS).body == b"through"
    assert proxied.requests[0].line == "GET http://s3.example:9000/base/bucket/k HTTP/1.1"
    assert proxied.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwNHNzdzByZA=="


def test_https_goes_through_a_tunnel(proxied: Scripted, ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "s3.example") as server:

        def tunnel(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", server.port)) as other:
                back = Thread(target=_pump, args=(other, connection), daemon=True)
                back.start()
                _pump(connection, other)

        proxied.answers = [tunnel]
        send = Transport(connect_timeout=5, read_timeout=5, ca_bundle=bundle)
        assert send(request("https://s3.example"), HEADERS).body == b"secure"
        send.close()
    assert proxied.requests[0].line.startswith("CONNECT s3.example:443 HTTP/1.")
    assert proxied.requests[0].headers["proxy-authorization"] == "Basic dXNlcjpwNHNzdzByZA=="


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


ECHO = "p\u00e4ssw0rd"


@pytest.mark.parametrize("status", [200, 502])
def test_a_password_that_a_proxy_sends_back_is_taken_out(
    proxied: Scripted, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:p%C3%A4ssw0rd@127.0.0.1:{proxied.port}")
    told = f"<Error><Code>Denied</Code><Message>{ECHO}</Message></Error>".encode()
    proxied.answers = [answer(status, told).replace(b"Content", f"X-Amz-Request-Id: {ECHO}\r\nContent".encode())]
    response = Transport(connect_timeout=5, read_timeout=5)(request("http://s3.example"), HEADERS)
    assert response.body == told.replace(ECHO.encode(), b"[redacted]")
    assert response.headers["x-amz-request-id"] == "[redacted]"


def test_what_a_proxy_passes_on_is_not_touched(proxied: Scripted) -> None:
    told = b"<ListBucketResult><Contents><Key>Basic authorization p4ssw0rd</Key></Contents></ListBucketResult>"
    proxied.answers = [answer(body=told)]
    assert Transport(connect_timeout=5, read_timeout=5)(request("http://s3.example"), HEADERS).body == told


def test_a_proxy_with_a_dead_address_is_reached_at_the_next(proxied: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://proxy.example:{proxied.port}")
    both = Resolver(lambda host, port, **_: [_info("127.0.0.2", port), _info("127.0.0.1", port)])
    send = Transport(connect_timeout=5, read_timeout=5, resolver=both)
    assert send(request("http://s3.example"), HEADERS).body == b"through"


def test_a_tunnel_that_is_refused_is_not_asked_for_at_the_next_address(
    proxied: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied.answers = [answer(403)]
    monkeypatch.setenv("https_proxy", f"http://proxy.example:{proxied.port}")
    twice = Resolver(lambda host, port, **_: [_info("127.0.0.1", port), _info("127.0.0.2", port)])
    with pytest.raises(ProxyError, match=r"refused to connect .*403"):
        Transport(connect_timeout=5, read_timeout=5, resolver=twice)(request("https://s3.example"), HEADERS)


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_refuses_is_named_without_its_password(proxied: Scripted, status: int) -> None:
    proxied.answers = [answer(status)]
    with pytest.raises(ProxyError, match=rf"refused to connect to s3\.example:443 .*{status}") as caught:
        Transport(connect_timeout=5, read_timeout=5)(request("https://s3.example"), HEADERS)
    assert "p4ssw0rd" not in str(caught.value)


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ProxyError, match=r"through the proxy 127\.0\.0\.1:1 \(Connection refused\)"):
        Transport(connect_timeout=5, read_timeout=5)(request("http://s3.example"), HEADERS)


def test_a_tls_proxy_is_checked_by_its_name(monkeypatch: pytest.MonkeyPatch, ca: trustme.CA, bundle: str) -> None:
    with TLSServer(ca, "localhost") as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"https://localhost:{proxy.port}")
        send = Transport(connect_timeout=5, read_timeout=5, ca_bundle=bundle)
        assert send(request("http://s3.example"), HEADERS).body == b"secure"


def test_a_name_with_a_dead_address_is_reached_at_the_next() -> None:
    with Scripted([answer(body=b"here")]) as server:
        both = Resolver(lambda host, port, **_: [_info("127.0.0.2", port), _info("127.0.0.1", port)])
        send = transport(resolver=both)
        assert send(request(f"http://s3.example:{server.port}"), HEADERS).body == b"here"


def _info(address: str, port: int) -> tuple[object, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def test_however_many_addresses_hang_the_timeout_holds() -> None:
    with _Full() as port:
        many = Resolver(lambda host, port, **_: [_info(f"127.0.0.{n}", port) for n in range(1, 9)])
        send = transport(timeout=0.4, resolver=many)
        started = time.monotonic()
        with pytest.raises((ConnectTimeoutError, UnreachableError)):
            send(request(f"http://s3.example:{port}"), HEADERS)
        assert time.monotonic() - started < 2


class _Full:
    """A port whose queue of connections is full, so that one more is never answered."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("0.0.0.0", 0))
        self._listener.listen(0)
        port: int = self._listener.getsockname()[1]
        self._waiting = [socket.socket() for _ in range(4)]
        for waiting in self._waiting:
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        return port

    def __exit__(self, *_: object) -> None:
        for each in (*self._waiting, self._listener):
            each.close()


def test_a_connection_that_is_never_answered_is_a_timeout() -> None:
    with _Full() as port, pytest.raises(ConnectTimeoutError, match=r"127\.0\.0\.1:\d+ within 0\.2 s"):
        transport(timeout=0.2)(request(f"http://127.0.0.1:{port}"), HEADERS)


def test_a_name_without_any_address_is_unreachable() -> None:
    send = transport(resolver=Resolver(lambda host, port, **_: []))
    with pytest.raises(UnreachableError, match="has no address"):
        send(request("http://s3.example"), HEADERS)


def test_a_closed_transport_can_be_used_again() -> None:
    with Scripted([answer()]) as server:
        send = transport()
        send(request(server.url), HEADERS)
        send.close()
        send(request(server.url), HEADERS)
    assert server.connections == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_a_connection_of_its_own() -> None:
    with Scripted([answer()]) as server:
        send = transport()
        send(request(server.url), HEADERS)
        child = os.fork()
        if child == 0:
            try:
                send(request(server.url), HEADERS)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        send(request(server.url), HEADERS)
    assert [received.connection for received in server.requests] == [1, 2, 1]


def importing(code: str, path: Path) -> str:
    """What Python says on stderr when it imports the transport after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import timetrace.s3.transport"],
        env={**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{os.getcwd()}"},
        capture_output=True,
        text=True,
    )
    return done.stderr


def test_an_old_urllib3_is_told_with_its_version(tmp_path: Path) -> None:
    (tmp_path / "urllib3").mkdir()
    (tmp_path / "urllib3" / "__init__.py").write_text("__version__ = '1.26.18'\n")
    for name, content in {
        "connection": "HTTPConnection = HTTPSConnection = object",
        "exceptions": "HTTPError = Exception",
    }.items():
        (tmp_path / "urllib3" / f"{name}.py").write_text(content)
    told = importing("pass", tmp_path)
    assert "urllib3 2.2 or newer is needed to talk to S3, and this is 1.26.18" in told


def test_a_missing_urllib3_is_told_with_the_extra_to_install(tmp_path: Path) -> None:
    told = importing("import sys; sys.modules['urllib3'] = None", tmp_path)
    assert "MissingDependencyError: urllib3 2.2 or newer is needed" in told
    assert "pip install '.[s3]'" in told
