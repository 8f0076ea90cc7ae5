"""No secret shows: in a log, a repr, an exception or what it came from, however badly things go."""

from __future__ import annotations

import base64
import logging
import os
import pickle
import re
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bucket import Bucket
from tests.scripted import Answer, Scripted, answer, error, reset
from timetrace.storage import S3Config, S3Store, SyncItem

SECRET = "SECRETmarked/wJalrXUtnFEMI+K7MDENG"
TOKEN = "TOKENmarked/FwoGZXIvYXdzEBYaD+2Q=="
PASSWORD = "PASSWORDmarked"
BASIC = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
MARKS = ("SECRETmarked", "TOKENmarked", "PASSWORDmarked", BASIC)


def told_by(problem: BaseException) -> Iterator[str]:
    """All that an exception may tell whoever catches, logs or prints it, and so for what led to it."""
    yield "".join(traceback.format_exception(type(problem), problem, problem.__traceback__))
    ahead: list[BaseException | None] = [problem]
    seen: list[BaseException] = []
    while ahead:
        link = ahead.pop()
        if link is not None and link not in seen:
            seen.append(link)
            ahead += [link.__cause__, link.__context__]
            yield from (str(link), repr(link), repr(link.args), repr(vars(link)))


def assert_clean(texts: Iterator[str] | list[str], *marks: str) -> None:
    for text in texts:
        for mark in (*MARKS, *marks):
            assert mark not in text


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith(("TIMETRACER_", "AWS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What all loggers, ours and others', have said so far at any level."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "timetrace")
    return lambda: [caplog.text, *(repr(vars(record)) for record in caplog.records)]


def keys(**more: Any) -> dict[str, Any]:
    return {"access_key": "AKID", "secret_key": SECRET, "session_token": TOKEN, "max_attempts": 1, **more}


def signatures(server: Scripted) -> list[str]:
    found = [re.findall(r"Signature=([0-9a-f]{64})", request.head) for request in server.requests]
    return [signature for signatures in found for signature in signatures]


# What S3, and gateways before it, send back of a request that they do not like.
ECHO = (
    f"<Token-0>{TOKEN}</Token-0><StringToSign>AWS4-HMAC-SHA256</StringToSign>"
    f"<CanonicalRequest>GET\nx-amz-security-token:{TOKEN}\n</CanonicalRequest><Proxy>Basic {BASIC}</Proxy>"
)
TROUBLES: dict[str, Answer] = {
    "refusal that echoes": error(403, "SignatureDoesNotMatch", extra=ECHO),
    "token that is not valid": error(400, "InvalidToken", extra=ECHO),
    "region": error(400, "AuthorizationHeaderMalformed", extra=f"{ECHO}<Region>eu-west-1</Region>"),
    "skewed clock": answer(403, b"<Error><Code>RequestTimeTooSkewed</Code></Error>", ["Date: x"]),
    "page that echoes": answer(502, f"<html>x-amz-security-token: {TOKEN}</html>".encode()),
    "broken XML": answer(200, f"<ListBucketResult><Key>{TOKEN}&</ListBucketResult>".encode()),
    "other XML": answer(200, f"<Echo>{TOKEN}</Echo>".encode()),
    "redirect": answer(307, headers=[f"Location: http://h/?X-Amz-Security-Token={TOKEN}"]),
    "broken header": f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode(),
    "broken length": f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
    "no HTTP": f"{TOKEN}\r\n\r\n".encode(),
    "reset": reset,
    "cut": lambda connection: connection.sendall(answer(200, TOKEN.encode(), length=500)),
}


def calls(store: S3Store, folder: Path) -> dict[str, Callable[[], object]]:
    return {
        "read": lambda: store.read_bytes("a.json"),
        "write": lambda: store.write("a.json", {}),
        "stat": lambda: store.stat("a.json"),
        "list": lambda: [*store.list()],
        "sync": lambda: store.sync_upload(folder),
    }


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_a_server_answers(logged: Callable[[], list[str]], tmp_path: Path, trouble: str) -> None:
    (tmp_path / "a.json").write_text("{}")
    with Scripted([TROUBLES[trouble]]) as server, S3Store(S3Config("bucket", endpoint_url=server.url, **keys())) as st:
        raised: list[str] = []
        for call in calls(st, tmp_path).values():
            try:
                call()
            except Exception as problem:
                raised.append(str(problem))
                assert_clean(told_by(problem), *signatures(server))
        assert raised or trouble == "other XML"
        assert_clean([repr(st), repr(st.config), str(st.config)], *signatures(server))
        assert signatures(server)
        assert_clean(logged(), *signatures(server))
        assert "s3://bucket" in logged()[0]


def test_what_a_sync_tells_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    told: list[SyncItem] = []
    with Bucket() as bucket:
        bucket.misbehave(error(500, "InternalError", extra=ECHO), method="PUT")
        with bucket.store(**keys()) as store:
            report = store.sync_upload(tmp_path, on_result=told.append)
    assert report.failed[0].error
    assert_clean([repr(report), repr(told)])
    assert_clean(told_by(report.failed[0].error), *signatures(bucket))


def test_a_server_that_is_not_there_or_speaks_no_tls(logged: Callable[[], list[str]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Scripted([b"no TLS here\r\n\r\n"]) as server:
        for url in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{server.port}", "http://nowhere.invalid"):
            with S3Store(S3Config("bucket", endpoint_url=url, **keys(connect_timeout=2))) as store:
                with pytest.raises(Exception, match="GET s3://bucket") as caught:
                    store.read_bytes("a.json")
                assert_clean(told_by(caught.value))
    assert_clean(logged())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "told",
    [
        answer(407, f"user:{PASSWORD} is not allowed".encode(), [f"Proxy-Authenticate: {BASIC}"]),
        answer(502, BASIC.encode()),
        reset,
        b"no HTTP\r\n\r\n",
    ],
    ids=["407", "502", "reset", "no HTTP"],
)
def test_a_proxy_with_a_password(
    logged: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, told: Answer, scheme: str
) -> None:
    with Scripted([told]) as proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        config = S3Config("bucket", endpoint_url=f"{scheme}://inside.example", **keys())
        with S3Store(config) as store, pytest.raises(Exception, match="GET s3://bucket") as caught:
            store.read_bytes("a.json")
        assert BASIC in proxy.requests[0].head
        assert_clean(told_by(caught.value), *signatures(proxy))
    assert_clean(logged(), *signatures(proxy))


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{PASSWORD}@127.0.0.1:1",
        f"http://user:{PASSWORD}#@127.0.0.1:1",
        f"http://user:{PASSWORD}?@127.0.0.1:1",
        f"http://user:{PASSWORD}/x@127.0.0.1:1",
        f"http://user:{PASSWORD}@127.0.0.1:port",
        f"http://user:{PASSWORD}\u2100@127.0.0.1:1",
        f"http://user:{PASSWORD}@[127.0.0.1:1",
        f"socks5://user:{PASSWORD}@127.0.0.1:1",
        f"user:{PASSWORD}@127.0.0.1:1",
    ],
)
def test_a_proxy_url_however_malformed(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    with S3Store(S3Config("bucket", endpoint_url="http://192.0.2.1", **keys(connect_timeout=1))) as store:
        with pytest.raises(Exception, match=r"proxy|proxies") as caught:
            store.read_bytes("a.json")
        assert_clean(told_by(caught.value))


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint_url": f"http://user:{PASSWORD}@h"},
        {"endpoint_url": f"http://user:{PASSWORD}#@h"},
        {"endpoint_url": f"http://user:{PASSWORD}\u2100@h"},
        {"endpoint_url": f"http://user:{PASSWORD}@h\n"},
        {"secret_key": SECRET},
        {"session_token": TOKEN},
        {"access_key": "A", "secret_key": f"{SECRET}\n"},
        {"access_key": "A", "secret_key": SECRET, "session_token": f"{TOKEN} "},
        {"access_key": "A", "secret_key": SECRET.encode()},
    ],
)
def test_settings_however_malformed(settings: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"endpoint|key|token") as caught:
        S3Config.from_env({}, bucket="bucket", **settings)
    assert_clean(told_by(caught.value))


@pytest.mark.parametrize(
    "environ",
    [
        {"AWS_SECRET_ACCESS_KEY": SECRET},
        {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"},
        {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": f"{SECRET} x"},
        {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": f" {TOKEN}"},
    ],
)
def test_variables_however_malformed(environ: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"key|AWS_") as caught:
        S3Config.from_env(environ, bucket="bucket")
    assert_clean(told_by(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        f"{SECRET}\n[default]\n",
        f"aws_secret_access_key = {SECRET}\n",
        f"[default]\naws_secret_access_key {SECRET}\n",
        f"[default]\naws_secret_access_key = {SECRET}\n",
        f"[default]\naws_access_key_id = A\naws_secret_access_key = {SECRET} {SECRET}\n",
        f"[default]\naws_secret_access_key = {SECRET}\xff\n",
        f"[default\naws_secret_access_key = {SECRET}\n",
        f"[default]\naws_access_key_id = A\naws_secret_access_key =\n  {SECRET}\n  {SECRET}\n",
    ],
)
def test_files_however_malformed(tmp_path: Path, content: str) -> None:
    path = tmp_path / "credentials"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(Exception, match="credentials") as caught:
        S3Config.from_env({"AWS_SHARED_CREDENTIALS_FILE": str(path)}, bucket="bucket")
    assert_clean(told_by(caught.value))


def test_a_presigned_url_is_given_and_not_logged(logged: Callable[[], list[str]]) -> None:
    with S3Store(S3Config("bucket", endpoint_url="http://h", **keys())) as store:
        url = store.presign("a.json")
    [signature] = re.findall(r"X-Amz-Signature=([0-9a-f]{64})", url)
    assert SECRET not in url
    assert_clean(logged(), signature)


def test_an_error_that_was_pickled(tmp_path: Path) -> None:
    with Scripted([TROUBLES["refusal that echoes"]]) as server:
        store = S3Store(S3Config("bucket", endpoint_url=server.url, **keys()))
        with pytest.raises(Exception, match="SignatureDoesNotMatch") as caught:
            store.read_bytes("a.json")
        store.close()
        assert_clean([repr(pickle.dumps(caught.value))], *signatures(server))


@pytest.mark.parametrize("options", [["-v"], ["--debug"], ["-v", "--debug"]])
def test_the_command_line_however_talkative(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "a.json").write_text("{}")
    with Scripted([TROUBLES["refusal that echoes"]]) as server:
        environ = {
            "TIMETRACER_S3_ENDPOINT": server.url,
            "TIMETRACER_S3_BUCKET": "bucket",
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "NO_PROXY": "*",
            "HTTP_PROXY": f"http://user:{PASSWORD}@127.0.0.1:1",
        }
        for command in (["list"], ["cat", "a.json"], ["upload", str(tmp_path / "a.json")], ["rm", "--yes", "a.json"]):
            done = subprocess.run(
                [sys.executable, "-m", "timetrace", "s3", *command, *options],
                cwd=Path(__file__).parent.parent,
                env={**os.environ, **environ},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 1
            assert "SignatureDoesNotMatch" in done.stderr
            assert_clean([done.stdout, done.stderr], *signatures(server))
        assert signatures(server)
