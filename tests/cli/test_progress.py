"""The line that tells how far a command is: on a terminal only, and never in the way of other lines."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bucket import Bucket
from tests.cli.test_process import COMMAND, environment
from timetrace.cli.progress import size

COUNT = 12


class SlowBucket(Bucket):
    """Takes its time over each file, so that there is something to be seen."""

    def _put(self, key: str, received: object) -> bytes:
        time.sleep(0.06)
        return super()._put(key, received)  # type: ignore[arg-type]


@pytest.fixture
def slow(clean_environ: None) -> Iterator[Bucket]:
    with SlowBucket() as bucket:
        yield bucket


@pytest.fixture
def cassettes(tmp_path: Path) -> Path:
    folder = tmp_path / "cassettes"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:02}.json").write_text("1")
    return folder


def settings(bucket: Bucket, **more: str) -> dict[str, str]:
    ours = {"TIMETRACER_S3_ENDPOINT": bucket.url, "TIMETRACER_S3_BUCKET": bucket.name, "TERM": "xterm"}
    return environment(AWS_ACCESS_KEY_ID="AKID", AWS_SECRET_ACCESS_KEY="secret", **{**ours, **more})


def hiding_tqdm(folder: Path) -> str:
    """A PYTHONPATH under which there is no tqdm."""
    folder.mkdir(exist_ok=True)
    (folder / "tqdm.py").write_text("raise ImportError('no tqdm here')")
    return f"{folder}{os.pathsep}{Path(__file__).parents[2]}"


def shown(env: dict[str, str], *args: str, columns: int = 100, stdout: int | None = None) -> str:
    """All that came to a terminal of this width, control characters included."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    env = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*COMMAND, "s3", *args], env=env, stdin=slave, stdout=slave if stdout is None else stdout, stderr=slave
    )
    os.close(slave)
    pieces = []
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side has gone
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(master)
    assert process.wait() == 0
    return b"".join(pieces).decode().replace("\r\n", "\n")


def screen(text: str) -> list[str]:
    """The lines that remain to be seen: a carriage return goes back to the line's beginning."""
    lines = []
    for line in text.split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines


@pytest.mark.parametrize("variant", ["tqdm", "plain"])
def test_terminal_gets_a_line_in_place_and_whole_lines_of_items(
    slow: Bucket, cassettes: Path, tmp_path: Path, variant: str
) -> None:
    more = {} if variant == "tqdm" else {"PYTHONPATH": hiding_tqdm(tmp_path / "hidden")}
    text = shown(settings(slow, **more), "sync", "up", "-d", str(cassettes), "-j", "1")
    if variant == "tqdm":
        # Files done of all of them, time gone by and left, rate, bytes.
        assert re.search(r"\r *\d+%\|.+\| \d+/12 \[00:0\d<00:0\d, +[\d.]+ files/s, \d+ bytes\]", text)
    else:
        assert re.search(r"\r\d+ of 12 files, \d+ bytes, \d+ files/s", text)
    *items, total, end = screen(text)
    assert sorted(items) == [
        f"{cassettes}/{number:02}.json -> s3://bucket/cassettes/{number:02}.json" for number in range(COUNT)
    ]
    assert re.fullmatch(r"12 sent \(12 bytes\) in \d+[.]\d s", total)
    assert end == ""


def test_line_is_drawn_ten_times_a_second_at_most(slow: Bucket, cassettes: Path, tmp_path: Path) -> None:
    env = settings(slow, PYTHONPATH=hiding_tqdm(tmp_path / "hidden"))
    started = time.monotonic()
    text = shown(env, "sync", "up", "-d", str(cassettes), "-j", "1")
    drawn = set(re.findall(r"\r(\d+) of ", text))
    assert 2 <= len(drawn) <= (time.monotonic() - started) / 0.1 + 1


def test_line_fits_a_narrow_terminal(slow: Bucket, cassettes: Path, tmp_path: Path) -> None:
    for more in ({}, {"PYTHONPATH": hiding_tqdm(tmp_path / "hidden")}):
        slow.objects.clear()
        with open(os.devnull, "wb") as nowhere:
            text = shown(
                settings(slow, **more), "upload", str(cassettes), "-j", "1", columns=30, stdout=nowhere.fileno()
            )
        *_, total, end = screen(text)
        assert (total[:7], end) == ("12 sent", "")
        drawn = [part for part in text.split("\n")[0].split("\r") if part.strip()]
        assert len(drawn) > 2
        assert max(map(len, drawn[:-1])) <= 29


@pytest.mark.parametrize("command", ["upload {}", "sync up -d {}", "sync up -d {} --dry-run", "sync up -d {} --verify"])
def test_commands_with_a_line_leave_nothing_of_it(slow: Bucket, cassettes: Path, command: str) -> None:
    if "verify" in command:
        shown(settings(slow), "sync", "up", "-d", str(cassettes))
    text = shown(settings(slow), *command.format(cassettes).split())
    assert "files" in text
    assert not any("files" in line for line in screen(text))


def test_download_of_several_has_a_line(slow: Bucket, cassettes: Path, tmp_path: Path) -> None:
    shown(settings(slow), "sync", "up", "-d", str(cassettes))
    keys = [f"{number:02}.json" for number in range(COUNT)]
    assert " files" in shown(settings(slow), "download", *keys, "-o", str(tmp_path / "new"))


@pytest.mark.parametrize("option", ["-q", "-v", "--json"])
def test_options_turn_it_off(slow: Bucket, cassettes: Path, option: str) -> None:
    text = shown(settings(slow), "sync", "up", "-d", str(cassettes), option)
    assert "\r" not in text
    assert " files" not in text


def test_dumb_terminal_gets_none(slow: Bucket, cassettes: Path) -> None:
    assert "\r" not in shown(settings(slow, TERM="dumb"), "sync", "up", "-d", str(cassettes))


def test_no_escape_sequences_and_so_no_colors(slow: Bucket, cassettes: Path) -> None:
    assert "\x1b" not in shown(settings(slow, NO_COLOR="1"), "sync", "up", "-d", str(cassettes))
    assert "\x1b" not in shown(settings(slow), "upload", str(cassettes))


def test_ascii_terminal_gets_an_ascii_bar(slow: Bucket, cassettes: Path) -> None:
    text = shown(settings(slow, PYTHONIOENCODING="ascii"), "sync", "up", "-d", str(cassettes), "-j", "1")
    assert re.search(r"%\|[# \d]+\| \d+/12 ", text)


def test_pipe_gets_none_and_tqdm_is_not_imported(slow: Bucket, cassettes: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "timetrace", "s3", "sync", "up", "-d", str(cassettes)]
    done = subprocess.run(command, env=settings(slow), capture_output=True, text=True)
    assert done.returncode == 0
    *imports, total = done.stderr.splitlines()
    assert re.fullmatch(r"12 sent \(12 bytes\) in \d+[.]\d s", total)
    assert all(line.startswith("import time:") for line in imports)
    assert not any("tqdm" in line for line in imports)
    assert "\r" not in done.stderr


def test_one_file_needs_no_line(slow: Bucket, cassettes: Path) -> None:
    assert "\r" not in shown(settings(slow), "upload", str(cassettes / "00.json"))


def test_sizes_are_rounded_for_people() -> None:
    assert [size(number) for number in (0, 999, 1000, 999_949, 999_950, 4_560_000, 10**9, 10**13)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "999.9 kB",
        "1.0 MB",
        "4.6 MB",
        "1.0 GB",
        "10.0 TB",
    ]
