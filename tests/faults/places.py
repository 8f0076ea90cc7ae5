"""Ways to the server that are blocked: by name lookups, addresses, certificates and proxies."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event, Thread
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.server import Faulty
from tests.scripted import Answer, Scripted, answer, reset
from timetrace.s3.network import Resolver

PASSWORD = "PASSWORDmarked"
YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """How a store finds the server. `environ` is for proxies."""

    url: str
    resolver: Resolver | None = None
    ca_bundle: str | None = None
    environ: dict[str, str] = field(default_factory=dict)


Blocked = Callable[[Faulty, Path], Iterator[Place]]


def plain(bucket: Faulty, folder: Path) -> Iterator[Place]:
    yield Place(bucket.url)


def refused(bucket: Faulty, folder: Path) -> Iterator[Place]:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{unheard.getsockname()[1]}")


def hanging(bucket: Faulty, folder: Path) -> Iterator[Place]:
    with _full("127.0.0.1", 0) as port:
        yield Place(f"http://127.0.0.1:{port}")


@contextmanager
def _full(address: str, port: int) -> Iterator[int]:
    """A port whose queue of connections is full, so that one more is never answered."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def _info(address: str, port: int) -> tuple[object, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


def first_address_hangs(bucket: Faulty, folder: Path) -> Iterator[Place]:
    with _full("127.0.0.2", bucket.port):
        both = Resolver(lambda host, port, **_: [_info("127.0.0.2", port), _info("127.0.0.1", port)])
        yield Place(f"http://s3.example:{bucket.port}", both)


def first_address_refuses(bucket: Faulty, folder: Path) -> Iterator[Place]:
    both = Resolver(lambda host, port, **_: [_info("127.0.0.2", port), _info("127.0.0.1", port)])
    yield Place(f"http://s3.example:{bucket.port}", both)


def unknown_name(number: int) -> Blocked:
    def place(bucket: Faulty, folder: Path) -> Iterator[Place]:
        def fail(*_: object, **__: object) -> list[Any]:
            raise socket.gaierror(number, "Name or service not known" if number == socket.EAI_NONAME else "Try again")

        yield Place("http://s3.example", Resolver(fail))

    return place


def silent_lookup(bucket: Faulty, folder: Path) -> Iterator[Place]:
    over = Event()

    def hang(*_: object, **__: object) -> list[Any]:
        over.wait(60)
        return []

    yield Place("http://s3.example", Resolver(hang))
    over.set()


def certificate(kind: str) -> Blocked:
    """A server over TLS whose certificate is `kind`."""

    def place(bucket: Faulty, folder: Path) -> Iterator[Place]:
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        bundle = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        if kind == "self-signed":
            _self_signed(folder / "own.pem")
            context.load_cert_chain(folder / "own.pem")
        elif kind == "of a stranger":
            trustme.CA().issue_cert("localhost").configure_cert(context)
        else:
            name = "other.example" if kind == "of another name" else "localhost"
            issued = authority.issue_cert(name, not_after=YESTERDAY if kind == "expired" else None)
            issued.configure_cert(context)
        with _tls(context) as port:
            yield Place(f"https://localhost:{port}", ca_bundle=str(bundle))

    return place


def _self_signed(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(YESTERDAY)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    built = built.not_valid_after(YESTERDAY + timedelta(days=9)).add_extension(names, critical=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + built.sign(key, hashes.SHA256()).public_bytes(pem))


@contextmanager
def _tls(context: ssl.SSLContext) -> Iterator[int]:
    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw, suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(answer(500))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def no_tls(bucket: Faulty, folder: Path) -> Iterator[Place]:
    def serve() -> None:
        with suppress(OSError):
            while True:
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(answer(400, b"Client sent an HTTPS request to an HTTP server"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, daemon=True).start()
        yield Place(f"https://localhost:{listener.getsockname()[1]}")


def proxy(told: Answer, scheme: str = "https") -> Blocked:
    """A proxy with a password that answers so, whatever it is asked for."""

    def place(bucket: Faulty, folder: Path) -> Iterator[Place]:
        with Scripted([told]) as server:
            url = f"http://user:{PASSWORD}@127.0.0.1:{server.port}"
            yield Place(f"{scheme}://inside.example", environ={f"{scheme}_proxy": url})

    return place


def dead_proxy(bucket: Faulty, folder: Path) -> Iterator[Place]:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://user:{PASSWORD}@127.0.0.1:{unheard.getsockname()[1]}"
        yield Place("https://inside.example", environ={"https_proxy": url})


PROXY_WANTS_MORE = answer(407, f"user:{PASSWORD} is not allowed".encode(), ["Proxy-Authenticate: Basic"])
PROXY_IS_BROKEN = answer(502, b"<html>Bad gateway</html>")
PROXY_BREAKS_OFF = reset
