"""The command as a process of its own: start-up, pipes, signals, terminals, encodings."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from tests.scripted import Scripted, answer
from timetrace.storage import S3Store

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "timetrace"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def timetrace(*args: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *args], env=environment(**more), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )


@pytest.fixture
def many(environ: dict[str, str]) -> list[str]:
    """A listing that is longer than a pipe holds."""
    with S3Store() as store:
        # SeaweedFS takes no longer names than a file system does.
        keys = ["/".join(["x" * 200] * 4 + [f"{number}.json"]) for number in range(100)]
        assert store.upload_files([(os.devnull, key) for key in keys]).ok
    return keys


@pytest.mark.parametrize("args", [["--help"], ["--version"], [], ["s3", "--help"], ["s3", "list", "--help"]])
def test_help_and_version_import_little_but_argparse(args: list[str]) -> None:
    told = (
        "import sys, argparse; before = set(sys.modules); from timetrace.cli import main; main(sys.argv[1:]);"
        "print(sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", told, *args], env=environment(), capture_output=True, text=True)
    added = done.stderr.strip().strip("[]").replace("'", "").split(", ")
    # What argparse itself takes when it formats a page is its own.
    allowed = {"shutil", "textwrap", "gettext", "locale", "bz2", "lzma", "zlib", "fnmatch", "errno", "_colorize"}
    ours = [name for name in added if name.split(".")[0].lstrip("_") not in {name.lstrip("_") for name in allowed}]
    assert sorted(name for name in ours if name.startswith("timetrace")) == [
        "timetrace",
        "timetrace.cli",
        "timetrace.cli.output",
        "timetrace.cli.parser",
        "timetrace.cli.program",
        "timetrace.text",
    ]
    assert not {"urllib3", "ssl", "socket", "json", "logging", "pathlib", "asyncio", "typing"} & set(ours)


def test_without_urllib3_a_command_says_how_to_get_it(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "urllib3.py").write_text("raise ImportError('no urllib3 here')")
    done = timetrace("s3", "list", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 2
    assert done.stderr.startswith(b"timetrace: urllib3 2.2 or newer is needed")
    assert b"pip install '.[s3]'" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert timetrace("--help", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}").returncode == 0


@pytest.mark.parametrize("command", ["s3 list", "s3 list --json", "s3 list --long"])
def test_reader_that_goes_away_is_no_error(many: list[str], command: str) -> None:
    with subprocess.Popen(
        [*COMMAND, *command.split()], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("command", ["cat big.json", "download big.json -o -"])
def test_content_is_printed_whole_whatever_the_buffering(environ: dict[str, str], command: str, buffering: str) -> None:
    content = os.urandom(3_000_000)
    with S3Store() as store:
        store.write_bytes("big.json", content)
    done = timetrace("s3", *command.split(), PYTHONUNBUFFERED=buffering)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == content


@pytest.mark.parametrize("command", ["cat big.json", "download big.json -o -"])
def test_reader_of_content_that_goes_away_is_no_error(environ: dict[str, str], command: str) -> None:
    with S3Store() as store:
        store.write_bytes("big.json", b"x" * 3_000_000)
    with subprocess.Popen(
        [*COMMAND, "s3", *command.split()], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.read(10) == b"x" * 10
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_reader_that_goes_away_ends_a_sync_without_an_error(environ: dict[str, str], tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.json").write_text("1")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "s3", "sync", "up", "-d", str(tmp_path)], env=environment(), stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["list", "cat a.json", "download a.json -o -", "sync up -d ."])
def test_full_disk_under_stdout_is_an_error(environ: dict[str, str], tmp_path: Path, command: str) -> None:
    (tmp_path / "b.json").write_text("1")
    with S3Store() as store:
        store.write_bytes("a.json", b"1")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "s3", *command.split()], env=environment(), cwd=tmp_path, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith(": No space left on device")
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_ctrl_c_ends_quietly_with_the_sum_so_far(environ: dict[str, str], tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.json").write_text("1")
    empty = answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    with (
        Scripted([empty, answer(200, headers=['ETag: "1"']), lambda connection: time.sleep(1.0)]) as server,
        subprocess.Popen(
            [*COMMAND, "s3", "sync", "up", "-d", str(tmp_path)],
            env=environment(
                TIMETRACER_S3_ENDPOINT=server.url, TIMETRACER_S3_MAX_CONCURRENCY="1", TIMETRACER_S3_MAX_ATTEMPTS="1"
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        while len(server.requests) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert out.decode().count(" -> ") == 1
    told = err.decode().splitlines()
    assert told[-1].startswith("stopped early: 1 sent (1 bytes)")
    assert b"Traceback" not in err
    assert b"KeyboardInterrupt" not in err


@pytest.mark.parametrize("command", ["list", "cat a.json", "sync up -d .", "sync up -d . --delete", "sync down -d in"])
def test_ctrl_c_ends_a_command_whose_server_never_answers(
    environ: dict[str, str], tmp_path: Path, command: str
) -> None:
    """Within the two seconds that threads get to finish: the server's silence would be borne for a minute."""
    (tmp_path / "a.json").write_text("1")
    silence = Event()

    def silent(connection: socket.socket) -> None:
        silence.wait(50)

    with (
        Scripted([silent]) as server,
        subprocess.Popen(
            [*COMMAND, "s3", *command.split()],
            env=environment(TIMETRACER_S3_ENDPOINT=server.url),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        while not server.requests:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        silence.set()
    assert (process.returncode, out, err) == (130, b"", b"")


def test_ctrl_c_does_not_wait_for_many_silent_answers_one_by_one(environ: dict[str, str], tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.json").write_text("1")
    empty = answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
    silence = Event()

    def silent(connection: socket.socket) -> None:
        silence.wait(50)

    with (
        Scripted([empty, answer(headers=['ETag: "1"']), silent]) as server,
        subprocess.Popen(
            [*COMMAND, "s3", "sync", "up", "-d", str(tmp_path), "-j", "20"],
            env=environment(TIMETRACER_S3_ENDPOINT=server.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        while len(server.requests) < 22:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)  # 20 threads, two seconds each, would take longer
        silence.set()
    assert process.returncode == 130
    assert out.decode().count(" -> ") == 1
    assert err.decode().startswith("stopped early: 1 sent (1 bytes) in ")
    assert err.count(b"\n") == 1


def test_sigterm_ends_the_process(environ: dict[str, str]) -> None:
    with (
        Scripted([lambda connection: time.sleep(1.0)]) as server,
        subprocess.Popen(
            [*COMMAND, "s3", "list"], env=environment(TIMETRACER_S3_ENDPOINT=server.url), stderr=subprocess.PIPE
        ) as process,
    ):
        while not server.requests:
            time.sleep(0.01)
        process.terminate()
        _, err = process.communicate()
    assert (process.returncode, err) == (-signal.SIGTERM, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_encoding_is_too_narrow(environ: dict[str, str], tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "日本é.json"
    path.write_text("1")
    more = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    sent = timetrace("s3", "upload", str(path), **more)
    assert (sent.returncode, sent.stderr) == (0, b"")
    shown = {"ascii": "\\u65e5\\u672c\\xe9.json", "cp1252": "\\u65e5\\u672cé.json", "utf-8": "日本é.json"}[encoding]
    assert sent.stdout.decode(encoding).strip().endswith(f"/cassettes/{shown}")
    # Keys are data: a program that reads them gets their very bytes.
    assert timetrace("s3", "list", **more).stdout == "日本é.json\n".encode()
    assert timetrace("s3", "list", "--json", **more).stdout.isascii()
    missing = timetrace("s3", "cat", "ñandú日.json", **more)
    assert missing.returncode == 1
    assert missing.stderr.count(b"\n") == 1


def in_terminal(*args: str, answer: bytes = b"") -> tuple[int, str]:
    """Exit code and all that shows on a terminal, on which somebody types `answer`."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*COMMAND, *args], env=environment(), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    typed = not answer
    while True:
        if not typed and shown.endswith(b"[y/N] "):
            os.write(master, answer)
            typed = True
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side has gone
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return process.wait(), shown.decode().replace("\r\n", "\n")


def test_rm_asks_on_a_terminal(environ: dict[str, str]) -> None:
    with S3Store() as store:
        store.write_bytes("a.json", b"1")
        store.write_bytes("b.json", b"1")
        uri = store.uri("a.json")
        code, shown = in_terminal("s3", "rm", "a.json", answer=b"n\n")
        assert (code, shown) == (1, f"  {uri}\nremove this object? [y/N] n\nnothing removed\n")
        code, shown = in_terminal("s3", "rm", "a.json", "b.json", answer=b"\x04")
        assert code == 1
        assert "remove these 2 objects? [y/N] " in shown
        assert store.exists("a.json")
        code, shown = in_terminal("s3", "rm", "a.json", answer=b"y\n")
        assert (code, shown) == (0, f"  {uri}\nremove this object? [y/N] y\nremoved {uri}\n")
        assert list(store.list()) == ["b.json"]


def test_list_on_a_terminal_shows_escapes_and_does_not_send_them(environ: dict[str, str]) -> None:
    with S3Store() as store:
        store.write_bytes("a\x1b[31m.json", b"1")
    assert in_terminal("s3", "list") == (0, "a\\x1b[31m.json\n")


def test_closed_stdout_is_an_error_before_anything_is_done(environ: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "s3", "list"], env=environment(), stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (1, b"timetrace: standard output is closed\n")
