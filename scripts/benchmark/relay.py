"""Counts the requests that a tool makes: a relay on loopback between it and the server. Nothing is timed through it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

SIZE = 1 << 16


class Counting:
    """What went by so far, as "PUT object" or "GET ?list-type"."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connections = 0
        self._lock = Lock()

    def add(self, head: bytes) -> None:
        with self._lock:
            self.requests[kind(head)] += 1

    def connected(self) -> None:
        with self._lock:
            self.connections += 1


def kind(head: bytes) -> str:
    """The method, and what it is about: an object, the bucket, or the first word of the query that names a call."""
    method, target = head.split(b" ", 2)[:2]
    path, _, query = target.decode("latin-1").partition("?")
    names = {part.partition("=")[0] for part in query.split("&")}
    for name in ("list-type", "location", "uploads", "uploadId", "delete", "marker", "prefix", "versioning"):
        if name in names:
            return f"{method.decode()} ?{'list' if name in ('list-type', 'marker', 'prefix') else name}"
    return f"{method.decode()} {'object' if path.strip('/').count('/') else 'bucket'}"


class Stream:
    """Reads one direction of a connection and hands on each byte as it comes."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self._source, self._target = source, target
        self._held = b""

    def _more(self) -> bool:
        piece = self._source.recv(SIZE)
        if piece:
            self._target.sendall(piece)
            self._held += piece
        return bool(piece)

    def until(self, mark: bytes) -> bytes | None:
        """Up to and with `mark`; None if the stream ended."""
        while mark not in self._held:
            if not self._more():
                return None
        found, _, self._held = self._held.partition(mark)
        return found + mark

    def skip(self, size: int) -> bool:
        while len(self._held) < size:
            size -= len(self._held)
            self._held = b""
            if not self._more():
                return False
        self._held = self._held[size:]
        return True


def _requests(client: socket.socket, server: socket.socket, counting: Counting) -> None:
    stream = Stream(client, server)
    while head := stream.until(b"\r\n\r\n"):
        counting.add(head)
        fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n")[1:] if line)
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            while (line := stream.until(b"\r\n")) and (size := int(line.split(b";")[0], 16)):
                stream.skip(size + 2)
            stream.until(b"\r\n")
        else:
            stream.skip(int(fields.get(b"content-length", b"0")))


def _answers(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while piece := server.recv(SIZE):
            client.sendall(piece)
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)


def _relay(client: socket.socket, port: int, counting: Counting) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        back = Thread(target=_answers, args=(server, client), daemon=True)
        back.start()
        with suppress(OSError):
            _requests(client, server, counting)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)
        back.join(10)


@contextmanager
def counting(port: int) -> Iterator[tuple[int, Counting]]:
    """A port that leads to `port`, and the count of what went through."""
    seen = Counting()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    seen.connected()
                    Thread(target=_relay, args=(client, port, seen), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], seen
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
