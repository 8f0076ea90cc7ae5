"""What whoever attacks us can reach, as functions of bytes: each raises where a promise is broken.

Hypothesis drives them with shaped input in this folder's tests, `scripts/fuzz` with input that coverage guides.
"""

# ruff: noqa: PT017  (a target makes assertions wherever it ends)

from __future__ import annotations

import atexit
import contextlib
import gzip
import io
import ntpath
import os
import posixpath
import shutil
import tempfile
import zlib
from collections.abc import Callable
from datetime import datetime, timezone

from timetrace.cli.parser import build_parser
from timetrace.errors import CassetteError, ConfigError, IntegrityError, InvalidKeyError, RequestError, ResponseError
from timetrace.s3 import document
from timetrace.s3.endpoint import Endpoint, parse_endpoint_url, resolve_endpoint
from timetrace.s3.failure import error_from
from timetrace.s3.http import Piece, Request, Response, http_date
from timetrace.s3.listing import ListObjectsV2
from timetrace.s3.multipart import CompleteMultipartUpload, CreateMultipartUpload, ListMultipartUploads
from timetrace.s3.network import parse_proxy
from timetrace.s3.operations import DeleteObjects
from timetrace.s3.wire import MAX_HEAD, Reader, content_length, parse_head
from timetrace.storage import S3Config, cassettes, keys, packing
from timetrace.storage.keys import Patterns
from timetrace.text import visible

ENDPOINT = Endpoint("http", "h", None, "/b")
SECRET = "SECRETmarked/wJalrXUtnFEMI+K7MDENG"
LIMIT = 4096


def _text(data: bytes) -> str:
    """As the system gives names, arguments and variables: what is no UTF-8 becomes lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _one_printable_line(text: str) -> None:
    assert visible(text) == text
    assert len(text.splitlines()) <= 1


def xml(data: bytes) -> None:
    """A document or a ResponseError; no more text than there was, so no entity was expanded."""
    try:
        root = document.parse(data, "Error")
    except ResponseError:
        return
    told = "".join(root.itertext())
    assert len(told) <= len(data)
    assert len(told.encode("utf-8", "surrogatepass")) <= len(data)
    assert b"<!DOCTYPE" not in data


def listing(data: bytes) -> None:
    """A page or a ResponseError; never a key outside of the prefix, nor a token that leads in circles."""
    for asked in (ListObjectsV2(), ListObjectsV2("p/", token="t"), ListObjectsV2("p/", encoded=False)):
        try:
            page = asked.parse(Response(200, {}, data))
        except ResponseError:
            continue
        assert page.token is None or (page.token and page.token != asked.token)
        for found in page.objects:
            assert found.key
            assert found.key.startswith(asked.prefix)
            found.key.encode()
            assert found.size >= 0
            with contextlib.suppress(ResponseError):
                assert found.last_modified.tzinfo is timezone.utc


def multipart(data: bytes) -> None:
    """An upload's id, an ETag, the keys that were not deleted; or a ResponseError."""
    answer = Response(200, {}, data)
    with contextlib.suppress(ResponseError):
        assert CreateMultipartUpload("k", "text/plain").parse(answer)
    with contextlib.suppress(ResponseError):
        CompleteMultipartUpload("k", "u", ["e"]).parse(answer)
    with contextlib.suppress(ResponseError):
        DeleteObjects(["k"], ("content-md5", "x")).parse(answer)


def uploads(data: bytes) -> None:
    """A page of unfinished uploads, or a ResponseError; none outside of the prefix, and no page leads to itself."""
    for asked in (
        ListMultipartUploads(),
        ListMultipartUploads("p/", ("p/a", "u")),
        ListMultipartUploads("p/", encoded=True),
    ):
        try:
            page = asked.parse(Response(200, {}, data))
        except ResponseError:
            continue
        assert page.after is None or (page.after[0] and page.after != asked.after)
        for found in page.uploads:
            assert found.key.startswith(asked.prefix)
            found.key.encode()


def failure(data: bytes) -> None:
    """Status, headers, an empty line and a body: one error on one line, without the secret."""
    head, _, body = data.partition(b"\n\n")
    status, _, lines = head.decode("latin-1").partition("\n")
    pairs = (line.partition(": ") for line in lines.split("\n"))
    headers = {name.lower(): value for name, _, value in pairs if name}
    number = 300 + int(status) % 300 if status.isascii() and status.isdigit() and len(status) < 9 else 403
    error = error_from(Request("GET", ENDPOINT, "k"), Response(number, headers, body), [SECRET])
    _one_printable_line(str(error))
    for told in (str(error), repr(error), error.code, error.message, error.request_id, error.region or ""):
        assert SECRET not in told
    assert error.retry_after is None or error.retry_after >= 0
    assert error.region is None or len(error.region) < 64


def head(data: bytes) -> None:
    """Version, status and headers, or a ResponseError."""
    try:
        version, status, headers = parse_head(data)
    except ResponseError:
        return
    assert version in ("HTTP/1.1", "HTTP/1.0")
    assert 0 <= status <= 999
    for name, value in headers.items():
        assert name == name.lower() == name.strip(" \t") != ""
        assert not {"\r", "\n", "\0"} & {*name, *value}
    with contextlib.suppress(ResponseError):
        length = content_length(headers)
        assert length is None or 0 <= length < 10**18


class _Socket:
    """Gives `data` in pieces of `size` bytes, then the end."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file = io.BytesIO(data)
        self._size = size

    def recv(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._size))

    def recv_into(self, buffer: memoryview, /) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def sendall(self, data: bytes, /) -> None:
        return None

    def settimeout(self, seconds: float, /) -> None:
        return None


def answer(data: bytes) -> None:
    """A whole answer, in pieces whose size the first byte says: a Response within the limit, or an error of ours."""
    if not data:
        return
    size, sent = data[0] * 16 + 1, data[1:]
    delivered = bytearray()
    for request in (
        Request("GET", ENDPOINT, "k", limit=LIMIT),
        Request("HEAD", ENDPOINT, "k"),
        Request("GET", ENDPOINT, "k", limit=LIMIT, receive=lambda headers: delivered.extend),
    ):
        delivered.clear()
        reader = Reader(_Socket(sent, size))
        try:
            told = reader.response(request)
        except RequestError as error:
            _one_printable_line(str(error))
        else:
            assert told.status >= 200
            assert len(told.body) <= LIMIT
            assert sum(map(len, told.headers)) <= len(sent)
        assert len(delivered) <= len(sent)
        assert not reader.reusable or len(sent) < MAX_HEAD or size > 1


def path(data: bytes) -> None:
    """A key that is taken lies, by the system's own rules, below the folder and where no other key lies."""
    key = _text(data)
    if not keys.posix_refusal(key):
        place = f"/root/{key}"
        assert posixpath.normpath(posixpath.join("/root", key)) == place
        assert posixpath.commonpath(["/root", place]) == "/root"
    if not keys.windows_refusal(key):
        native = key.replace("/", "\\")
        place = ntpath.normpath(ntpath.join("C:\\root", native))
        assert place == f"C:\\root\\{native}"
        assert ntpath.splitdrive(place) == ("C:", f"\\root\\{native}")
        assert not any(part != part.rstrip(" .") for part in native.split("\\"))
        reserved = getattr(ntpath, "isreserved", None)  # Python 3.13
        assert not (reserved and reserved(native))


_FOLDER = tempfile.mkdtemp(prefix="timetrace-hostile-")
atexit.register(shutil.rmtree, _FOLDER, True)
_CREDENTIALS = os.path.join(_FOLDER, "credentials")
_EMPTY = os.path.join(_FOLDER, "none")


def _resolved(variable: str, data: bytes) -> tuple[S3Config | None, str]:
    with open(_CREDENTIALS, "wb") as file:
        file.write(data)
    places = {"AWS_CONFIG_FILE": _EMPTY, "AWS_SHARED_CREDENTIALS_FILE": _EMPTY, variable: _CREDENTIALS}
    try:
        return S3Config.from_env(places, bucket="bucket"), ""
    except ConfigError as error:
        told = [str(error), repr(error)]
        cause = error.__cause__ or error.__context__
        while cause:
            told += [str(cause), repr(cause)]
            cause = cause.__cause__ or cause.__context__
        return None, "\n".join(told)


def credentials(data: bytes) -> None:
    """A credentials file: keys or a ConfigError, which shows no word of the file."""
    found, told = _resolved("AWS_SHARED_CREDENTIALS_FILE", data)
    if found:
        assert bool(found.access_key) == bool(found.secret_key)
        for secret in (found.secret_key, found.session_token):
            assert not secret or (secret.isascii() and secret.isprintable())
            marked = "SECRETmarked" in (secret or "") and "SECRETmarked" not in (found.access_key or "")
            assert not marked or "SECRETmarked" not in repr(found)
    assert "SECRETmarked" not in told


def profile(data: bytes) -> None:
    """A config file: settings or a ConfigError of one line."""
    _, told = _resolved("AWS_CONFIG_FILE", data)
    for line in told.split("\n"):
        _one_printable_line(line)


def uri(data: bytes) -> None:
    """An `s3://` URI: bucket and key, of which it is made up; or an InvalidKeyError."""
    text = _text(data)
    try:
        found = keys.parse_uri(text)
    except InvalidKeyError as error:
        _one_printable_line(str(error))
        return
    assert (found is not None) == text.startswith("s3://")
    if found:
        bucket, key = found
        assert f"s3://{bucket}/{key}" == text
        assert "/" not in bucket


def url(data: bytes) -> None:
    """An endpoint's or a proxy's URL: a host and a port, or a ConfigError without what stands before the `@`."""
    text = _text(data)
    for parse in (
        parse_endpoint_url,
        lambda url: resolve_endpoint("bucket", region="us-east-1", endpoint_url=url, addressing_style="virtual"),
        lambda url: resolve_endpoint("bucket", region="us-east-1", endpoint_url=url, addressing_style="path"),
    ):
        try:
            found = parse(text)
        except ConfigError as error:
            _one_printable_line(str(error))
            assert "SECRETmarked" not in str(error) or "SECRETmarked" in text.rpartition("@")[2]
            continue
        assert found.scheme in ("http", "https")
        assert f"{found.authority}{found.base_path}".isascii()
        assert not {*" \r\n\t@?#\\"} & {*found.authority, *found.base_path}
    try:
        proxy = parse_proxy(text)
    except ConfigError as error:
        assert "SECRETmarked" not in str(error)
        return
    assert 0 <= proxy.port < 65536
    assert "@" not in proxy.host
    assert not {*"\r\n"} & {*(proxy.authorization or "")}
    assert "SECRETmarked" not in repr(proxy) or "SECRETmarked" in proxy.host.upper()


_PARSER = build_parser()


def arguments(data: bytes) -> None:
    """Arguments, parted by line ends: a Namespace, or help (0), or a usage error (2) on lines that are visible."""
    argv = _text(data).split("\n")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            _PARSER.parse_args(argv)
        except SystemExit as ended:
            assert ended.code in (0, 2)
            assert bool(err.getvalue()) == (ended.code == 2)
    assert visible(err.getvalue().replace("\n", "")) == err.getvalue().replace("\n", "")


def globs(data: bytes) -> None:
    """Patterns, an empty line, a key: taken or not, or a ConfigError."""
    written, _, key = _text(data).partition("\n\n")
    some = tuple(written.split("\n"))[:4]
    try:
        takes = Patterns(include=some[:2], exclude=some[2:]).matcher()
    except ConfigError as error:
        _one_printable_line(str(error))
        return
    assert takes(key) in (True, False)


def gunzip(data: bytes) -> None:
    """Gzip of strangers: what the standard library makes of it, and little; or an error of ours."""
    with contextlib.suppress(CassetteError):
        cassettes.decode("a.json.gz", data, LIMIT)
    try:
        ours: bytes | None = bytes(packing.gunzipped(data, LIMIT))
    except (IntegrityError, EOFError, zlib.error):
        ours = None
    assert ours is None or len(ours) <= LIMIT
    with contextlib.suppress(EOFError, OSError, zlib.error), gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        assert ours is None or ours == file.read(LIMIT + 1)


def unpack(data: bytes) -> None:
    """An object that we packed, in pieces whose size the first byte says; and one that only says that we did."""
    size, content = (data[0] + 1, data[1:]) if data else (1, b"")
    assert _unpacked(packing.packed(content), size) == content
    with contextlib.suppress(IntegrityError):
        got = _unpacked(content, size)
        assert len(got) <= 2**20
        assert got == gzip.decompress(content)


def _unpacked(data: bytes, size: int) -> bytes:
    pieces: list[Piece] = []
    unpacker = packing.Unpacker(pieces.append, 2**20)
    for start in range(0, len(data), size):
        unpacker(data[start : start + size])
    unpacker.finish()
    return b"".join(pieces)


def date(data: bytes) -> None:
    """Date and Retry-After: a time in UTC, seconds, or nothing."""
    text = data.decode("latin-1")
    found = http_date(text)
    assert found is None or (found.tzinfo is timezone.utc and found >= datetime.min.replace(tzinfo=timezone.utc))
    for now in ("Thu, 15 Jan 2026 10:00:00 GMT", text):
        told = Response(503, {"date": now, "retry-after": text}, b"")
        wait = error_from(Request("GET", ENDPOINT, "k"), told).retry_after
        assert wait is None or 0 <= wait < 10**12


def shown(data: bytes) -> None:
    """A name as it is shown: one line, nothing that a terminal acts on, and the same if shown again."""
    text = visible(_text(data))
    assert len(text.splitlines()) <= 1
    assert visible(text) == text
    text.encode()


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function
    for function in (
        xml,
        listing,
        multipart,
        uploads,
        failure,
        head,
        answer,
        path,
        credentials,
        profile,
        uri,
        url,
        arguments,
        globs,
        gunzip,
        unpack,
        date,
        shown,
    )
}

_CONTENTS = (
    "<Contents><Key>p/a%2B.json</Key><LastModified>2026-01-15T10:00:00.000Z</LastModified>"
    "<ETag>&quot;9b&quot;</ETag><Size>12</Size></Contents>"
)
_LIST = (
    '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true'
    f"</IsTruncated><NextContinuationToken>n</NextContinuationToken><EncodingType>url</EncodingType>{_CONTENTS}"
    "</ListBucketResult>"
)
_UPLOADS = (
    "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>p/b</NextKeyMarker><NextUploadIdMarker>v"
    "</NextUploadIdMarker><Upload><Key>p/a%2B.json</Key><UploadId>u</UploadId><Initiated>2026-01-15T10:00:00.000Z"
    "</Initiated></Upload></ListMultipartUploadsResult>"
)
_ERROR = f"<Error><Code>AccessDenied</Code><Message>{SECRET} &#27;[2J</Message><Region>eu-west-1</Region></Error>"
_DATE = b"Thu, 15 Jan 2026 10:00:00 GMT"

SEEDS: dict[str, list[bytes]] = {
    "xml": [
        _ERROR.encode(),
        b'<?xml version="1.0" encoding="UTF-16"?><Error/>',
        b'<!DOCTYPE e [<!ENTITY k "vvvv">]><Error>&k;&k;</Error>',
        b"<Error>" + b"<a>" * 20,
        b"<Error>&k;<![CDATA[x]]></Error>",
        _ERROR.encode("utf-16"),
    ],
    "listing": [_LIST.encode(), _LIST.replace("p/", "..%2F").encode(), _LIST.replace("2026", "99999").encode()],
    "multipart": [
        b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
        b"<CompleteMultipartUploadResult><ETag>&quot;9b-2&quot;</ETag></CompleteMultipartUploadResult>",
        b"<DeleteResult><Error><Key>k</Key><Code>c</Code><Message>m</Message></Error></DeleteResult>",
    ],
    "uploads": [
        _UPLOADS.encode(),
        _UPLOADS.replace("<Key>", "<EncodingType>url</EncodingType><Key>%2e%2e%FF").encode(),
        _UPLOADS.replace("<IsTruncated>", "<EncodingType>url</EncodingType><IsTruncated>").encode(),
        _UPLOADS.replace("p/b", "p/a").replace(">v<", ">u<").encode(),
    ],
    "failure": [
        b"403\nDate: " + _DATE + b"\nx-amz-request-id: R\n\n" + _ERROR.encode(),
        f"103\nRetry-After: 3\nx-amz-bucket-region: {SECRET}\n\n".encode(),
        f"3\nx-amz-request-id: {SECRET}\x1b[2J\ndate: x\n\n<html>".encode(),
    ],
    "head": [b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: x", b"HTTP/1.0 404\r\na: b\r\na: c\r\n b"],
    "answer": [
        b"\x03HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"\x00HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\na: b\r\n\r\n",
        b"\xffHTTP/1.0 503 No\r\nConnection: close\r\n\r\n<html>",
    ],
    "path": [
        b"a/b.json",
        b"../x",
        b"a\\..\\b",
        b"CON.json",
        b"c:/x",
        b"a/ /b. ",
        b"//h/s",
        b"\xff",
        b"a\0b",
        b"COM\xc2\xb9",
    ],
    "credentials": [
        f"[default]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n".encode(),
        f"[default]\n{SECRET}\n[x".encode(),
        f"\xef\xbb\xbf[default]\naws_access_key_id=A\naws_secret_access_key=\n  {SECRET}\n".encode("latin-1"),
    ],
    "profile": [
        b"[default]\nregion = x\ns3 =\n  addressing_style = path\nservices = x\n[services x]\ns3 =\n  endpoint_url = http://h\n",
        b"[default]\nregion = \x1b[2J\nmax_attempts = x\nca_bundle = y\n",
        b'[profile "default"]\nrole_arn = x\n[default]\nendpoint_url=http://u:p@h\n',
    ],
    "uri": [b"s3://bucket/a/b.json", b"s3://", b"s3:///k", b"s3://b/\x1b", b"a.json", b"s3://b/\xff"],
    "url": [
        b"http://h:9000/base",
        b"https://[::1]:9000",
        f"http://user:{SECRET}@h:1".encode(),
        f"user:{SECRET}@h".encode(),
        b"http://h\r\nx",
        b"http://u\xff:p@h",
        b"http://h:99999",
        f"user:{SECRET}@x://user".encode(),
    ],
    "arguments": [
        b"s3\nlist\n-b\nbucket\n-n\n5\n--long",
        b"s3\nsync\nup\n-d\nx\n--dry-run\n--json",
        b"s3\ndownload\nk\n-o\n-",
        b"--version",
        b"s3\nurl\nk\n--expires\n\x1b[2J",
        b"s3\nrm\n--yes\n--\n-x",
        b"s3\nlist\n\x1b[2J",
        b"\x1b[2J",
    ],
    "globs": [b"*.json\n*.yaml\nx/*\n[!a]b?\n\nx/a.json", b"[\n\na", b"*a*a*a*a*a*b\n\naaaaaaaaaaaaaaaaaaaaaaaa"],
    "gunzip": [
        gzip.compress(b'{"a": 1}', mtime=0),
        gzip.compress(b"{", mtime=0) + gzip.compress(b"}", mtime=0) + b"\0\0",
        gzip.compress(b"0" * 9999, mtime=0),
        gzip.compress(b"{}", mtime=0)[:-3],
    ],
    "unpack": [b"\x05{}", b"\x01" + packing.packed(b"0" * 999), b"\x01" + packing.packed(b"0" * 999)[:-2]],
    "date": [_DATE, b"120", b"Thu, 15 Jan 99999999999999999999 10:00:00 GMT", b"Fri, 31 Dec 9999 23:59:59 GMT"],
    "shown": [b"a\x1b[2Jb", "\u202egnp.exe".encode(), b"\xff\xfe", "\u2028\x85\x0b".encode()],
}
"""Where `scripts/fuzz` begins; each has been one of the tests too."""
