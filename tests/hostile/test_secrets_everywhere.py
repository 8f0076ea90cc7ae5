"""Every error path that can be driven here, with marked secrets: none is in anything that anybody can see.

Local variables of frames are not searched: what signs a request holds the secret while it does. SECURITY.md says so.
"""

from __future__ import annotations

import ast
import base64
import json
import logging
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import Answer, Scripted, answer, error, reset
from tests.test_secrets import BASIC, PASSWORD, SECRET, TOKEN, assert_clean, signatures, told_by
from timetrace.errors import RequestError, TimetraceError
from timetrace.s3.credentials import Credentials
from timetrace.s3.multipart import Upload
from timetrace.s3.network import parse_proxy
from timetrace.storage import S3Config, S3Store
from timetrace.storage.parts import Parts
from timetrace.text import redacted

ROOT = Path(__file__).parent.parent.parent
QUOTED = urllib.parse.quote(TOKEN, safe="")


def _parrot(status: int, form: str) -> Callable[[Any], bytes]:
    """An answer made of the request it answers: `form` has places for the token, the signature and all headers."""

    def tell(received: Any) -> bytes:
        sent = received.headers
        signed = sent.get("authorization", "")
        told = form.format(
            token=sent.get("x-amz-security-token", ""),
            quoted=QUOTED,
            authorization=signed,
            signature=signed.rpartition("=")[2],
            secret=SECRET,
            basic=BASIC,
            password=PASSWORD,
        )
        head, _, body = told.partition("|")
        return answer(status, body.encode(), [line for line in head.split("\n") if line])

    return tell


def _message(inner: str) -> str:
    return f"|<Error><Code>InvalidRequest</Code><Message>You sent {inner} to us</Message></Error>"


PARROTS = {
    "message: token": _parrot(400, _message("{token}")),
    "message: quoted token": _parrot(400, _message("{quoted}")),
    "message: authorization": _parrot(403, _message("{authorization}")),
    "message: secret": _parrot(403, _message("{secret}")),
    "message: token cut off": _parrot(403, _message("x" * 280 + "{token}")),
    "message: basic": _parrot(403, _message("Basic {basic}")),
    "code": _parrot(400, "|<Error><Code>Bad{token}</Code></Error>"),
    "code: signature": _parrot(500, "|<Error><Code>{signature}</Code></Error>"),
    "region": _parrot(400, "|<Error><Code>PermanentRedirect</Code><Region>{signature}</Region></Error>"),
    "region header": _parrot(301, "x-amz-bucket-region: {signature}|"),
    "request id": _parrot(403, "x-amz-request-id: {token}|"),
    "request id: authorization": _parrot(503, "x-amz-request-id: {authorization}|"),
    "date": _parrot(403, "Date: {token}\nRetry-After: {token}|"),
    "hidden in 200": _parrot(200, _message("{token} {authorization}")),
    "location": _parrot(307, "Location: http://{signature}.example/{quoted}|"),
    "etag": _parrot(200, "ETag: {token}|"),
    "listing": _parrot(
        200, "|<ListBucketResult><Contents><Key>{token}</Key><Size>{token}</Size></Contents></ListBucketResult>"
    ),
    "listing: time": _parrot(
        200,
        "|<ListBucketResult><Contents><Key>k</Key><Size>1</Size><LastModified>{token}</LastModified></Contents></ListBucketResult>",
    ),
    "uploads": _parrot(
        200,
        "|<ListMultipartUploadsResult><Upload><Key>{token}</Key><UploadId>{token}</UploadId>"
        "<Initiated>2026-01-15T10:00:00Z</Initiated></Upload></ListMultipartUploadsResult>",
    ),
    "uploads: time": _parrot(
        200,
        "|<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId>"
        "<Initiated>{token}</Initiated></Upload></ListMultipartUploadsResult>",
    ),
    "upload id": _parrot(
        200,
        "|<InitiateMultipartUploadResult><UploadId>{token}{signature}</UploadId></InitiateMultipartUploadResult>",
    ),
    "entity": _parrot(403, "|<Error>&{signature};</Error>"),
    "broken XML": _parrot(200, "|<{signature}"),
    "page": _parrot(502, "|<html>{authorization} {token}</html>"),
    "encoding": _parrot(200, "Transfer-Encoding: {token}|"),
    "deletion": _parrot(
        200,
        "|<DeleteResult><Error><Key>a.json</Key><Code>{signature}</Code><Message>{token}</Message></Error></DeleteResult>",
    ),
}


# To whoever reads an object these answers are its content, which an error about its JSON may hold.
CONTENTS = (
    *("hidden in 200", "listing", "listing: time", "broken XML", "deletion"),
    *("uploads", "uploads: time", "upload id"),
)
LARGE = b"0123456789" * 6
RANGE = 40  # bytes; what is larger goes up in parts and comes down in ranges


class Parrot(Bucket):
    """A bucket that says back what it was sent, but for requests that are `spared`."""

    parrot: Callable[[Any], bytes] | None = None
    spared: Callable[[Any], bool] | None = None

    def __enter__(self) -> Parrot:
        super().__enter__()
        return self

    def _answer(self, received: Any) -> bytes:
        if self.parrot and not (self.spared and self.spared(received)):
            return self.parrot(received)
        return super()._answer(received)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "timetrace")
    return lambda: [caplog.text, *(repr(vars(record)) for record in caplog.records)]


def keys(**more: Any) -> dict[str, Any]:
    return {"access_key": "AKID", "secret_key": SECRET, "session_token": TOKEN, "max_attempts": 2, **more}


def sparing(bucket: Parrot, spared: Callable[[Any], bool], call: Callable[[], object]) -> Callable[[], object]:
    """The call, with true answers to what it begins with."""

    def do() -> object:
        bucket.spared = spared
        try:
            return call()
        finally:
            bucket.spared = None

    return do


def calls(store: S3Store, bucket: Parrot, folder: Path, told: list[object]) -> dict[str, Callable[[], object]]:
    file = folder / "a.json"
    begun = Upload("a.json", "id", "2026-01-15T10:00:00Z")
    return {
        "stale_uploads": lambda: [*store.stale_uploads()],
        "abort_upload": lambda: store.abort_upload(begun),
        "multipart: create": lambda: store.write_bytes("large.json", LARGE),
        "multipart: part": sparing(
            bucket,
            lambda received: received.line.startswith("POST"),
            lambda: store.write_bytes("large.json", LARGE),
        ),
        "multipart: complete": sparing(
            bucket,
            lambda received: "uploads=" in received.line or received.line.startswith("PUT"),
            lambda: store.write_bytes("large.json", LARGE),
        ),
        "multipart: abort": sparing(
            bucket,
            lambda received: "uploads=" in received.line,
            lambda: store.write_bytes("large.json", LARGE),
        ),
        "ranges": sparing(
            bucket,
            lambda received: "range" not in received.headers,
            lambda: store.download("stored.json", folder / "new" / "stored.json"),
        ),
        "read": lambda: store.read("a.json"),
        "read_bytes": lambda: store.read_bytes("a.json"),
        "write": lambda: store.write("a.json", {}),
        "stat": lambda: store.stat("a.json"),
        "exists": lambda: store.exists("a.json"),
        "delete": lambda: store.delete("a.json"),
        "list": lambda: [str(found.last_modified) for found in store.objects()],
        "upload": lambda: store.upload(file),
        "download": lambda: store.download("a.json", folder / "new" / "b.json"),
        "upload_files": lambda: store.upload_files([(file, "a.json")], on_result=told.append),
        "download_files": lambda: store.download_files(["a.json"], folder / "new", on_result=told.append),
        "delete_files": lambda: store.delete_files(["a.json"], on_result=told.append),
        "sync up": lambda: store.sync_upload(folder, on_result=told.append, on_progress=told.append),
        "sync up --delete": lambda: store.sync_upload(folder, delete=True, force=True, on_result=told.append),
        "sync down": lambda: store.sync_download(folder, on_result=told.append, on_progress=told.append),
        "sync --verify": lambda: store.sync_download(folder, verify=True, on_result=told.append),
    }


def seen(problem: BaseException | None) -> Iterator[str]:
    if problem is not None:
        yield from told_by(problem)


@pytest.mark.parametrize("parrot", PARROTS)
def test_what_a_server_sends_back_of_our_secrets_does_not_reach_the_caller(
    logged: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parrot: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "a.json").write_text("{}")
    raised = 0
    told: list[object] = []
    with Parrot() as bucket, bucket.store(**keys()) as store:
        client = store._objects.client
        client._sleep = lambda seconds: None
        parts = Parts(client, threshold=RANGE, part_size=RANGE, concurrency=1)
        store._objects = store._objects._replace(parts=parts)
        bucket.objects["stored.json"] = Stored(LARGE)
        bucket.parrot = PARROTS[parrot]
        for name, call in calls(store, bucket, tmp_path, told).items():
            result: object = None
            try:
                result = call()
            except (TimetraceError, OSError) as problem:  # no other is the caller's to see
                raised += 1
                if name == "read" and parrot in CONTENTS:
                    continue
                assert_clean(told_by(problem), *signatures(bucket), QUOTED)
            shown = [] if isinstance(result, (dict, list, bytes)) else [repr(result), str(result)]
            if parrot not in ("listing", "etag", "uploads"):  # those are what is stored, and not a word about it
                assert_clean([*shown, repr(told)], *signatures(bucket), QUOTED)
            for item in [*told, *getattr(result, "failed", ()), *getattr(result, "refused", ())]:
                assert_clean(seen(getattr(item, "error", None)), *signatures(bucket), QUOTED)
        assert signatures(bucket)
        assert_clean(logged(), *signatures(bucket), QUOTED)
    assert raised or told


def test_the_rest_of_what_it_says_is_told() -> None:
    with Parrot() as bucket, bucket.store(**keys(max_attempts=1)) as store:
        bucket.parrot = PARROTS["message: token"]
        with pytest.raises(RequestError) as caught:
            store.read_bytes("a.json")
    assert str(caught.value) == ("GET s3://bucket/a.json: 400 InvalidRequest: You sent [redacted] to us")


def test_secrets_too_short_to_be_any_do_not_make_messages_unreadable() -> None:
    assert redacted("the test failed", ["test"]) == "the test failed"
    assert redacted("a 12345678 b", ["12345678"]) == "a [redacted] b"
    assert redacted("Basic dXNlcjpwYXNz and Basic auth", []) == "Basic [redacted] and Basic auth"


@pytest.mark.parametrize("form", ["a/b+c=d*é.", "a%2Fb%2Bc%3Dd%2A%C3%A9.", "a%2fb%2bc%3dd*%c3%a9.", "a/b%2Bc%3Dd*é."])
def test_a_secret_is_known_in_each_percent_encoding(form: str) -> None:
    assert redacted(f"<{form}>", ["a/b+c=d*é."]) == "<[redacted]>"


def test_a_secret_is_known_as_xml_writes_it() -> None:
    assert redacted("<a&amp;b&lt;c&#62;d&quot;e>", ['a&b<c>d"e']) == "<[redacted]>"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "told",
    [
        f"HTTP/1.1 407 Basic {BASIC}\r\nContent-Length: 0\r\n\r\n".encode(),
        f"HTTP/1.1 407 not you, user:{PASSWORD}\r\nContent-Length: 0\r\n\r\n".encode(),
        error(403, "Denied", f"user:{PASSWORD} is not allowed"),
        error(403, f"Basic{BASIC}", f"Proxy-Authorization: Basic {BASIC}"),
        answer(403, headers=[f"x-amz-request-id: {BASIC}"]),
        answer(403, headers=[f"x-amz-request-id: {PASSWORD}"]),
        f"{BASIC}\r\n\r\n".encode(),
        f"HTTP/1.1 {PASSWORD}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{PASSWORD}\r\n\r\n".encode(),
        f"HTTP/1.1 407 {PASSWORD * 6000}".encode(),
        reset,
    ],
    ids=["reason", "password", "XML", "XML basic", "id", "id password", "no HTTP", "status", "header", "long", "reset"],
)
def test_what_a_proxy_sends_back_of_its_password(
    logged: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, told: Answer, scheme: str
) -> None:
    with Scripted([told], close=True) as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        config = S3Config("bucket", endpoint_url=f"{scheme}://inside.example", **keys(max_attempts=1))
        with S3Store(config) as store, pytest.raises(RequestError, match="GET s3://bucket") as caught:
            store.read_bytes("a.json")
        assert BASIC in proxy.requests[0].head
        assert_clean(told_by(caught.value), *signatures(proxy))
    assert_clean(logged(), *signatures(proxy))


def test_values_that_hold_secrets_do_not_show_them() -> None:
    config = S3Config("bucket", **keys())
    proxy = parse_proxy(f"http://user:{PASSWORD}@h:1")
    held = Credentials("AKID", SECRET, TOKEN)
    assert (config.secret_key, held.session_token, proxy.authorization) == (SECRET, TOKEN, f"Basic {BASIC}")
    for value in (config, held, proxy, [config], {"a": held}):
        assert_clean([repr(value), str(value), f"{value}", f"{value!s:>5}", ascii(value)])
    with pytest.raises(TypeError, match="S3Config"):
        json.dumps(config)
    with S3Store(config) as store:
        assert_clean([repr(store), str(store), repr(store.config), repr(store._objects)])


CHILD = """
import sys
started = []
def hook(event, args):
    if event.startswith(("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn")):
        started.append((event, args))
sys.addaudithook(hook)
from timetrace.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print("STARTED", started, file=sys.stderr)
sys.exit(code)
"""


def run(environ: dict[str, str], *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, "s3", *args],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


COMMANDS = [
    ["list"],
    ["cat", "a.json"],
    ["upload", "a.json"],
    ["download", "a.json", "-o", "new/"],
    ["download", "a.json", "b.json", "-o", "many"],
    ["sync", "up", "-d", "."],
    ["sync", "down", "-d", "down"],
    ["rm", "--yes", "a.json"],
    ["rm", "a.json"],
    ["cleanup", "--yes", "--older-than", "0s"],
]


@pytest.mark.parametrize("options", [["-v", "--debug"], ["--json", "--debug"], ["-q"]], ids=" ".join)
@pytest.mark.parametrize("parrot", ["none", "message: authorization", "message: token", "request id", "hidden in 200"])
def test_no_command_prints_a_secret_or_starts_a_process(tmp_path: Path, parrot: str, options: list[str]) -> None:
    (tmp_path / "a.json").write_text("{}")
    with Parrot() as bucket:
        bucket.objects["cassettes/b.json"] = Stored(b"{}")
        bucket.parrot = PARROTS.get(parrot)
        environ = {
            "TIMETRACER_S3_ENDPOINT": bucket.url,
            "TIMETRACER_S3_BUCKET": "bucket",
            "TIMETRACER_S3_MAX_ATTEMPTS": "1",
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "NO_PROXY": "*",
            "HTTP_PROXY": f"http://user:{PASSWORD}@127.0.0.1:1",
        }
        for command in COMMANDS:
            done = run(environ, *command, *options, cwd=tmp_path)
            assert done.stderr.endswith("STARTED []\n")
            assert_clean([done.stdout, done.stderr], *signatures(bucket), QUOTED)
            if parrot != "none" and command not in (["rm", "a.json"],):
                usage = command[0] == "cat" and "--json" in options
                assert done.returncode == (2 if usage else 1), (command, done.stderr)
        assert signatures(bucket)


@pytest.mark.parametrize("options", [["-v", "--debug"], ["--json", "--debug"]], ids=" ".join)
@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_SECRET_ACCESS_KEY": SECRET},
        {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": f"{SECRET} "},
        {"TIMETRACER_S3_ENDPOINT": f"http://user:{PASSWORD}@h"},
        {"TIMETRACER_S3_ENDPOINT": f"{PASSWORD}:x@http://h"},
        {"HTTP_PROXY": f"http://user:{PASSWORD}@h:port"},
        {"HTTP_PROXY": f"ftp://user:{PASSWORD}@h"},
        {"HTTP_PROXY": f"http://user:{PASSWORD}@127.0.0.1:1"},
        {"TIMETRACER_S3_ENDPOINT": "https://127.0.0.1:1", "TIMETRACER_S3_CA_BUNDLE": "/nowhere"},
        {"TIMETRACER_S3_REGION": "\x1b"},
        {"AWS_PROFILE": "nobody"},
    ],
    ids=lambda environ: " ".join(environ),
)
def test_no_misconfiguration_prints_a_secret(tmp_path: Path, environ: dict[str, str], options: list[str]) -> None:
    given = {
        "TIMETRACER_S3_ENDPOINT": "http://192.0.2.1",
        "TIMETRACER_S3_BUCKET": "bucket",
        "TIMETRACER_S3_MAX_ATTEMPTS": "1",
        "TIMETRACER_S3_CONNECT_TIMEOUT": "1",
    }
    if not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & environ.keys():
        given |= {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
    done = run({**given, **environ}, "list", *options, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert_clean([done.stdout, done.stderr])


def test_a_presigned_url_is_printed_once_and_nowhere_else(tmp_path: Path) -> None:
    environ = {
        "TIMETRACER_S3_ENDPOINT": "http://127.0.0.1:1",
        "TIMETRACER_S3_BUCKET": "bucket",
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    done = run(environ, "url", "a.json", "-v", "--debug", cwd=tmp_path)
    assert "X-Amz-Signature=" in done.stdout
    assert "Signature" not in done.stderr
    assert_clean([done.stdout, done.stderr])
    told = run(environ, "url", "a.json", "--json", cwd=tmp_path)
    first = json.loads(told.stdout.splitlines()[0])
    assert [*first] == ["action", "key", "uri", "url", "expires"]
    assert_clean([told.stdout, told.stderr])


def test_nothing_in_the_package_can_start_a_process() -> None:
    starters = {"subprocess", "multiprocessing", "pty", "popen2", "commands"}
    calls = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"}
    for path in (ROOT / "timetrace").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not starters & {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in starters, path
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in calls, path
                assert not node.attr.startswith(("exec", "spawn")), path


def test_the_marks_are_what_they_are_taken_for() -> None:
    assert base64.b64decode(BASIC) == f"user:{PASSWORD}".encode()
