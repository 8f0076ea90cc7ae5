"""A server on a loopback socket that says, byte for byte, what a test tells it to."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock, Thread
from types import TracebackType

Answer = bytes | Callable[[socket.socket], None]


@dataclass
class Received:
    """One request as it came: `head` without its last empty line, and its whole body."""

    head: str
    body: bytes
    connection: int

    @property
    def line(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def headers(self) -> dict[str, str]:
        pairs = (line.partition(": ") for line in self.head.split("\r\n")[1:])
        return {name.lower(): value for name, _, value in pairs}


def answer(status: int = 200, body: bytes = b"", headers: Iterable[str] = (), *, length: int | None = None) -> bytes:
    """An answer with a correct Content-Length, unless `length` says otherwise."""
    lines = [f"HTTP/1.1 {status} Whatever", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: int, code: str, message: str = "told so", extra: str = "") -> bytes:
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message>{extra}</Error>"
    return answer(status, xml.encode(), ["x-amz-request-id: REQ1"])


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@dataclass
class Scripted:
    """Gives `answers` one a request, in order; the last one again and again.

    An answer is bytes to send, or a function that does with the connection what it likes and, if it leaves it
    open, ends it. After bytes the connection stays open unless `close` is set.
    """

    answers: list[Answer]
    close: bool = False
    host: str = "127.0.0.1"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Scripted:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._lock = Lock()
        self._open: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection:
            try:
                while received := self._receive(connection, number):
                    with self._lock:
                        self.requests.append(received)
                        told = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if not isinstance(told, bytes):
                        told(connection)
                        return
                    connection.sendall(told)
                    if self.close:
                        return
            except OSError:
                return

    def _receive(self, connection: socket.socket, number: int) -> Received | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        received = Received(head.decode("latin-1"), body, number)
        left = int(received.headers.get("content-length", "0")) - len(body)
        while left > 0:
            piece = connection.recv(min(left, 65536))
            if not piece:
                return None
            received.body += piece
            left -= len(piece)
        return received
