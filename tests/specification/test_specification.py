"""Every command and code block of the specification, run as written, against a real server.

Prepared are only the environment (endpoint, credentials, the buckets that the text names) and a current folder with the
cassettes that it takes for granted. Two things are not run here as a whole:

- `pip install timetrace[s3]` would install the project that has this name on PyPI. `scripts/check` installs the built
  wheel with this extra; here the extra is looked up.
- `http://localhost:9000` is a port that a test has no right to. Both blocks that name it run, and what is looked at is
  the URL that a request would go to, and with whose key.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.servers.server import Server
from timetrace.storage import S3Config, S3Store

ROOT = Path(__file__).parents[2]
TEXT = Path(__file__).with_name("s3-storage.md").read_text(encoding="utf-8")
CASSETTE = {"request": {"method": "POST", "path": "/checkout"}, "response": {"status": 201}}


class Block(NamedTuple):
    language: str
    code: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)]
INSTALL, UPLOAD, DOWNLOAD, LIST, SYNC, PYTHON, COMPATIBLE, ENVIRONMENT = BLOCKS


@pytest.fixture(scope="session")
def buckets(seaweedfs: Server) -> None:
    for name in ("my-bucket", "my-cassettes"):
        seaweedfs.make_bucket(name)


@pytest.fixture
def place(buckets: None, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with cassettes in it, `timetrace` on PATH, and both buckets empty."""
    place, commands = tmp_path / "place", tmp_path / "bin"
    for name in ("POST__checkout__a91c.json", "2026-01-15/POST__checkout__a91c.json", "POST__checkout.json"):
        path = place / "cassettes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**CASSETTE, "name": name}))
    commands.mkdir()
    command = commands / "timetrace"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -W error -m timetrace "$@"\n')
    command.chmod(0o755)
    monkeypatch.delenv("TIMETRACER_S3_BUCKET")
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(place)
    yield place
    for name in ("my-bucket", "my-cassettes"):
        with S3Store(S3Config(bucket=name, prefix="")) as store:
            assert store.delete_files(list(store.list())).ok


def shell(block: str) -> list[str]:
    """The lines that a block prints. Each of its commands must succeed, and tell no error."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "timetrace:" not in done.stderr
    return done.stdout.splitlines()


def python(block: str, **names: Any) -> dict[str, Any]:
    """What a block defines."""
    exec(compile(block, "s3-storage.md", "exec"), names)
    return names


def keys(bucket: str, prefix: str = "cassettes") -> list[str]:
    with S3Store(S3Config(bucket=bucket, prefix=prefix)) as store:
        return sorted(store.list())


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ALL = ["2026-01-15/POST__checkout__a91c.json", "POST__checkout.json", "POST__checkout__a91c.json"]


def test_these_are_all_blocks() -> None:
    assert [block.language for block in BLOCKS] == ["bash"] * 5 + ["python"] * 2 + ["bash"]
    assert TEXT.count("```") == 2 * len(BLOCKS)


def test_extra_that_is_to_be_installed_is_there() -> None:
    assert INSTALL.code == "pip install timetrace[s3]\n"
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^name = "timetrace"$', project, re.MULTILINE)
    assert re.search(r'^s3 = \["urllib3', project, re.MULTILINE)


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [
        ("TIMETRACER_S3_BUCKET", "bucket", "traces"),
        ("TIMETRACER_S3_PREFIX", "prefix", "api-traces"),
        ("TIMETRACER_S3_REGION", "region", "eu-central-1"),
        ("TIMETRACER_S3_ENDPOINT", "endpoint_url", "http://localhost:9000"),
        ("AWS_ACCESS_KEY_ID", "access_key", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret_key", "secret"),
    ],
)
def test_each_variable_of_the_table_sets_what_it_says(variable: str, field: str, value: str) -> None:
    assert f"| `{variable}` |" in TEXT
    settings = {
        "TIMETRACER_S3_BUCKET": "bucket",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        variable: value,
    }
    assert getattr(S3Config.from_env(settings), field) == value
    assert S3Config.from_env({"TIMETRACER_S3_BUCKET": "bucket"}).prefix == "cassettes"


def test_upload(place: Path) -> None:
    single, directory = [part for part in UPLOAD.code.split("\n\n") if part]
    assert shell(single) == [
        "./cassettes/POST__checkout__a91c.json -> s3://my-bucket/cassettes/POST__checkout__a91c.json"
    ]
    assert keys("my-bucket") == ["POST__checkout__a91c.json"]
    assert len(shell(directory)) == 3
    assert keys("my-bucket") == ALL
    shell(UPLOAD.code)  # once more, as a whole


def test_download(place: Path) -> None:
    shell(UPLOAD.code)
    shell(DOWNLOAD.code)
    assert (place / "local.json").read_bytes() == files(place / "cassettes")["2026-01-15/POST__checkout__a91c.json"]


def test_list(place: Path) -> None:
    assert shell(LIST.code) == []
    shell(UPLOAD.code)
    assert sorted(shell(LIST.code)) == ALL


def test_list_stops_at_fifty(place: Path) -> None:
    for number in range(60):
        (place / f"cassettes/{number}.json").write_text("1")
    shell(UPLOAD.code)
    assert len(shell(LIST.code)) == 50


def test_sync(place: Path) -> None:
    up, down = [part for part in SYNC.code.split("\n\n") if part]
    before = files(place / "cassettes")
    assert len(shell(up)) == 3
    assert keys("my-bucket") == ALL
    assert shell(SYNC.code) == []  # all is equal on both sides
    for name in ALL:
        (place / "cassettes" / name).unlink()
    assert len(shell(down)) == 3
    assert files(place / "cassettes") == before


def test_python_api(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with S3Store(S3Config(bucket="my-cassettes", prefix="api-traces")) as store:
        store.write("2026-01-15/POST__checkout.json", CASSETTE)  # recorded earlier

    made = python(PYTHON.code, cassette_data={"custom": True})
    made["store"].close()

    up, recorded = "POST__checkout.json", "2026-01-15/POST__checkout.json"
    assert sorted(capsys.readouterr().out.splitlines()) == sorted([up, recorded])
    assert made["data"] == CASSETTE
    assert json.loads((place / "local.json").read_bytes()) == CASSETTE
    assert keys("my-cassettes", "api-traces") == sorted({*ALL, recorded, "custom/key.json"})
    came = files(place / "local_cassettes")
    assert sorted(came) == sorted({*ALL, recorded, "custom/key.json"})
    assert {name: came[name] for name in ALL} == files(place / "cassettes")
    assert json.loads(came["custom/key.json"]) == {"custom": True}


HERE = "http://localhost:9000/my-bucket/cassettes/a.json?"


def test_compatible_storage_in_python(place: Path) -> None:
    config = python(COMPATIBLE.code, S3Config=S3Config)["config"]
    with S3Store(config) as store:
        url = store.presign("a.json")
    assert url.startswith(HERE)
    assert "X-Amz-Credential=minioadmin%2F" in url
    assert "minioadmin" not in repr(config).replace("access_key='minioadmin'", "")


def test_compatible_storage_in_the_environment(place: Path) -> None:
    (url,) = shell(f"{ENVIRONMENT.code}\ntimetrace s3 url a.json -b my-bucket")
    assert url.startswith(HERE)
    assert "X-Amz-Credential=minioadmin%2F" in url
