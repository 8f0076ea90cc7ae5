from __future__ import annotations

import json
import re
from urllib.request import urlopen

import pytest

from tests.cli.conftest import Run
from timetrace.storage import S3Store


@pytest.fixture
def stored(remote: S3Store) -> list[str]:
    keys = ["2026-01-15/a.json", "2026-01-15/b c.json", "2026-01-16/é.json"]
    for key in keys:
        remote.write_bytes(key, key.encode())
    return keys


def test_list_prints_relative_keys_one_a_line(run: Run, stored: list[str]) -> None:
    assert run("list").out == "2026-01-15/a.json\n2026-01-15/b c.json\n2026-01-16/é.json\n"


def test_list_of_nothing_is_empty(run: Run) -> None:
    assert run("list") == (0, "", "")


def test_n_limits_the_list(run: Run, stored: list[str]) -> None:
    assert run("list -n 2").lines == stored[:2]
    assert run("list -n 50").lines == stored
    assert run("list -n 0").out == ""


def test_prefix_filter_is_below_the_prefix(run: Run, stored: list[str]) -> None:
    assert run("list --prefix-filter 2026-01-16").lines == ["2026-01-16/é.json"]


def test_long_prints_size_time_and_key(run: Run, stored: list[str]) -> None:
    first = run("list --long").lines[0]
    assert re.fullmatch(r" +17  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  2026-01-15/a[.]json", first)


def test_list_as_json(run: Run, stored: list[str], bucket: str) -> None:
    *items, summary = run("list --json").objects
    assert [item["key"] for item in items] == stored
    assert items[0]["uri"] == f"s3://{bucket}/cassettes/2026-01-15/a.json"
    assert items[0]["size"] == 17
    assert items[0]["last_modified"].endswith("Z")
    assert summary == {"action": "summary", "objects": 3, "bytes": 54}


def test_list_to_a_pipe_is_exact_and_json_keeps_a_key_with_a_line_end_apart(run: Run, remote: S3Store) -> None:
    remote.write_bytes("a\x1b[31m.json", b"")
    assert run("list").out == "a\x1b[31m.json\n"
    assert "\\u001b[31m" in run("list --json").out


def test_cat_prints_the_very_bytes(run: Run, remote: S3Store) -> None:
    remote.write_bytes("x.json", '{"a":\r\n "é"}'.encode())
    assert run("cat x.json -q") == (0, '{"a":\r\n "é"}', "")


def test_cat_takes_no_json(run: Run) -> None:
    assert run("cat x.json --json").code == 2


def test_rm_needs_yes_where_nobody_can_be_asked(
    run: Run, stored: list[str], remote: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/null") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        ran = run("rm 2026-01-15/a.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "timetrace: rm asks before it removes, and there is no terminal to ask on: give --yes\n"
    assert remote.exists("2026-01-15/a.json")


def test_rm_says_what_it_removed(run: Run, stored: list[str], bucket: str) -> None:
    ran = run("rm --yes 2026-01-15/a.json '2026-01-15/b c.json'")
    assert ran.code == 0
    assert sorted(ran.lines) == [
        f"removed s3://{bucket}/cassettes/2026-01-15/a.json",
        f"removed s3://{bucket}/cassettes/2026-01-15/b c.json",
    ]
    assert ran.err.startswith("2 removed in ")
    assert run("list").lines == ["2026-01-16/é.json"]


def test_rm_as_json_counts_what_it_removed(run: Run, stored: list[str]) -> None:
    item, summary = run("rm --yes 2026-01-15/a.json --json").objects
    assert (item["action"], item["key"]) == ("delete", "2026-01-15/a.json")
    assert (summary["deleted"], summary["failed"]) == (1, 0)


def test_url_fetches_without_credentials(run: Run, stored: list[str]) -> None:
    ran = run("url 2026-01-15/a.json --expires 600")
    assert "X-Amz-Expires=600" in ran.out
    with urlopen(ran.out.strip()) as answer:
        assert answer.read() == b"2026-01-15/a.json"


def test_url_as_json(run: Run, stored: list[str]) -> None:
    item, _ = map(json.loads, run("url 2026-01-15/a.json --json").lines)
    assert item["expires"] == 3600
    assert item["url"].startswith("http://127.0.0.1")


@pytest.mark.parametrize("seconds", ["0", "604801"])
def test_url_is_valid_for_seven_days_at_most(run: Run, seconds: str) -> None:
    ran = run(f"url a.json --expires {seconds}")
    assert ran.code == 2
    assert ran.err == f"timetrace: expires is {seconds} seconds: S3 allows 1 to 604800 (7 days)\n"
