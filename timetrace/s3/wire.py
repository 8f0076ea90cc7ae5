"""HTTP/1.1 on a connected socket: one request out, one response in (RFC 9112).

It is here, and not left to http.client, because parsing an answer's few headers as an e-mail costs more
than signing the request.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from timetrace.errors import ConnectionClosedError, ReadTimeoutError, ResponseError
from timetrace.s3.http import Body, Headers, Piece, Request, Response, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 2**18
SLOWEST = 1024  # bytes a second, after the read timeout
COMPLETING = 300.0  # seconds in which the answer to a POST may be slower
MAX_HEAD = 2**16
MAX_INTERIM = 16
_CONTENT_LENGTH_DIGITS = 18
_FINAL = rb"(?m)^HTTP/\S+ [2-9]"
_NOT_YET = (2, 3)  # ssl.SSL_ERROR_WANT_READ and _WRITE: what came was not for us, as session tickets are not


class Socket(Protocol):
    def recv(self, size: int, /) -> bytes: ...

    def recv_into(self, buffer: memoryview, /) -> int: ...

    def sendall(self, data: bytes, /) -> None: ...

    def settimeout(self, seconds: float, /) -> None: ...


def encode_head(request: Request, target: str, headers: Headers) -> bytes:
    lines = [f"{request.method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if request.body or request.method in ("PUT", "POST"):
        lines.append(f"content-length: {len(request.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise ValueError("a header value must not contain a line end")
    return f"{head}\r\n\r\n".encode("latin-1")


def send(sock: Socket, head: bytes, body: bytes | Body, answered: Callable[[], bool]) -> bool:
    """Send everything and say so. It is False when the server hung up or spoke before it heard all.

    Then its answer may be waiting to be read: a refusal comes before the body of a large PUT is through.
    """
    try:
        if isinstance(body, bytes) and len(body) <= PIECE:
            sock.sendall(head + body)
            return True
        sock.sendall(head)
    except OSError as error:
        return _hung_up(error)
    for piece in _pieces(body) if isinstance(body, bytes) else body:
        if answered():
            return False
        try:
            sock.sendall(piece)
        except OSError as error:
            return _hung_up(error)
    return True


def _hung_up(error: OSError) -> bool:
    if isinstance(error, TimeoutError):
        raise ReadTimeoutError("the server stopped reading the request") from error
    return False


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


class Reader:
    """Reads answers from one socket. `heard` says whether any byte of the current one has come."""

    __slots__ = ("_buffer", "_memory", "_patience", "_received", "_sock", "_waited", "heard", "reusable")

    def __init__(self, sock: Socket, patience: float = 60.0) -> None:
        self._sock = sock
        self._patience = patience
        self._waited = 0.0
        self._received = 0
        self._buffer = b""
        self._memory: memoryview | None = None
        self.heard = False
        self.reusable = False

    def response(self, request: Request) -> Response:
        """The final answer to `request`. `reusable` then tells whether the socket may carry another."""
        self.heard, self.reusable = bool(self._buffer), False
        self._waited, self._received = 0.0, 0
        for _ in range(MAX_INTERIM):
            version, status, headers = parse_head(self._head())
            if status >= 200:
                break
        else:
            raise ResponseError("the server sent one interim answer (1xx) after another")
        if request.method == "POST":
            # S3 says 200 at once, and then blanks for as long as it puts a large object together.
            self._waited -= COMPLETING
        keep = "close" not in headers.get("connection", "").lower() and version != "HTTP/1.0"
        body, framed = self._body(request, status, headers)
        self.reusable = keep and framed and not self._buffer
        return Response(status, headers, body)

    def spoken(self, what: bytes = b"") -> bool:
        """Whether the server hung up, or said what matches since the last answer. It does not wait for it.

        What it said is kept for the next answer. Only reading tells: a socket is readable, too, when all that came
        are TLS 1.3's session tickets, and is not when what came lies within OpenSSL.
        """
        self._sock.settimeout(0)
        try:
            piece = self._sock.recv(MAX_HEAD - len(self._buffer))
        except OSError as error:
            return not isinstance(error, BlockingIOError) and error.errno not in _NOT_YET
        finally:
            self._sock.settimeout(self._patience)
        self._buffer += piece
        return not piece or bool(re.search(what, self._buffer))

    def answered(self) -> bool:
        """Whether the server hung up or began its answer; interim ones (1xx) are none."""
        return self.spoken(_FINAL)

    def _recv(self, size: int) -> bytes:
        started = monotonic()
        try:
            piece = self._sock.recv(size)
        except OSError as error:
            raise _broken(error) from error
        self._note(started, len(piece))
        return piece

    def _recv_piece(self) -> memoryview:
        """Up to PIECE bytes, in memory that is used again: to get new memory takes as long as to fill it."""
        if self._memory is None:
            self._memory = memoryview(bytearray(PIECE))
        started = monotonic()
        try:
            received = self._sock.recv_into(self._memory)
        except OSError as error:
            raise _broken(error) from error
        self._note(started, received)
        return self._memory[:received]

    def _note(self, started: float, received: int) -> None:
        self._waited += monotonic() - started  # and not what a slow sink takes
        self._received += received
        # A socket's own timeout begins anew with each byte, so an answer that drips would never end.
        if self._waited > self._patience + self._received / SLOWEST:
            raise ReadTimeoutError(f"the answer came at less than {SLOWEST} bytes a second")

    def _head(self) -> bytes:
        buffer = self._buffer
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            if len(buffer) > MAX_HEAD:
                raise ResponseError(f"the answer's headers are longer than {MAX_HEAD} bytes")
            piece = self._recv(MAX_HEAD)
            if not piece:
                raise ConnectionClosedError(
                    "the server closed the connection in the middle of an answer's headers"
                    if buffer
                    else "the server closed the connection without an answer"
                )
            self.heard = True
            buffer += piece
        self._buffer = buffer[end + 4 :]
        return buffer[:end]

    def _body(self, request: Request, status: int, headers: Headers) -> tuple[bytes, bool]:
        if request.method == "HEAD" or status in (204, 304):
            return b"", True
        pieces: Iterator[Piece]
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].strip().lower() != "chunked":
                raise ResponseError("the answer has an unknown transfer encoding")
            pieces, framed, length = self._chunks(), True, None
        elif (length := content_length(headers)) is not None:
            pieces, framed = self._exactly(length), True
        else:
            pieces, framed = self._until_close(), False
        if request.receive is not None and status in (200, 206):
            deliver(pieces, request.receive(headers))
            return b"", framed
        if length is not None and length > request.limit:
            raise ResponseError(f"the answer's body of {length} bytes is over the limit of {request.limit}")
        return collect(pieces, request.limit), framed

    def _exactly(self, length: int) -> Iterator[Piece]:
        left = length
        while left:
            piece: Piece = self._buffer
            if not piece:
                piece = self._recv_piece() if left >= PIECE else self._recv(left)
            if not piece:
                raise ConnectionClosedError(f"the answer broke off after {length - left} of {length} bytes")
            self._buffer, piece = self._buffer[left:], piece[:left]
            left -= len(piece)
            yield piece

    def _until_close(self) -> Iterator[Piece]:
        piece, self._buffer = self._buffer, b""
        while piece or (piece := self._recv(PIECE)):
            yield piece
            piece = b""

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise ResponseError("a chunk's line in the answer does not end")
            piece = self._recv(MAX_HEAD)
            if not piece:
                raise ConnectionClosedError("the answer broke off between two chunks")
            self._buffer += piece
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _chunks(self) -> Iterator[Piece]:
        while size := _chunk_size(self._line()):
            yield from self._exactly(size)
            if self._line():
                raise ResponseError("a chunk in the answer is longer than it says")
        left = MAX_HEAD
        while line := self._line():  # trailers, which nobody needs
            left -= len(line) + 2
            if left < 0:
                raise ResponseError("the answer's trailers do not end")


def _broken(error: OSError) -> ReadTimeoutError | ConnectionClosedError:
    if isinstance(error, TimeoutError):
        return ReadTimeoutError("the server fell silent")
    return ConnectionClosedError(f"the connection broke: {error.strerror or error}")


def deliver(pieces: Iterator[Piece], sink: Sink) -> None:
    for piece in pieces:
        sink(piece)


def collect(pieces: Iterator[Piece], limit: int) -> bytes:
    first, rest = bytes(next(pieces, b"")), bytearray()  # and no list: it would take fifty bytes for a chunk of one
    limit -= len(first)
    for piece in pieces:
        limit -= len(piece)
        if limit < 0:
            break
        rest += piece
    if limit < 0:
        raise ResponseError("the answer's body is over the limit")
    return first + rest if rest else first


def parse_head(head: bytes) -> tuple[str, int, dict[str, str]]:
    """HTTP version, status and headers of a head without its last, empty line."""
    text = head.decode("latin-1")
    first, *lines = text.split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if (
        version not in ("HTTP/1.1", "HTTP/1.0")
        or not (status.isascii() and status.isdigit())
        or len(rest) < 3
        or rest[3:4] not in ("", " ")
    ):
        raise ResponseError("the answer is no HTTP", hint="check the endpoint's port, and http or https")
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ResponseError("the answer has a malformed header")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ResponseError("the answer has a malformed header")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return version, int(status), headers


def content_length(headers: Headers) -> int | None:
    text = headers.get("content-length")
    if text is None:
        return None
    lengths = {part.strip() for part in text.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > _CONTENT_LENGTH_DIGITS:
        raise ResponseError("the answer's Content-Length is malformed")
    return int(length)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or any(byte not in b"0123456789abcdefABCDEF" for byte in digits):
        raise ResponseError("a chunk's size in the answer is malformed")
    return int(digits, 16)
