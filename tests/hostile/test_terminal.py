"""No byte of a stranger's reaches a terminal as more than text: keys, messages, names, headers."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import answer
from timetrace.errors import CassetteError, RequestError, TimetraceError

ROOT = Path(__file__).parent.parent.parent
EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.\r\nfake line.json"
SHOWN = r"a\x1b[2J\x1b]0;owned\x07\u009b31m\u202egnp.\x0d\x0afake line.json"
# What a terminal acts on in UTF-8, line ends aside.
ACTED_ON = [bytes([sign]) for sign in (*range(0x0A), *range(0x0B, 0x20), 0x7F)]
ACTED_ON += [chr(sign).encode() for sign in (*range(0x80, 0xA0), 0x202A, 0x202B, 0x202D, 0x202E, 0x2028, 0x2029)]
TOLD = "You \x1b[31mlose\x07\u202e".replace("\x1b", "\x9b").replace("\x07", "\x85")  # what XML can carry


def run(bucket: Bucket, *args: str, cwd: Path, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    settings = {
        "TIMETRACER_S3_ENDPOINT": bucket.url,
        "TIMETRACER_S3_BUCKET": "bucket",
        "TIMETRACER_S3_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": "A",
        "AWS_SECRET_ACCESS_KEY": "S",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    return subprocess.run(
        [sys.executable, "-m", "timetrace", "s3", "-p", "", *args],
        cwd=cwd,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def assert_harmless(output: bytes) -> None:
    for acted_on in ACTED_ON:
        assert acted_on not in output, (acted_on, output)
    # A traceback has as many lines as it likes.
    assert b"\nfake line" not in output or b"Traceback" in output


@pytest.mark.parametrize("more", [[], ["-v", "--debug"]])
@pytest.mark.parametrize(
    "command",
    [
        ["sync", "up", "-d", "files"],
        ["sync", "up", "-d", "files", "--dry-run"],
        ["sync", "down", "-d", "new"],
        ["sync", "down", "-d", "new", "--dry-run"],
        ["upload", "files"],
        ["upload", f"files/{EVIL}"],
        ["upload", f"files/no{EVIL}"],
        ["download", EVIL],
        ["download", EVIL, "-o", "x/"],
        ["download", f"../{EVIL}/..", EVIL, "-o", "many"],
        ["rm", "--yes", EVIL],
        ["rm", EVIL],
        ["cat", f"no{EVIL}"],
        ["list", "-b", f"b{EVIL}"],
        ["list", "--region", EVIL],
        ["list", "--endpoint-url", f"http://{EVIL}"],
        ["list", "--profile", EVIL],
        ["list", "--ca-bundle", EVIL, "--endpoint-url", "https://127.0.0.1:1"],
        ["list", EVIL],
        ["list", "-n", EVIL],
        ["url", "s3://"],
        ["url", EVIL, "--expires", EVIL],
        [EVIL],
        [f"--{EVIL}"],
        ["cleanup", "-b", f"b{EVIL}"],
        ["cleanup", "--older-than", EVIL],
        ["sync", EVIL, "-d", "files"],
        ["sync", "up", "-d", f"no{EVIL}"],
        ["sync", "up", "-d", "files", f"--exclude=/{EVIL}"],
    ],
    ids=lambda command: " ".join(command).encode("unicode_escape").decode()[:50],
)
def test_whatever_is_named_is_printed_as_text(tmp_path: Path, command: list[str], more: list[str]) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / EVIL).write_text("{}")
    with Bucket() as bucket:
        bucket.objects[EVIL] = bucket.objects[f"d/{EVIL}"] = Stored(b"{}")
        done = run(bucket, *command, *more, cwd=tmp_path)
    assert done.stdout + done.stderr
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)


@pytest.mark.parametrize("more", [[], ["-v", "--debug"]])
@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["cat", "a.json"],
        ["sync", "down", "-d", "new"],
        ["rm", "--yes", "a"],
        ["cleanup"],
    ],
)
@pytest.mark.parametrize(
    "told",
    [
        answer(403, f"<Error><Code>Odd{TOLD}</Code><Message>{TOLD}</Message></Error>".encode()),
        answer(403, headers=["x-amz-request-id: \x1b[2J\x07", "Date: \x1b[2J"]),
        answer(301, headers=["x-amz-bucket-region: \x1b[2J", "Location: http://\x1b[2J"]),
        answer(403, b"<Error><Code>A&#x9b;2J</Code><Message>&#x85;&#x202e;</Message><Region>&#x9b;</Region></Error>"),
        answer(502, b"<html>\x1b[2J"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \x1b[2J\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\x1b[2J: x\r\nContent-Length: 3\r\n\r\n\x1b[2",
        b"\x1b[2J\r\n\r\n",
    ],
    ids=["message", "request id", "region", "references", "page", "encoding", "length", "header", "no HTTP"],
)
def test_whatever_a_server_says_is_printed_as_text(
    tmp_path: Path, told: bytes, command: list[str], more: list[str]
) -> None:
    with Bucket() as bucket:
        bucket.misbehave(told)
        done = run(bucket, *command, *more, cwd=tmp_path)
    if command[0] != "cat" or done.returncode:
        assert_harmless(done.stdout)
    assert_harmless(done.stderr)


@pytest.mark.parametrize("more", [["-v", "--debug"], ["--json"]])
@pytest.mark.parametrize("command", [["cleanup"], ["cleanup", "--yes"]])
@pytest.mark.parametrize("moment", ["2026-01-15T10:00:00Z", f"2026-01-15T10:00:00Z{TOLD}"])
def test_what_a_list_of_uploads_says_is_printed_as_text_to_a_terminal(
    tmp_path: Path, moment: str, command: list[str], more: list[str]
) -> None:
    import pty

    told = f"<Key>k{TOLD}</Key><UploadId>u{TOLD}</UploadId><Initiated>{moment}</Initiated>"
    xml = f"<ListMultipartUploadsResult><Upload>{told}</Upload></ListMultipartUploadsResult>"
    with Bucket() as bucket:
        bucket.misbehave(answer(body=xml.encode()), query="uploads=")
        main, side = pty.openpty()
        done = run(bucket, *command, *more, cwd=tmp_path, stdout=side)
        os.close(side)
        printed = b""
        with suppress(OSError):  # what Linux says at the end
            while piece := os.read(main, 10_000):
                printed += piece
        os.close(main)
    assert printed + done.stderr
    assert_harmless(printed.replace(b"\r\n", b"\n"))
    assert_harmless(done.stderr)


def test_json_is_ascii(tmp_path: Path) -> None:
    with Bucket() as bucket:
        bucket.objects[EVIL] = Stored(b"{}")
        for command in (["list"], ["sync", "down", "-d", "new"], ["rm", "--yes", EVIL, "é\udcff"], ["url", EVIL]):
            done = run(bucket, *command, "--json", cwd=tmp_path)
            assert done.stdout.isascii()
            assert_harmless(done.stdout)
            assert EVIL in {json.loads(line).get("key") for line in done.stdout.splitlines()}


def test_a_list_on_a_terminal_is_text_and_in_a_pipe_the_very_bytes(tmp_path: Path) -> None:
    import pty

    with Bucket() as bucket:
        bucket.objects[EVIL] = Stored(b"{}")
        assert run(bucket, "list", cwd=tmp_path).stdout == EVIL.encode() + b"\n"
        code = (
            "import sys; from timetrace.cli.output import Output; out = Output(); "
            f"out.key({EVIL!r}); out.line({EVIL!r}); out.flush()"
        )
        main, side = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=side,
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
        )
        child.wait()
        os.close(side)
        printed = os.read(main, 10_000)
        os.close(main)
    assert printed.replace(b"\r\n", b"\n") == f"{SHOWN}\n{SHOWN}\n".encode()


def test_errors_of_the_library_and_its_log_are_one_line_each(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG, "timetrace")
    with Bucket() as bucket, bucket.store() as store:
        bucket.misbehave(answer(403, f"<Error><Code>No</Code><Message>{TOLD}</Message></Error>".encode()), key=EVIL)
        with pytest.raises(RequestError) as refused:
            store.read_bytes(EVIL)
        assert str(refused.value).startswith(f"GET s3://bucket/{SHOWN}: 403 No")
        assert refused.value.uri == f"s3://bucket/{EVIL}"
        bucket.objects[f"x{EVIL}"] = Stored(b"{")
        with pytest.raises(CassetteError) as broken:
            store.read(f"x{EVIL}")
        assert str(broken.value).startswith(f"x{SHOWN} is no JSON")
    for told in (str(refused.value), str(broken.value), *(record.getMessage() for record in caplog.records)):
        assert_harmless(told.encode())
        assert "\n" not in told
    assert SHOWN in caplog.text
    assert str(TimetraceError(EVIL)) == SHOWN
