"""Certificates of a private authority, and a proxy through which the names in them lead to this machine."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import trustme

from tests.servers.server import DOMAIN, Certificate


def issue(folder: Path) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", DOMAIN, f"*.{DOMAIN}")
    certificate = Certificate(*(str(folder / name) for name in ("ca.pem", "chain.pem", "key.pem")))
    authority.cert_pem.write_to_path(certificate.ca)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(certificate.chain, append=True)
    issued.private_key_pem.write_to_path(certificate.key)
    return certificate


class ConnectProxy:
    """An HTTP proxy that takes every host for 127.0.0.1. `targets` are the hosts and ports it was asked for."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.targets: list[str] = []

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._connect, args=(connection,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            method, target = head.decode("latin-1").split(" ")[:2]
            if method != "CONNECT":
                client.sendall(b"HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n")
                return
            self.targets.append(target)
            port = int(target.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                _relay(client, server)


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [])[0]:
            piece = source.recv(65536)
            if not piece:
                return
            (other if source is one else one).sendall(piece)


@contextmanager
def connect_proxy() -> Iterator[ConnectProxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = ConnectProxy(listener)
        Thread(target=proxy.serve, daemon=True).start()
        yield proxy
