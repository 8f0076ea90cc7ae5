"""A real server behind a relay that breaks things: syncs end with everything there, byte for byte."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import toxiproxy
from tests.servers.cache import UnavailableError
from tests.servers.server import Server
from timetrace.storage import S3Config, S3Store

FILES = 100
# Name, kind, the way (True: to the server), the share of connections, and toxiproxy's own attributes.
TOXICS: dict[str, tuple[str, bool, float, dict[str, int]]] = {
    "answers reset": ("reset_peer", False, 0.4, {"timeout": 30}),
    "requests reset": ("reset_peer", True, 0.4, {"timeout": 30}),
    "answers cut": ("limit_data", False, 1.0, {"bytes": 30_000}),
    "requests cut": ("limit_data", True, 1.0, {"bytes": 30_000}),
    "answers in slices": ("slicer", False, 1.0, {"average_size": 200, "size_variation": 100, "delay": 10}),
    "silence": ("timeout", False, 0.3, {"timeout": 0}),
    "silence, then cut": ("timeout", False, 0.4, {"timeout": 100}),
    "slow line": ("bandwidth", False, 1.0, {"rate": 400}),
    "late answers": ("latency", False, 1.0, {"latency": 20, "jitter": 15}),
    "slow to close": ("slow_close", False, 1.0, {"delay": 200}),
}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[toxiproxy.Toxiproxy]:
    try:
        with toxiproxy.start(tmp_path_factory.mktemp("toxiproxy")) as running:
            yield running
    except UnavailableError as error:
        if request.config.option.require_servers:
            raise
        pytest.skip(f"NOT RUN, toxiproxy cannot be had: {error}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of up to 9 kB."""
    folder, chance = tmp_path_factory.mktemp("cassettes"), random.Random(5)
    for number in range(FILES):
        path = folder / f"day-{number % 7}" / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'"%s"' % chance.randbytes(chance.randrange(4500)).hex().encode())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TOXICS)
def test_a_sync_through_it_ends_with_everything_there(
    name: str, relay: toxiproxy.Toxiproxy, seaweedfs: Server, environ: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    proxied = name.replace(" ", "-").replace(",", "")
    config = S3Config(
        endpoint_url=relay.proxy(proxied, seaweedfs.url), read_timeout=1, connect_timeout=5, max_attempts=10
    )
    kind, upstream, share, attributes = TOXICS[name]
    relay.add(proxied, kind, upstream=upstream, toxicity=share, **attributes)
    with S3Store(config) as store:
        up = store.sync_upload(folder)
        down = store.sync_download(tmp_path / "down")
    assert (up.failed, up.transferred, down.failed, down.transferred) == ((), FILES, (), FILES)
    assert contents(tmp_path / "down") == contents(folder)
    with S3Store() as direct:
        direct.sync_download(tmp_path / "direct")
    assert contents(tmp_path / "direct") == contents(folder)
