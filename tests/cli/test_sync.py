from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.conftest import Run
from tests.scripted import Scripted, answer
from timetrace.storage import S3Store


def test_up_sends_what_the_bucket_lacks_and_skips_the_rest(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("cassettes/a.json", "cassettes/2026-01-15/b.json", "cassettes/notes.txt")
    first = run("sync up -d ./cassettes")
    assert first.code == 0
    assert sorted(first.lines) == [
        f"./cassettes/2026-01-15/b.json -> s3://{bucket}/cassettes/2026-01-15/b.json",
        f"./cassettes/a.json -> s3://{bucket}/cassettes/a.json",
    ]
    assert first.err.startswith("2 sent (47 bytes), 1 left out in ")
    again = run("sync up -d ./cassettes")
    assert (again.code, again.out) == (0, "")
    assert again.err.startswith("2 skipped as equal, 1 left out in ")


def test_down_fetches_what_the_folder_lacks(run: Run, remote: S3Store, folder: Path, bucket: str) -> None:
    remote.write_bytes("2026-01-15/a.json", b"1")
    ran = run("sync down -d ./new")
    assert ran.out == f"s3://{bucket}/cassettes/2026-01-15/a.json -> ./new/2026-01-15/a.json\n"
    assert ran.err.startswith("1 fetched (1 bytes) in ")
    assert (folder / "new/2026-01-15/a.json").read_bytes() == b"1"


def test_dry_run_says_what_it_would_do_and_does_nothing(
    run: Run, make: Callable[..., None], remote: S3Store, folder: Path, bucket: str
) -> None:
    make("cassettes/a.json")
    ran = run("sync up -d cassettes --dry-run")
    assert ran.out == f"would send cassettes/a.json -> s3://{bucket}/cassettes/a.json\n"
    assert ran.err.startswith("1 would be sent (")
    assert list(remote.list()) == []
    remote.write_bytes("b.json", b"1")
    ran = run("sync down -d new --dry-run")
    assert ran.out == f"would fetch s3://{bucket}/cassettes/b.json -> new/b.json\n"
    assert not (folder / "new").exists()


def test_json_gives_each_item_and_the_sum_last(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("cassettes/a.json")
    item, summary = run("sync up -d cassettes --json").objects
    assert item == {
        "action": "upload",
        "key": "a.json",
        "uri": f"s3://{bucket}/cassettes/a.json",
        "path": "cassettes/a.json",
        "size": 8 + 10,
    }
    assert summary.pop("seconds") >= 0
    assert summary == {
        "action": "summary",
        "transferred": 1,
        "skipped": 0,
        "deleted": 0,
        "left_out": 0,
        "refused": 0,
        "failed": 0,
        "bytes": 18,
        "dry_run": False,
        "complete": True,
    }
    item, summary = run("sync up -d cassettes --json").objects
    assert (item["action"], summary["skipped"]) == ("skip", 1)


def listing(*keys: str) -> bytes:
    """An answer that names these keys; what is no XML 1.0 is percent-encoded, as S3 does when asked."""
    contents = "".join(f"<Contents><Key>{quote(key)}</Key><Size>1</Size></Contents>" for key in keys)
    xml = f"<ListBucketResult><EncodingType>url</EncodingType>{contents}<IsTruncated>false</IsTruncated>"
    return answer(200, f"{xml}</ListBucketResult>".encode())


def test_hostile_keys_are_refused_by_name_and_the_rest_comes(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["cassettes/../../up.json", "cassettes//etc/passwd.json", "cassettes/a.json", "cassettes/x\x1b]0;x/./b.json"]
    with Scripted([listing(*keys), answer(200, b"1", ["ETag: e"])]) as server:
        monkeypatch.setenv("TIMETRACER_S3_ENDPOINT", server.url)
        ran = run("sync down -d in -b bucket")
    assert ran.code == 1
    assert sorted(ran.err.splitlines()[:-1]) == [
        "timetrace: s3://bucket/cassettes/../../up.json: refused, a part '..' would lead elsewhere",
        "timetrace: s3://bucket/cassettes//etc/passwd.json: refused, a key that starts with '/' would leave the folder",
        "timetrace: s3://bucket/cassettes/x\\x1b]0;x/./b.json: refused, a part '.' would lead elsewhere",
    ]
    assert ran.err.splitlines()[-1].startswith("1 fetched (1 bytes), 3 refused in ")
    assert [path.name for path in folder.parent.rglob("*.json")] == ["a.json"]


def test_refused_key_is_told_as_json_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted([listing("cassettes/b.json//c.json")]) as server:
        monkeypatch.setenv("TIMETRACER_S3_ENDPOINT", server.url)
        item, summary = run("sync down -d in --json").objects
    assert (item["action"], item["key"], item["type"]) == ("refuse", "b.json//c.json", "RefusedKeyError")
    assert summary["refused"] == 1


def test_links_to_folders_are_followed_when_asked(run: Run, make: Callable[..., None], folder: Path) -> None:
    make("cassettes/a.json", "other/b.json")
    (folder / "cassettes/link").symlink_to(folder / "other")
    assert run("sync up -d cassettes").err.startswith("1 sent (18 bytes), 1 left out in ")
    assert run("sync up -d cassettes --follow-symlinks").err.startswith("1 sent (14 bytes), 1 skipped as equal in ")


def test_missing_folder_is_named(run: Run, make: Callable[..., None]) -> None:
    assert run("sync up -d nosuch") == (1, "", "timetrace: there is no folder nosuch\n")
    make("file")
    assert run("sync up -d file") == (1, "", "timetrace: file is no folder\n")


def test_q_prints_nothing_but_errors(run: Run, make: Callable[..., None], folder: Path) -> None:
    make("cassettes/a.json")
    assert run("sync up -d cassettes -q") == (0, "", "")
    (folder / "cassettes/b.json").symlink_to("nowhere")
    ran = run("sync up -d cassettes -q")
    assert ran == (1, "", "timetrace: cassettes/b.json: a broken symbolic link\n")


def test_prefix_separates(run: Run, make: Callable[..., None]) -> None:
    make("cassettes/a.json")
    assert run("sync up -d cassettes -p one").code == 0
    assert run("list -p one").out == "a.json\n"
    assert run("list -p two").out == ""
