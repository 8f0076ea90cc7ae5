"""A bucket behind a loopback socket that one fault befalls."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from tests.bucket import Bucket
from tests.scripted import Answer, Received

Hits = Callable[[str, str, Mapping[str, str]], bool]
"""Whether a request, by method, target and lowercase headers, is the one that a fault befalls."""

Spoil = Callable[[bytes, "Faulty"], Answer]
"""From the true answer to what is said instead."""


@dataclass
class Faulty(Bucket):
    """`spoil` makes the answer to what `hits`, `times` over (None: always).

    With `undone` such a request is not carried out; `interrupt` takes the connection before the request is read.
    `after` is what happens to an idle connection; `closed` is set then. `elsewhere` is where redirects lead, `offset`
    where an answer is cut, `told` the last true answer that was spoilt.
    """

    hits: Hits = lambda method, target, headers: True
    spoil: Spoil | None = None
    undone: bool = False
    interrupt: Callable[[socket.socket], None] | None = None
    after: Callable[[socket.socket], None] | None = None
    times: int | None = None
    elsewhere: str = ""
    offset: int = 0
    told: bytes = b""
    closed: Event = field(default_factory=Event)
    befallen: bool = False

    def __enter__(self) -> Faulty:
        super().__enter__()
        return self

    def _receive(self, connection: socket.socket, number: int) -> Received | None:
        if self.after and self.requests and not self.befallen:
            self.befallen = True  # first: the client may come again before the next line is through
            self.after(connection)
            self.closed.set()
            raise ConnectionAbortedError
        if self.interrupt:
            head = connection.recv(65536, socket.MSG_PEEK).decode("latin-1").partition("\r\n\r\n")[0]
            if head and self._strikes(Received(head, b"", number)):
                self.interrupt(connection)
                raise ConnectionAbortedError
        return super()._receive(connection, number)

    def _strikes(self, received: Received) -> bool:
        method, target, _ = received.line.split()
        if self.times == 0 or not self.hits(method, target, received.headers):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _answer(self, received: Received) -> bytes:
        if not self.spoil or not self._strikes(received):
            return super()._answer(received)
        told = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if self.undone else super()._answer(received)
        if received.line.startswith("HEAD"):
            told = told.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.told = told
        return self.spoil(told, self)  # type: ignore[return-value]  # what serves it takes functions too
