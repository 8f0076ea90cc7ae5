import socket
from threading import Thread

import pytest
from benchmark import relay


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"PUT /bucket/a/b.json HTTP/1.1", "PUT object"),
        (b"GET /bucket/a.json HTTP/1.1", "GET object"),
        (b"HEAD /bucket/ HTTP/1.1", "HEAD bucket"),
        (b"GET /bucket?list-type=2&prefix=a%2F HTTP/1.1", "GET ?list"),
        (b"GET /bucket?prefix=a&marker=b HTTP/1.1", "GET ?list"),
        (b"GET /bucket?location= HTTP/1.1", "GET ?location"),
        (b"POST /bucket/a?uploads HTTP/1.1", "POST ?uploads"),
        (b"PUT /bucket/a?partNumber=1&uploadId=x HTTP/1.1", "PUT ?uploadId"),
        (b"POST /bucket?delete HTTP/1.1", "POST ?delete"),
    ],
)
def test_requests_are_told_apart(line: bytes, kind: str) -> None:
    assert relay.kind(line + b"\r\nHost: x\r\n\r\n") == kind


def through(sent: bytes) -> tuple[bytes, relay.Counting]:
    """What arrives of `sent` behind the relay, and the count."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        arrived = bytearray()

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                while piece := peer.recv(65536):
                    arrived.extend(piece)

        thread = Thread(target=serve)
        thread.start()
        with relay.counting(server.getsockname()[1]) as (port, seen):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(sent)
            thread.join(10)
    return bytes(arrived), seen


def test_bodies_that_look_like_requests_are_not_counted() -> None:
    body = b"GET /bucket/no HTTP/1.1\r\n\r\n"
    sent = b"PUT /bucket/a HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    arrived, seen = through(sent + sent + b"HEAD /bucket/a HTTP/1.1\r\n\r\n")
    assert arrived == sent + sent + b"HEAD /bucket/a HTTP/1.1\r\n\r\n"
    assert seen.requests == {"PUT object": 2, "HEAD object": 1}
    assert seen.connections == 1


def test_chunked_bodies_are_passed_over() -> None:
    chunked = b"PUT /bucket/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n"
    arrived, seen = through(chunked + b"GET /bucket/a HTTP/1.1\r\n\r\n")
    assert arrived == chunked + b"GET /bucket/a HTTP/1.1\r\n\r\n"
    assert seen.requests == {"PUT object": 1, "GET object": 1}
