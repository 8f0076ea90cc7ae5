from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Run
from timetrace.storage import S3Config, S3Store


def test_file_goes_to_its_name_and_says_so(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("cassettes/POST__checkout__a91c.json")
    ran = run("upload ./cassettes/POST__checkout__a91c.json")
    assert ran.out == (f"./cassettes/POST__checkout__a91c.json -> s3://{bucket}/cassettes/POST__checkout__a91c.json\n")
    assert (ran.code, ran.err) == (0, "")
    assert run("list").out == "POST__checkout__a91c.json\n"


def test_file_in_a_folder_named_by_a_date_keeps_the_date(run: Run, make: Callable[..., None]) -> None:
    make("2026-01-15/a.json")
    assert run("upload 2026-01-15/a.json").code == 0
    assert run("list").out == "2026-01-15/a.json\n"


def test_file_in_the_current_folder_keeps_that_ones_date(
    run: Run, make: Callable[..., None], folder: Path, monkeypatch: object
) -> None:
    make("2026-01-15/a.json")
    os.chdir(folder / "2026-01-15")
    assert run("upload a.json").code == 0
    assert run("list").out == "2026-01-15/a.json\n"


def test_folder_goes_recursively_with_keys_relative_to_it(run: Run, make: Callable[..., None]) -> None:
    make("cassettes/a.json", "cassettes/2026-01-15/b.yaml", "cassettes/x/y/c.json.gz", "cassettes/notes.txt")
    ran = run("upload ./cassettes/")
    assert ran.code == 0
    assert ran.err.startswith("3 sent (")
    assert ", 1 left out in " in ran.err
    assert sorted(run("list").lines) == ["2026-01-15/b.yaml", "a.json", "x/y/c.json.gz"]


def test_folder_whose_own_name_is_a_date_keeps_it(run: Run, make: Callable[..., None]) -> None:
    make("2026-01-15/a.json", "2026-01-15/x/b.json", "2026-02-31/c.json")
    assert run("upload 2026-01-15 2026-02-31/").code == 0
    assert sorted(run("list").lines) == ["2026-01-15/a.json", "2026-01-15/x/b.json", "c.json"]


def test_named_file_goes_whatever_its_name(run: Run, make: Callable[..., None]) -> None:
    make("notes.txt", ".hidden")
    assert run("upload notes.txt .hidden").code == 0
    assert sorted(run("list").lines) == [".hidden", "notes.txt"]


def test_key_renames_a_single_file(run: Run, make: Callable[..., None]) -> None:
    make("local.json")
    assert run("upload local.json --key 2026-01-15/x.json").code == 0
    assert run("cat 2026-01-15/x.json").out == '"local.json"'


def test_key_may_be_a_uri_outside_of_the_prefix(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("local.json")
    ran = run(f"upload local.json --key s3://{bucket}/elsewhere/x.json")
    assert ran.out == f"local.json -> s3://{bucket}/elsewhere/x.json\n"
    with S3Store(S3Config(prefix="")) as whole:
        assert list(whole.list()) == ["elsewhere/x.json"]


def test_key_for_several_files_or_a_folder_is_a_misuse(run: Run, make: Callable[..., None]) -> None:
    make("a.json", "b.json", "d/c.json")
    several = run("upload a.json b.json --key k")
    assert several.code == 2
    assert several.err == "timetrace: --key is for a single file, not for several paths: leave it out, or use -p\n"
    assert run("upload d --key k").code == 2
    assert run("list").out == ""


def test_two_paths_with_one_key_are_an_error_before_anything_is_sent(run: Run, make: Callable[..., None]) -> None:
    make("a/x.json", "b/x.json", "c.json")
    ran = run("upload c.json a b")
    assert ran.code == 2
    assert ran.err.startswith("timetrace: a/x.json and b/x.json would have one key, x.json: ")
    assert run("list").out == ""


def test_a_file_given_twice_goes_once(run: Run, make: Callable[..., None]) -> None:
    make("2026-01-15/x.json")
    ran = run("upload 2026-01-15 2026-01-15/x.json ./2026-01-15/")
    assert (ran.code, len(ran.lines)) == (0, 1)


def test_folder_without_cassettes_is_told(run: Run, make: Callable[..., None]) -> None:
    make("docs/readme.txt")
    ran = run("upload docs")
    assert ran.code == 0
    assert ran.err.startswith(
        "timetrace: warning: nothing to send in docs: no name there ends in .json, .json.gz, .yaml or .yml\n"
    )


def test_linked_folder_is_left_out_and_named_with_v(run: Run, make: Callable[..., None], folder: Path) -> None:
    make("cassettes/a.json", "other/b.json")
    (folder / "cassettes/link").symlink_to(folder / "other")
    ran = run("upload cassettes -v")
    assert ran.code == 0
    assert "left out: cassettes/link: a symbolic link to a folder\n" in ran.err


def test_broken_link_is_named_and_does_not_stop_the_others(run: Run, make: Callable[..., None], folder: Path) -> None:
    make("cassettes/a.json")
    (folder / "cassettes/b.json").symlink_to("nowhere")
    ran = run("upload cassettes")
    assert ran.code == 1
    assert "timetrace: cassettes/b.json: a broken symbolic link\n" in ran.err
    assert run("list").out == "a.json\n"


def test_missing_path_is_an_error_before_anything_is_sent(run: Run, make: Callable[..., None]) -> None:
    make("a.json")
    ran = run("upload a.json nosuch.json")
    assert (ran.code, ran.out, ran.err) == (1, "", "timetrace: nosuch.json: No such file or directory\n")
    assert run("list").out == ""


def test_prefix_of_nothing_means_none(run: Run, make: Callable[..., None], bucket: str) -> None:
    make("a.json")
    assert run("upload a.json -p ''").out == f"a.json -> s3://{bucket}/a.json\n"
    assert run("upload a.json -p api/traces/").out == f"a.json -> s3://{bucket}/api/traces/a.json\n"
    assert sorted(run("list -p ''").lines) == ["a.json", "api/traces/a.json"]
