from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from timetrace import __version__
from timetrace.cli import main
from timetrace.cli.parser import COMMON, build_parser
from timetrace.storage import S3Store


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"timetrace {__version__}\n"


def test_nothing_at_all_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("usage: timetrace ")


def test_help_of_each_command_has_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("upload", "download", "list", "sync", "cat", "rm", "url", "cleanup"):
        assert main(["s3", verb, "--help"]) == 0
        told = capsys.readouterr().out
        examples = re.findall(r"^  timetrace (s3 .*)$", told, re.MULTILINE)
        assert examples, verb
        for example in examples:
            assert build_parser().parse_args(example.split()).verb == verb


def test_common_options_stand_before_or_after_the_command() -> None:
    before = build_parser().parse_args(["s3", "-b", "one", "--json", "-p", "", "list"])
    after = build_parser().parse_args(["s3", "list", "-b", "one", "--json", "-p", ""])
    assert {name: getattr(before, name) for name in COMMON} == {name: getattr(after, name) for name in COMMON}
    assert (after.bucket, after.json, after.prefix, after.region) == ("one", True, "", None)
    assert build_parser().parse_args(["s3", "-b", "one", "list", "-b", "two"]).bucket == "two"


def test_all_settings_of_the_options_reach_the_store(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("ca.pem")
    ran = run(f"url k -b {bucket} -p x --region eu-west-3 --endpoint-url http://h.test:1/base --path-style")
    assert ran.out.startswith(f"http://h.test:1/base/{bucket}/x/k?")
    assert "%2Feu-west-3%2Fs3%2F" in ran.out
    assert run("url k --endpoint-url http://h.test --virtual-host -b buck").out.startswith("http://buck.h.test/cass")
    assert run("url k --endpoint-url http://h.test -b buck --no-sign-request").out == "http://h.test/buck/cassettes/k\n"
    ran = run("list --endpoint-url https://h.test --ca-bundle nosuch.pem")
    assert ran.code == 2
    assert "nosuch.pem" in ran.err


def test_v_tells_requests_and_no_secret(run: Run, environ: dict[str, str], remote: S3Store, bucket: str) -> None:
    remote.write_bytes("a.json", b"1")
    ran = run("cat a.json -v")
    assert ran.out == "1"
    assert re.fullmatch(rf"GET s3://{bucket}/cassettes/a[.]json 200 \d[.]\d{{3}} s\n", ran.err)
    assert environ["AWS_SECRET_ACCESS_KEY"] not in ran.err
    assert logging.getLogger("timetrace").handlers == []
    assert run("cat a.json") == (0, "1", "")


def test_debug_adds_a_traceback(run: Run) -> None:
    plain, debug = run("cat nosuch.json"), run("cat nosuch.json --debug")
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err
    assert debug.err.splitlines()[-1].startswith("timetrace: GET s3://")


def test_names_that_are_no_utf8_are_refused_and_shown(run: Run, folder: Path) -> None:
    (folder / "d").mkdir()
    try:
        Path(folder, "d", "a\udcff.json").write_text("1")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    ran = run("upload d")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "timetrace: d/a\\xff.json: refused, the name is not valid UTF-8")
    *_, summary = run("sync up -d d --json").objects
    assert summary["refused"] == 1


def test_escapes_in_keys_are_visible(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("a\x1b[31m.json")
    ran = run("upload", "a\x1b[31m.json")
    assert ran.out == f"a\\x1b[31m.json -> s3://{bucket}/cassettes/a\\x1b[31m.json\n"
