from __future__ import annotations

import ssl
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ConnectionClosedError, ReadTimeoutError, ResponseError
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Piece, Request, Response
from timetrace.s3.wire import PIECE, Reader, encode_head, parse_head, send

ENDPOINT = Endpoint("http", "h", None, "/b")
GET = Request("GET", ENDPOINT, "k")


class Pipe:
    """A socket whose other end has said `pieces` and closed."""

    def __init__(self, *pieces: bytes | OSError) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, OSError):
            raise piece
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]

    def recv_into(self, buffer: memoryview, /) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def settimeout(self, seconds: float) -> None:
        pass


def read(*pieces: bytes | OSError, request: Request = GET) -> tuple[Response, bool]:
    reader = Reader(Pipe(*pieces))
    response = reader.response(request)
    return response, reader.reusable


def test_a_request_is_its_line_its_headers_and_its_length() -> None:
    request = Request("PUT", ENDPOINT, "k", body=b"123")
    assert encode_head(request, "/b/k", {"host": "h", "x-amz-date": "now"}) == (
        b"PUT /b/k HTTP/1.1\r\nhost: h\r\nx-amz-date: now\r\ncontent-length: 3\r\n\r\n"
    )


def test_an_empty_put_says_that_it_is_empty() -> None:
    assert b"content-length: 0\r\n" in encode_head(Request("PUT", ENDPOINT, "k"), "/b/k", {})
    assert b"content-length" not in encode_head(GET, "/b/k", {})


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\ny", "a\ry"])
def test_no_header_smuggles_another(value: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        encode_head(GET, "/b/k", {"content-type": value})


def test_a_small_request_goes_out_in_one_send() -> None:
    pipe = Pipe()
    assert send(pipe, b"head", b"body", lambda: pytest.fail("asked"))
    assert pipe.sent == b"headbody"


def test_a_large_body_stops_when_the_server_has_answered() -> None:
    pipe = Pipe()
    spoken = iter([False, True])
    assert not send(pipe, b"", b"x" * (3 * PIECE), lambda: next(spoken))
    assert len(pipe.sent) == PIECE


class Deaf(Pipe):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def sendall(self, data: bytes) -> None:
        if data != b"head":
            raise self.error


@pytest.mark.parametrize("body", [b"small", b"x" * (PIECE + 1)], ids=["small", "large"])
def test_a_broken_pipe_leaves_the_answer_to_be_read(body: bytes) -> None:
    assert not send(Deaf(BrokenPipeError()), b"head", body, lambda: False)


@pytest.mark.parametrize("body", [b"small", b"x" * (PIECE + 1)], ids=["small", "large"])
def test_a_server_that_stops_reading_is_a_timeout(body: bytes) -> None:
    with pytest.raises(ReadTimeoutError, match="stopped reading"):
        send(Deaf(TimeoutError()), b"head", body, lambda: False)


@pytest.mark.parametrize("nothing", [BlockingIOError(), ssl.SSLWantReadError(2, ""), ssl.SSLWantWriteError(3, "")])
def test_a_socket_without_anything_for_us_has_not_spoken(nothing: OSError) -> None:
    assert not Reader(Pipe(nothing)).spoken()


@pytest.mark.parametrize("end", [b"\r\n", b"", ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "")])
def test_any_byte_and_any_end_of_a_connection_is_noticed(end: bytes | OSError) -> None:
    assert Reader(Pipe(end)).spoken()


def test_an_interim_answer_is_not_the_answer() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: HTTP/1.1 200\r\n\r\n"
    reader = Reader(Pipe(interim, b"HTTP/1.", b"1 403 No\r\nContent-Length: 2\r\n\r\n", b"no"))
    assert [reader.answered() for _ in range(3)] == [False, False, True]
    assert reader.response(GET) == Response(403, {"content-length": "2"}, b"no")
    assert reader.reusable


def test_a_server_that_hung_up_counts_as_one_that_answered() -> None:
    reader = Reader(Pipe(b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert [reader.answered(), reader.answered()] == [False, True]


def test_what_comes_while_a_body_is_sent_is_limited() -> None:
    reader = Reader(Pipe(*[b"x" * 60_000] * 9))
    assert [reader.answered() for _ in range(3)] == [False, False, True]
    with pytest.raises(ResponseError, match="longer than"):
        reader.response(GET)


def test_an_early_answer_has_been_heard_even_if_it_breaks_off() -> None:
    reader = Reader(Pipe(b"HTTP/1.1 403"))
    assert reader.answered()
    with pytest.raises(ConnectionClosedError):
        reader.response(GET)
    assert reader.heard


def test_a_slow_sink_is_not_a_slow_server() -> None:
    request = Request("GET", ENDPOINT, "k", receive=lambda headers: lambda piece: time.sleep(0.2))
    pipe = Pipe(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"a", b"b")
    assert Reader(pipe, patience=0.1).response(request).status == 200


class Slow(Pipe):
    """One that takes its time for each byte of a body."""

    def recv(self, size: int) -> bytes:
        if len(self.pieces[0]) == 1:  # type: ignore[arg-type]
            time.sleep(0.1)
        return super().recv(size)


def test_only_the_end_of_a_large_upload_may_be_slow() -> None:
    said = (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b" ", b" ", b"<", b">")
    with pytest.raises(ReadTimeoutError, match="less than 1024 bytes a second"):
        Reader(Slow(*said), patience=0.1).response(GET)
    assert Reader(Slow(*said), patience=0.1).response(Request("POST", ENDPOINT, "k")).body == b"  <>"


def test_an_answer_is_status_headers_and_body() -> None:
    response, reusable = read(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 3\r\n\r\nabc')
    assert response == Response(200, {"etag": '"x"', "content-length": "3"}, b"abc")
    assert reusable


@given(st.lists(st.integers(1, 40), max_size=20))
def test_it_does_not_matter_how_an_answer_is_cut_into_pieces(sizes: list[int]) -> None:
    whole = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole += b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n"
    pieces = []
    for size in sizes:
        pieces.append(whole[:size])
        whole = whole[size:]
    response, reusable = read(*[piece for piece in [*pieces, whole] if piece])
    assert (response.status, response.body, reusable) == (200, b"abcde", True)


def test_repeated_headers_are_joined() -> None:
    assert parse_head(b"HTTP/1.1 200 OK\r\nA: 1\r\na:  2 ")[2] == {"a": "1, 2"}


def test_a_status_line_may_lack_its_reason() -> None:
    assert parse_head(b"HTTP/1.1 200")[1] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 20",
        b"SSH-2.0-OpenSSH",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n: nameless",
        b"HTTP/1.1 200 OK\r\nA : 1",
        b"HTTP/1.1 200 OK\r\nA: 1\r\n folded",
        b"HTTP/1.1 200 OK\r\nA: 1\nB: 2",
        b"HTTP/1.1 200 OK\r\nA: \0",
    ],
)
def test_a_malformed_head_is_an_error(raw: bytes) -> None:
    with pytest.raises(ResponseError):
        parse_head(raw)


@given(st.binary(max_size=200))
def test_whatever_comes_is_an_answer_or_one_of_our_errors(junk: bytes) -> None:
    try:
        read(junk)
        read(b"HTTP/1.1 200 OK\r\n" + junk)
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + junk)
    except (ResponseError, ConnectionClosedError):
        pass


@pytest.mark.parametrize("length", ["x", "-1", "+1", "1.0", "1, 2", "9" * 19, "", "¹"])
def test_a_malformed_content_length_is_an_error(length: str) -> None:
    with pytest.raises(ResponseError, match="Content-Length"):
        read(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))


def test_the_same_content_length_twice_is_taken_once() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")[0].body == b"x"


@pytest.mark.parametrize("size", ["", "x", "-1", "0x1", "1 1", "f" * 16])
def test_a_malformed_chunk_size_is_an_error(size: str) -> None:
    with pytest.raises(ResponseError, match="chunk"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size.encode() + b"\r\nabc\r\n")


def test_a_chunk_longer_than_it_says_is_an_error() -> None:
    with pytest.raises(ResponseError, match="longer"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n")


def test_a_chunk_line_without_end_is_an_error() -> None:
    with pytest.raises(ResponseError, match="does not end"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 200_000)


def test_a_transfer_encoding_other_than_chunked_is_an_error() -> None:
    with pytest.raises(ResponseError, match="unknown transfer encoding"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")


def test_headers_without_end_are_an_error() -> None:
    with pytest.raises(ResponseError, match="longer than"):
        read(b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 50_000)


def test_one_interim_answer_after_another_is_an_error() -> None:
    with pytest.raises(ResponseError, match="1xx"):
        read(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20)


@pytest.mark.parametrize("cut", range(len(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde")))
def test_an_answer_cut_anywhere_is_no_answer(cut: int) -> None:
    with pytest.raises(ConnectionClosedError):
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"[:cut])


def test_chunks_cut_off_are_no_answer() -> None:
    with pytest.raises(ConnectionClosedError, match="between two chunks"):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")


def test_an_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    response, reusable = read(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 300\r\n\r\n", request=Request("HEAD", ENDPOINT, "k")
    )
    assert (response.status, response.body, reusable) == (404, b"", True)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    response, reusable = read(b"HTTP/1.1 200 OK\r\n\r\nab", b"c")
    assert (response.body, reusable) == (b"abc", False)
    assert read(b"HTTP/1.1 200 OK\r\n\r\n", b"c")[0].body == b"c"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore than promised",
    ],
)
def test_a_connection_is_not_used_again_after(raw: bytes) -> None:
    assert not read(raw)[1]


def test_silence_is_a_timeout_and_a_reset_a_broken_connection() -> None:
    with pytest.raises(ReadTimeoutError, match="silent"):
        read(TimeoutError())
    with pytest.raises(ConnectionClosedError, match="reset by peer"):
        read(ConnectionResetError(104, "Connection reset by peer"))


def test_content_goes_to_the_sink_in_pieces_and_is_not_kept() -> None:
    pieces: list[Piece] = []
    request = Request("GET", ENDPOINT, "k", receive=lambda headers: pieces.append)
    response, _ = read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", b"cd", request=request)
    assert (pieces, response.body) == ([b"ab", b"cd"], b"")


def test_the_body_of_a_refusal_never_goes_to_the_sink() -> None:
    request = Request("GET", ENDPOINT, "k", receive=lambda headers: pytest.fail("a sink was opened"))
    assert read(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nabcd", request=request)[0].body == b"abcd"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
        b"HTTP/1.1 200 OK\r\n\r\n12345678901",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
    ],
)
def test_a_document_over_the_limit_is_an_error(raw: bytes) -> None:
    with pytest.raises(ResponseError, match="limit"):
        read(raw, request=Request("GET", ENDPOINT, "", limit=10))
