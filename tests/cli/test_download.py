from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest

from tests.cli.conftest import Run
from timetrace.storage import S3Config, S3Store

KEY = "2026-01-15/a.json"


@pytest.fixture
def stored(remote: S3Store) -> None:
    for key in (KEY, "2026-01-16/b.json"):
        remote.write_bytes(key, key.encode())


pytestmark = pytest.mark.usefixtures("stored")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_single_key_goes_to_its_last_part(run: Run, folder: Path, bucket: str) -> None:
    ran = run(f"download {KEY}")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"s3://{bucket}/cassettes/{KEY} -> a.json\n"
    assert (folder / "a.json").read_text() == KEY


def test_output_is_a_file(run: Run, folder: Path) -> None:
    assert run(f"download {KEY} -o ./new/local.json").code == 0
    assert files(folder) == ["new/local.json"]


def test_output_is_a_folder_that_exists_or_ends_in_a_slash(run: Run, folder: Path) -> None:
    (folder / "old").mkdir()
    assert run(f"download {KEY} -o old").code == 0
    assert run(f"download {KEY} -o new/").code == 0
    assert files(folder) == ["new/a.json", "old/a.json"]


def test_output_is_stdout_with_nothing_but_the_content(run: Run, folder: Path) -> None:
    ran = run(f"download {KEY} -o - -v")
    assert (ran.code, ran.out) == (0, KEY)
    assert files(folder) == []


def test_output_is_a_pipe(run: Run, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    came: list[bytes] = []
    reader = Thread(target=lambda: came.append((folder / "pipe").read_bytes()))
    reader.start()
    assert run(f"download {KEY} -o pipe").code == 0
    reader.join()
    assert came == [KEY.encode()]


def test_several_keys_keep_their_paths(run: Run, folder: Path) -> None:
    ran = run(f"download {KEY} 2026-01-16/b.json")
    assert ran.code == 0
    assert ran.err.startswith("2 fetched (34 bytes) in ")
    assert run(f"download {KEY} 2026-01-16/b.json -o out").code == 0
    assert files(folder) == ["2026-01-15/a.json", "2026-01-16/b.json", "out/2026-01-15/a.json", "out/2026-01-16/b.json"]


def test_several_keys_do_not_fit_a_file_or_stdout(run: Run, folder: Path) -> None:
    (folder / "file").write_text("")
    for output in ("file", "-"):
        ran = run(f"download {KEY} 2026-01-16/b.json -o {output}")
        assert ran.code == 2
        assert "takes a single key: give -o a folder for several" in ran.err


def test_missing_key_does_not_stop_the_others(run: Run, folder: Path, bucket: str) -> None:
    ran = run(f"download nosuch.json {KEY}")
    assert ran.code == 1
    assert f"timetrace: GET s3://{bucket}/cassettes/nosuch.json: 404 NoSuchKey" in ran.err
    assert files(folder) == [KEY]


def test_missing_key_leaves_no_file(run: Run, folder: Path, bucket: str) -> None:
    ran = run("download nosuch.json -o local.json")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"timetrace: GET s3://{bucket}/cassettes/nosuch.json: 404 NoSuchKey")
    assert ran.err.endswith(": check the key and the prefix\n")
    assert files(folder) == []


def test_keys_that_would_leave_the_folder_are_refused(run: Run, folder: Path, environ: dict[str, str]) -> None:
    ran = run(f"download ../../out.json {KEY} -o sub")
    assert ran.code == 1
    assert "out.json: refused, a part '..' would lead elsewhere\n" in ran.err
    assert files(folder.parent) == [f"here/sub/{KEY}"]
    assert run("download 2026-01-15/..").code == 1
    assert run("download 2026-01-15/.. -o sub").code == 1


def test_uri_is_absolute(run: Run, folder: Path, bucket: str) -> None:
    with S3Store(S3Config(prefix="")) as whole:
        whole.write_bytes("elsewhere/c.json", b"c")
    assert run(f"download s3://{bucket}/elsewhere/c.json").code == 0
    assert run(f"download s3://{bucket}/elsewhere/c.json {KEY} -o out").code == 0
    assert files(folder) == ["c.json", f"out/{KEY}", "out/elsewhere/c.json"]


def test_uri_needs_no_configured_bucket(run: Run, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIMETRACER_S3_BUCKET")
    assert run(f"cat s3://{bucket}/cassettes/{KEY}").out == KEY
    monkeypatch.setenv("TIMETRACER_S3_BUCKET", "another")
    assert run(f"cat s3://{bucket}/cassettes/{KEY}").out == KEY
    assert run(f"cat s3://{bucket}/cassettes/{KEY} -b {bucket}").out == KEY


def test_two_buckets_are_a_misuse(run: Run, bucket: str) -> None:
    beside = run(f"cat s3://{bucket}/x.json -b other-bucket")
    assert beside.code == 2
    assert beside.err == (
        f"timetrace: s3://{bucket}/x.json is in another bucket than -b says (other-bucket): one command, one bucket\n"
    )
    assert run("download s3://one-bucket/a s3://two-bucket/b").code == 2
    mixed = run("download s3://other-bucket/a.json b.json")
    assert mixed.code == 2
    assert mixed.err == f"timetrace: b.json is in the bucket {bucket}, and s3://other-bucket is not\n"


def test_malformed_uri_is_named(run: Run) -> None:
    ran = run("cat s3://bucket")
    assert (ran.code, ran.err) == (1, "timetrace: s3://bucket: no key in this URI: write s3://BUCKET/KEY\n")


def test_file_that_cannot_be_written_is_named_with_its_cause(run: Run, folder: Path) -> None:
    (folder / "file").write_text("")
    ran = run(f"download {KEY} -o file/a.json")
    assert ran.code == 1
    assert ran.err.startswith("timetrace: file")
    assert ran.err.count("\n") == 1
