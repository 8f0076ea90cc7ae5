"""What a sync can be told, as a user of a real server tells it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bucket import Bucket, Stored
from tests.cli.conftest import Run
from tests.folders import fill
from tests.scripted import error
from tests.subprocesses import unmeasured
from timetrace.storage import S3Config, S3Store

Make = Callable[..., None]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_delete_up_removes_what_the_folder_lacks(run: Run, make: Make, remote: S3Store, bucket: str) -> None:
    make("c/a.json", "c/b.json")
    run("sync up -d c")
    remote.write_bytes("gone.json", b"1")
    remote.write_bytes("notes.txt", b"1")
    dry = run("sync up -d c --delete --dry-run")
    assert (dry.code, dry.out) == (0, f"would remove s3://{bucket}/cassettes/gone.json\n")
    assert dry.err.startswith("1 would be removed, 2 skipped as equal, 1 left out in ")
    ran = run("sync up -d c --delete")
    assert (ran.code, ran.out) == (0, f"removed s3://{bucket}/cassettes/gone.json\n")
    assert ran.err.startswith("1 removed, 2 skipped as equal, 1 left out in ")
    assert sorted(remote.list()) == ["a.json", "b.json", "notes.txt"]


def test_delete_down_removes_files_and_names_them(run: Run, make: Make, remote: S3Store, folder: Path) -> None:
    make("c/a.json", "c/x/gone.json", "c/notes.txt")
    remote.write_bytes("a.json", (folder / "c/a.json").read_bytes())
    assert run("sync down -d c --delete --dry-run").out == "would remove c/x/gone.json\n"
    assert run("sync down -d c --delete --json --dry-run").objects[-2]["path"] == "c/x/gone.json"
    assert run("sync down -d c --delete").out == "removed c/x/gone.json\n"
    assert names(folder / "c") == ["a.json", "notes.txt"]


def test_delete_in_json(run: Run, make: Make, remote: S3Store, bucket: str) -> None:
    make("c/a.json")
    run("sync up -d c")
    remote.write_bytes("gone.json", b"1")
    *_, item, summary = run("sync up -d c --delete --json").objects
    assert item == {"action": "delete", "key": "gone.json", "uri": f"s3://{bucket}/cassettes/gone.json"}
    assert (summary["deleted"], summary["complete"]) == (1, True)


def test_plan_that_removes_too_much_is_printed_and_refused(
    run: Run, make: Make, remote: S3Store, folder: Path, bucket: str
) -> None:
    make("c/a.json", "c/new.json")
    run("sync up -d c --exclude new*")
    for key in ("x.json", "y.json"):
        remote.write_bytes(key, b"1")
    ran = run("sync up -d c --delete")
    assert (ran.code, ran.lines) == (1, [f"would remove s3://{bucket}/cassettes/{name}.json" for name in "xy"])
    assert ran.err == "timetrace: 2 would be deleted and only 1 kept: look at it with --dry-run, then use --force\n"
    assert sorted(remote.list()) == ["a.json", "x.json", "y.json"]
    quiet = run("sync up -d c --delete -q")
    assert (quiet.code, quiet.out, quiet.err) == (1, "", ran.err)
    assert run("sync up -d c --delete --force").code == 0
    assert sorted(remote.list()) == ["a.json", "new.json"]


def test_refused_plan_in_json(run: Run, folder: Path, remote: S3Store, bucket: str) -> None:
    remote.write_bytes("x.json", b"1")
    (folder / "c").mkdir()
    ran = run("sync up -d c --delete --json")
    item, summary = ran.objects
    assert ran.code == 1
    assert item == {
        "action": "refuse",
        "key": "x.json",
        "uri": f"s3://{bucket}/cassettes/x.json",
        "error": "not removed",
        "type": "DeletionRefusedError",
    }
    assert (summary["refused"], summary["complete"]) == (1, False)
    assert ran.err.startswith("timetrace: c has no cassettes, and 1 would be deleted")
    assert ran.err.endswith("use --force\n")


def test_refused_plan_down_names_files(run: Run, make: Make, folder: Path, bucket: str) -> None:
    make("c/a.json")
    ran = run("sync down -d c --delete")
    assert (ran.code, ran.out) == (1, "would remove c/a.json\n")
    assert run("sync down -d c --delete --json").objects[0]["path"] == "c/a.json"
    assert names(folder / "c") == ["a.json"]


def test_missing_folder_is_an_error_even_with_force(run: Run, remote: S3Store) -> None:
    remote.write_bytes("a.json", b"1")
    assert run("sync up -d nosuch --delete --force") == (1, "", "timetrace: there is no folder nosuch\n")
    assert list(remote.list()) == ["a.json"]


def test_patterns_hold_for_both_sides(run: Run, make: Make, remote: S3Store, folder: Path) -> None:
    make("c/a.har", "c/b.json", "c/drafts/c.har")
    for key in ("old.har", "kept.json", "drafts/kept.har"):
        remote.write_bytes(key, b"1")
    ran = run("sync up -d c --include *.har --include *.xml --exclude drafts/* --delete --force")
    assert ran.code == 0
    assert ran.err.startswith("1 sent (9 bytes), 1 removed, 4 left out in ")
    assert sorted(remote.list()) == ["a.har", "drafts/kept.har", "kept.json"]
    assert run("sync down -d new --include *.har").code == 0
    assert names(folder / "new") == ["a.har", "drafts/kept.har"]


def test_patterns_that_match_nothing_are_told_and_no_failure(run: Run, make: Make, bucket: str) -> None:
    make("c/a.json")
    ran = run("sync up -d c --include *.har")
    assert (ran.code, ran.out) == (0, "")
    warning, total = ran.err.splitlines()
    assert warning == (
        "timetrace: warning: nothing to sync in c: the patterns of --include and --exclude take no name there"
    )
    assert total.startswith("1 left out in ")
    ran = run("sync down -d c")
    assert ran.code == 0
    assert ran.err.startswith(
        f"timetrace: warning: nothing to sync in s3://{bucket}/cassettes/: "
        "no name there ends in .json, .json.gz, .yaml or .yml\n"
    )
    ran = run("upload c --exclude a*")
    assert ran.code == 0
    assert ran.err.startswith("timetrace: warning: nothing to send in c: the patterns of --include and --exclude")


def test_verify_reads_both_sides_and_names_each_difference(
    run: Run, make: Make, remote: S3Store, folder: Path, bucket: str
) -> None:
    make("c/a.json", "c/b.json", "c/c.json")
    run("sync up -d c")
    ran = run("sync up -d c --verify")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("3 verified, equal in ")
    assert run("sync down -d c --verify").err.startswith("3 verified, equal in ")
    remote.write_bytes("b.json", (folder / "c/b.json").read_bytes().replace(b"b", b"B"))
    remote.delete("c.json")
    remote.write_bytes("only there.json", b"1")
    ran = run("sync up -d c --verify")
    assert (ran.code, ran.out) == (1, "")
    *differences, total = ran.err.splitlines()
    assert sorted(differences) == [
        f"timetrace: s3://{bucket}/cassettes/b.json: b.json is not the same on both sides",
        f"timetrace: s3://{bucket}/cassettes/c.json: c.json is missing on the other side",
    ]
    assert total.startswith("1 verified, equal, 2 failed in ")
    items = {item.get("key"): item for item in run("sync up -d c --verify --json").objects}
    assert (items["a.json"]["action"], items["a.json"]["size"]) == ("verify", 10)
    assert (items["b.json"]["action"], items["b.json"]["type"]) == ("fail", "Difference")
    assert sorted(remote.list()) == ["a.json", "b.json", "only there.json"]


def test_compress_stores_gzip_that_comes_back_plain(run: Run, make: Make, folder: Path, remote: S3Store) -> None:
    (folder / "c").mkdir()
    content = b'{"a": "' + b"x" * 10_000 + b'"}'
    (folder / "c/a.json").write_bytes(content)
    assert run("sync up -d c --compress").code == 0
    assert remote.stat("a.json").content_encoding == "gzip"
    assert remote.stat("a.json").size < 200
    for again in ("sync up -d c --compress", "sync up -d c", "sync down -d c"):
        assert run(again).err.startswith("1 skipped as equal in ")
    assert run("sync down -d new").code == 0
    assert (folder / "new/a.json").read_bytes() == content
    assert run("cat a.json").out.encode() == content
    assert run("upload c/a.json --key b.json --compress").code == 0
    assert remote.stat("b.json").size == remote.stat("a.json").size


def test_create_only_skips_what_is_there(run: Run, make: Make, remote: S3Store) -> None:
    make("c/a.json", "c/b.json")
    remote.write_bytes("a.json", b"other")
    ran = run("sync up -d c --create-only")
    assert (ran.code, len(ran.lines)) == (0, 1)
    assert ran.err.startswith("1 sent (10 bytes), 1 skipped as equal in ")
    assert remote.read_bytes("a.json") == b"other"


def test_create_only_upload_fails_for_what_is_there(run: Run, make: Make, remote: S3Store, bucket: str) -> None:
    make("c/a.json", "c/b.json", "c/c.json")
    remote.write_bytes("a.json", b"other")
    ran = run("upload c --create-only")
    assert (ran.code, len(ran.lines)) == (1, 2)
    assert f"timetrace: PUT s3://{bucket}/cassettes/a.json: 412 PreconditionFailed" in ran.err
    assert remote.read_bytes("a.json") == b"other"


@pytest.fixture
def scripted(offline: Run, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TIMETRACER_S3_MAX_ATTEMPTS", "1")
    return offline, Bucket()


@pytest.mark.parametrize("command", ["sync up -d c --create-only", "upload c --create-only"])
def test_server_that_ignores_create_only_is_found_out(scripted: tuple[Run, Bucket], make: Make, command: str) -> None:
    make("c/a.json", "c/b.json")
    run, bucket = scripted
    with bucket:
        bucket.creates_only = False
        ran = run(f"{command} -b bucket --endpoint-url {bucket.url}")
    assert (ran.code, ran.out) == (1, "")
    assert "If-None-Match was ignored: this server cannot create only" in ran.err


def test_max_errors_stops_and_says_so(scripted: tuple[Run, Bucket], make: Make) -> None:
    make(*(f"c/{number:03}.json" for number in range(100)))
    run, bucket = scripted
    with bucket:
        bucket.misbehave(error(403, "AccessDenied"), method="PUT")
        ran = run(f"sync up -d c --max-errors 3 -j 1 -b bucket --endpoint-url {bucket.url}")
        assert len(bucket.asked("PUT")) == 3
        told = run(f"sync up -d c --max-errors 3 -j 1 --json -b bucket --endpoint-url {bucket.url}").objects[-1]
    assert ran.code == 1
    *failures, stopped, total = ran.err.splitlines()
    assert len(failures) == 3
    assert stopped == "timetrace: stopped after 3 failures, the most that were allowed"
    assert total.startswith("stopped early: 3 failed in ")
    assert (told["failed"], told["complete"]) == (3, False)


def test_sync_that_has_to_start_over_tells_what_came_of_it_in_the_end(
    scripted: tuple[Run, Bucket], tmp_path: Path
) -> None:
    run, bucket = scripted
    keys = [f"k{number:05}.json" for number in range(10_100)]
    order = {key: place for place, key in enumerate([*keys[:10_050], *reversed(keys[10_050:])])}
    fill(tmp_path / "c", dict.fromkeys(keys[5:], b"") | {"notes.txt": b""})
    with bucket:
        bucket.order = lambda key: order[key.removeprefix("cassettes/")]
        bucket.objects = {f"cassettes/{key}": Stored(b"") for key in keys}
        bucket.misbehave(error(403, "AccessDenied"), method="GET", key="cassettes/k00001.json", times=1)
        ran = run(f"sync down -d {tmp_path / 'c'} --json -b bucket --endpoint-url {bucket.url}")
    told = ran.objects[-1]
    assert (ran.code, told["failed"], told["transferred"], told["skipped"], told["left_out"]) == (0, 0, 5, 10_095, 1)


def test_jobs_are_how_many_are_on_their_way(scripted: tuple[Run, Bucket], make: Make) -> None:
    make(*(f"c/{number:03}.json" for number in range(30)))
    run, bucket = scripted
    keys = [f"{number:03}.json" for number in range(30)]
    with bucket:
        at = f"-b bucket --endpoint-url {bucket.url} -j 1"
        for command in ("upload c", "sync up -d c", "sync down -d new", f"download {' '.join(keys)} -o other"):
            before = bucket.connections
            assert run(f"{command} {at}").code == 0
            # One for what is moved, and one for the listing that runs ahead.
            assert bucket.connections - before <= 2


def test_sizes_decide_what_goes_in_parts(scripted: tuple[Run, Bucket], folder: Path) -> None:
    run, bucket = scripted
    content = os.urandom(11 * 2**20)
    (folder / "big.json").write_bytes(content)
    with bucket:
        at = f"-b bucket --endpoint-url {bucket.url}"
        assert run(f"upload big.json {at}").code == 0
        assert bucket.asked("PUT") == ["PUT cassettes/big.json"]
        parts = "--multipart-threshold 6MB --part-size 5MB"
        assert run(f"upload big.json --key b.json {parts} {at}").code == 0
        assert bucket.asked("PUT")[1:] == ["PUT cassettes/b.json"] * 3
        bucket.requests.clear()
        assert run(f"download b.json {parts} {at}").code == 0
        assert len(bucket.asked("GET cassettes/b.json")) > 2
    assert (folder / "b.json").read_bytes() == content


def test_rm_of_many_is_one_request(scripted: tuple[Run, Bucket]) -> None:
    run, bucket = scripted
    keys = [f"{number}.json" for number in range(50)]
    with bucket, bucket.store(prefix="cassettes") as store:
        for key in keys:
            store.write_bytes(key, b"1")
        bucket.kept.add("cassettes/7.json")
        bucket.requests.clear()
        ran = run(f"rm {' '.join(keys)} --yes -j 2 -b bucket --endpoint-url {bucket.url}")
        assert bucket.asked() == ["POST "]
    assert (ran.code, len(ran.lines)) == (1, 49)
    assert ran.err.count("AccessDenied") == 1
    assert ran.err.splitlines()[-1].startswith("49 removed, 1 failed in ")


def test_rm_where_the_server_cannot_do_many(scripted: tuple[Run, Bucket]) -> None:
    run, bucket = scripted
    with bucket, bucket.store(prefix="cassettes") as store:
        bucket.deletes_many = False
        for key in ("a.json", "b.json"):
            store.write_bytes(key, b"1")
        ran = run(f"rm a.json '' b.json --yes -b bucket --endpoint-url {bucket.url}")
        assert (ran.code, len(ran.lines), list(bucket.objects)) == (1, 2, [])
    assert "timetrace: an empty key\n" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize(
    "command", ["sync down -d {}", "download a b -o {}", "sync down -d {}/new", "download a b -o {}/new"]
)
def test_folder_that_cannot_be_written_to_ends_it_before_anything_is_sent(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    with Bucket() as bucket:
        program = (
            "import os, sys\n"
            "from timetrace.cli import main\n"
            # Before the rights are gone that may be needed to read them.
            "import configparser, timetrace.cli.commands, timetrace.cli.failures, timetrace.s3.transport\n"
            "import timetrace.storage.folder, timetrace.storage.mirror_down\n"
            "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "sys.exit(main(sys.argv[1:]))\n"
        )
        at = ["-b", "bucket", "--endpoint-url", bucket.url, "--no-sign-request"]
        os.chmod(tmp_path, 0o755)
        for parent in tmp_path.parents[:2]:
            os.chmod(parent, 0o755)
        done = subprocess.run(
            [sys.executable, "-c", program, "s3", *command.format(folder).split(), *at],
            env=unmeasured(),
            capture_output=True,
            text=True,
        )
        assert bucket.requests == []
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"timetrace: {folder}")
    assert done.stderr.count("\n") == 1


def test_prefix_less_store_has_the_same_options(run: Run, make: Make) -> None:
    make("c/a.json")
    assert run("sync up -d c -p '' --delete --force").code == 0
    with S3Store(S3Config(prefix="")) as whole:
        assert list(whole.list()) == ["a.json"]
