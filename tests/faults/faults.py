"""The faults: what goes wrong, how often, and which operations it can befall."""

from __future__ import annotations

import hashlib
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.faults import places
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.server import Faulty, Spoil
from tests.scripted import Answer, answer, error, reset

SILENCE = 0.1
"""Timeout in seconds, where there is nothing to wait for but its end."""


@dataclass(frozen=True)
class Fault:
    """`times` is how often it happens, None for always. `patience` is the timeout in seconds that the store has."""

    name: str
    spoil: Spoil | None = None
    undone: bool = False
    interrupt: Callable[[socket.socket], None] | None = None
    after: Callable[[socket.socket], None] | None = None
    place: places.Blocked = places.plain
    times: int | None = None
    patience: float = 10
    every_cut: bool = False
    befalls: Callable[[Operation], bool] = lambda operation: True

    @property
    def is_blocked(self) -> bool:
        """Whether no request gets through, so that it befalls the first one, whatever that is."""
        return self.place is not places.plain


def cells() -> list[tuple[Fault, Operation]]:
    return [(fault, operation) for fault in FAULTS for operation in OPERATIONS if fault.befalls(operation)]


# Which operations


def _once_each(operation: Operation) -> bool:
    """For what befalls any request: a sync need not meet it at its listing and at its file."""
    return operation.name not in ("sync up: put", "sync down: get")


def _first(operation: Operation) -> bool:
    """For what befalls the first request after a pause."""
    return _once_each(operation) and operation.name not in ("multipart: part", "multipart: complete", "get in ranges")


def _not_listed_before(operation: Operation) -> bool:
    """A sync reads its listing as `list` does: no need to cut it hundreds of times more."""
    return not (operation.is_sync and operation.lists)


def _lists(operation: Operation) -> bool:
    return operation.lists


def _xml(operation: Operation) -> bool:
    return operation.answer == "xml"


def _content(operation: Operation) -> bool:
    return operation.answer == "content"


def _with_body(operation: Operation) -> bool:
    return operation.answer != "none"


def _body_or_put(operation: Operation) -> bool:
    return operation.name != "head"


def _with_etag(operation: Operation) -> bool:
    return operation.answer == "content" or operation.name in ("put", "head", "multipart: part", "sync up: put")


def _drips(operation: Operation) -> bool:
    return _with_body(operation) and _not_listed_before(operation)


def _puts(operation: Operation) -> bool:
    return operation.name in ("put", "multipart: part", "sync up: put")


# What is done to an answer


def _instead(told: Answer) -> Spoil:
    return lambda true, bucket: told


def _end(connection: socket.socket, told: bytes) -> None:
    """Say this, and close when it has been heard."""
    with suppress(OSError):
        connection.sendall(told)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while connection.recv(65536):
            pass


def _middle(true: bytes) -> int:
    return max(len(true.partition(b"\r\n\r\n")[0]) // 2, len(true) - 9)


def _reset_in_it(true: bytes, bucket: Faulty) -> Answer:
    def tell(connection: socket.socket) -> None:
        connection.sendall(true[: _middle(true)])
        reset(connection)

    return tell


def _cut(true: bytes, bucket: Faulty) -> Answer:
    return lambda connection: _end(connection, true[: bucket.offset])


def _stalled(true: bytes, bucket: Faulty) -> Answer:
    def tell(connection: socket.socket) -> None:
        connection.sendall(true[: _middle(true)])
        connection.settimeout(2)
        with suppress(OSError):
            connection.recv(1)  # until the client has had enough

    return tell


def _dripping(true: bytes, bucket: Faulty) -> Answer:
    def tell(connection: socket.socket) -> None:
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 20:
                connection.sendall(bytes([byte]))
                time.sleep(SILENCE / 5)

    return tell


def _dripping_body(true: bytes, bucket: Faulty) -> Answer:
    """More than a second for what is less than a kilobyte, and never silent for long."""
    head, _, body = true.partition(b"\r\n\r\n")

    def tell(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(head + b"\r\n\r\n")
            for byte in body:
                connection.sendall(bytes([byte]))
                time.sleep(1.2 / len(body))

    return tell


def _oversized(head: bytes, before: bytes = b"", after: bytes = b"", end: bytes = b"") -> Spoil:
    """The right document, and then blanks, more than the limit allows and all of them sent."""

    def spoil(true: bytes, bucket: Faulty) -> Answer:
        def tell(connection: socket.socket) -> None:
            with suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
                for piece in (true.partition(b"\r\n\r\n")[2], *[b" " * 2**20] * 17):
                    connection.sendall((before % len(piece) if before else b"") + piece + after)
                _end(connection, end)

        return tell

    return spoil


def _length(change: Callable[[int], int]) -> Spoil:
    def spoil(true: bytes, bucket: Faulty) -> Answer:
        head, _, body = true.partition(b"\r\n\r\n")
        head = re.sub(rb"\r\ncontent-length: \d+", b"", head, flags=re.IGNORECASE)
        told = head + b"\r\nContent-Length: %d\r\n\r\n" % change(len(body)) + body
        return lambda connection: _end(connection, told)

    return spoil


def _and_more(true: bytes, bucket: Faulty) -> Answer:
    return lambda connection: _end(connection, true + b"and more")


def _damaged(true: bytes, bucket: Faulty) -> Answer:
    return true[:-2] + bytes([true[-2] ^ 1]) + true[-1:]


def _wrong_etag(true: bytes, bucket: Faulty) -> Answer:
    return re.sub(rb'ETag: "[^"]*"', b'ETag: "%s"' % hashlib.md5(b"other").hexdigest().encode(), true)


def _wrong_etag_of_a_stranger(true: bytes, bucket: Faulty) -> Answer:
    """The same for an object that another program stored, without timetrace's own hash."""
    return re.sub(rb"\r\nx-amz-meta-timetrace-sha256: [^\r]*", b"", _wrong_etag(true, bucket))  # type: ignore[arg-type]


def _no_etag(true: bytes, bucket: Faulty) -> Answer:
    return re.sub(rb'\r\nETag: "[^"]*"', b"", true)


def _after_interim(true: bytes, bucket: Faulty) -> Answer:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    return lambda connection: _end(connection, interim + true)


def _interim_for_ever(true: bytes, bucket: Faulty) -> Answer:
    return lambda connection: _end(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 20)


def _body(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda true, bucket: answer(body=change(true.partition(b"\r\n\r\n")[2]))


def _nested(body: bytes) -> bytes:
    tag = re.search(rb"<(\w+)>", body)
    assert tag
    return body.replace(tag[0], tag[0] + b"<a>" * 40 + b"</a>" * 40, 1)


def _with_doctype(body: bytes) -> bytes:
    return b'<!DOCTYPE a [<!ENTITY k "../evil">]>' + body


def _more_pages(token: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(b"<IsTruncated>false</IsTruncated>", b"<IsTruncated>true</IsTruncated>" + token)


def _entry(key: bytes) -> Callable[[bytes], bytes]:
    more = b"<Contents><Key>%s</Key><Size>1</Size><ETag>e</ETag></Contents></ListBucketResult>" % key
    return lambda body: body.replace(b"</ListBucketResult>", more)


def _twice(body: bytes) -> bytes:
    """With each object listed twice in a row, if there is one."""
    return re.sub(rb"(<Contents>.*?</Contents>)", rb"\1\1", body)


def _redirect(status: int, location: Callable[[Faulty], str]) -> Spoil:
    return lambda true, bucket: answer(status, headers=[f"Location: {location(bucket)}/bucket/a.json"])


def _early_refusal(connection: socket.socket) -> None:
    """A refusal before the request is read, and a connection that is closed with what came of it unread."""
    connection.sendall(error(403, "AccessDenied"))
    connection.shutdown(socket.SHUT_WR)


def _half(connection: socket.socket) -> None:
    connection.recv(len(connection.recv(65536, socket.MSG_PEEK)) // 2)
    reset(connection)


def _close(connection: socket.socket) -> None:
    connection.close()


def _close_at_once(connection: socket.socket) -> None:
    """Close cleanly, but only when the next request has come."""
    connection.recv(65536)
    connection.close()


def _reset_at_once(connection: socket.socket) -> None:
    connection.recv(1, socket.MSG_PEEK)
    reset(connection)


def _both(name: str, **how: object) -> list[Fault]:
    """The fault once, and for ever."""
    return [Fault(f"{name}, once", times=1, **how), Fault(f"{name}, always", **how)]  # type: ignore[arg-type]


def _answered(name: str, told: bytes) -> list[Fault]:
    return _both(name, spoil=_instead(told), undone=True)


SLOW = error(503, "SlowDown", "Please reduce your request rate.")

FAULTS: tuple[Fault, ...] = (
    # The way to the server
    Fault("connection refused", place=places.refused, befalls=_once_each),
    Fault("connect hangs", place=places.hanging, patience=SILENCE, befalls=_once_each),
    Fault("name unknown", place=places.unknown_name(socket.EAI_NONAME), befalls=_once_each),
    Fault("name server fails", place=places.unknown_name(socket.EAI_AGAIN), befalls=_once_each),
    Fault("name server is silent", place=places.silent_lookup, patience=SILENCE, befalls=_once_each),
    Fault(
        "first address hangs, second answers",
        place=places.first_address_hangs,
        patience=2 * SILENCE,
        befalls=_once_each,
    ),
    Fault("first address refuses, second answers", place=places.first_address_refuses, befalls=_once_each),
    Fault("certificate of another name", place=places.certificate("of another name"), befalls=_once_each),
    Fault("certificate expired", place=places.certificate("expired"), befalls=_once_each),
    Fault("certificate self-signed", place=places.certificate("self-signed"), befalls=_once_each),
    Fault("certificate of an unknown authority", place=places.certificate("of a stranger"), befalls=_once_each),
    Fault("https to a plain http port", place=places.no_tls, befalls=_once_each),
    Fault("proxy refuses CONNECT: 407", place=places.proxy(places.PROXY_WANTS_MORE), befalls=_once_each),
    Fault("proxy refuses CONNECT: 502", place=places.proxy(places.PROXY_IS_BROKEN), befalls=_once_each),
    Fault("proxy breaks off", place=places.proxy(places.PROXY_BREAKS_OFF), befalls=_once_each),
    Fault("proxy for http answers 407", place=places.proxy(places.PROXY_WANTS_MORE, "http"), befalls=_once_each),
    Fault("proxy for http answers 502", place=places.proxy(places.PROXY_IS_BROKEN, "http"), befalls=_once_each),
    Fault("proxy is not there", place=places.dead_proxy, befalls=_once_each),
    # The connection
    *_both("reset before the request is read", interrupt=reset),
    *_both("reset in the middle of the request", interrupt=_half),
    *_both("reset in the middle of the answer", spoil=_reset_in_it),
    Fault("answer cut, at each of its bytes", spoil=_cut, times=1, every_cut=True, befalls=_not_listed_before),
    *_both("answer stalls", spoil=_stalled, patience=SILENCE),
    Fault("answer drips for ever", spoil=_dripping, patience=SILENCE),
    Fault("body drips", spoil=_dripping_body, patience=SILENCE, befalls=_drips),
    Fault("kept connection closed while idle", after=_close, befalls=_first),
    Fault("kept connection reset while idle", after=reset, befalls=_first),
    Fault("kept connection closed as the request comes", after=_close_at_once, befalls=_first),
    Fault("kept connection reset as the request comes", after=_reset_at_once, befalls=_first),
    Fault("early 403 and a closed connection", interrupt=_early_refusal),
    Fault("1xx answers before the answer", spoil=_after_interim),
    Fault("1xx answers without end", spoil=_interim_for_ever, undone=True),
    Fault("no HTTP", spoil=_instead(b"220 mail.example ESMTP\r\n\r\n"), undone=True),
    # Answers that say that it is the server's trouble
    *_answered("400 RequestTimeout", error(400, "RequestTimeout")),
    *_answered("408", answer(408)),
    *_answered("429 without Retry-After", answer(429)),
    *_answered("429 with Retry-After: 7", answer(429, headers=["Retry-After: 7"])),
    *_answered("429 with Retry-After: 3600", answer(429, headers=["Retry-After: 3600"])),
    *_answered("500 InternalError", error(500, "InternalError")),
    *_answered("502 with a page of HTML", answer(502, b"<html><h1>502 Bad Gateway</h1></html>")),
    Fault("503 SlowDown, once", _instead(SLOW), undone=True, times=1),
    Fault("503 SlowDown, twice", _instead(SLOW), undone=True, times=2),
    Fault("503 SlowDown, always", _instead(SLOW), undone=True),
    *_both("504 although it was done", spoil=_instead(answer(504, b"<html>Gateway timeout</html>"))),
    *_both("200 with <Error>", spoil=_instead(error(200, "InternalError")), undone=True, befalls=_xml),
    Fault("200 of something that is no S3 server", _instead(answer(body=b"<html>Sign in</html>")), undone=True),
    # Answers that are wrong
    Fault("200 without an ETag, and nothing stored", _no_etag, undone=True, befalls=_puts),
    Fault("200 without an ETag, but stored", _no_etag, befalls=_puts),
    Fault("wrong ETag", _wrong_etag, befalls=_with_etag),
    Fault("wrong ETag, and no hash of timetrace's", _wrong_etag_of_a_stranger, befalls=_content),
    *_both("content damaged", spoil=_damaged, befalls=_content),
    *_both("Content-Length too long", spoil=_length(lambda true: true + 5), befalls=_body_or_put),
    *_both("Content-Length too short", spoil=_length(lambda true: true - 5), befalls=_with_body),
    Fault("more bytes than promised", _and_more),
    Fault("XML: garbage", _body(lambda body: b"\x00\xff<<<"), befalls=_xml),
    Fault("XML: truncated", _body(lambda body: body[:-9]), befalls=_xml),
    Fault("XML: oversized, as its length says", _instead(answer(length=17 * 2**20)), befalls=_xml),
    Fault(
        "XML: oversized, in chunks",
        _oversized(b"Transfer-Encoding: chunked", b"%x\r\n", b"\r\n", b"0\r\n\r\n"),
        befalls=_xml,
    ),
    Fault("XML: oversized, until the connection ends", _oversized(b"Connection: close"), befalls=_xml),
    Fault("XML: too deep", _body(_nested), befalls=_xml),
    Fault("XML: with a DOCTYPE", _body(_with_doctype), befalls=_xml),
    Fault(
        "listing repeats a token",
        _body(_more_pages(b"<NextContinuationToken>0</NextContinuationToken>")),
        befalls=_lists,
    ),
    Fault("listing goes on without a token", _body(_more_pages(b"")), befalls=_lists),
    Fault("listing has a key outside the prefix", _body(_entry(b"other/c.json")), befalls=_lists),
    Fault("listing has keys twice", _body(_twice), befalls=_lists),
    # Redirects
    Fault("redirect to another host", _redirect(307, lambda bucket: bucket.elsewhere), undone=True),
    Fault(
        "redirect to another port",
        _redirect(301, lambda bucket: bucket.elsewhere.replace("localhost", "127.0.0.1")),
        undone=True,
    ),
    Fault(
        "redirect to another scheme",
        _redirect(302, lambda bucket: bucket.elsewhere.replace("http:", "https:")),
        undone=True,
    ),
)
