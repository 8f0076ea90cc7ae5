"""Real servers behind a relay that breaks things: syncs and single calls end well, byte for byte."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers import toxiproxy
from tests.servers.cache import UnavailableError
from tests.servers.server import Server
from timetrace.storage import S3Config, S3Store

FILES = 100
SMALL, LARGE = b"0123456789" * 200, random.Random(5).randbytes(6_000_000)
CALLS = 400  # of one kind, within which each toxic has to strike


@dataclass(frozen=True)
class Toxic:
    """`upstream` is the way to the server; `share` that of the connections, and `attributes` toxiproxy's own.

    `small` and `large` are attributes for one small and one large object, where these take others. What breaks nothing
    and is only slow makes each call take `least` seconds.
    """

    kind: str
    share: float
    attributes: dict[str, int]
    upstream: bool = False
    small: dict[str, int] = field(default_factory=dict)
    large: dict[str, int] = field(default_factory=dict)
    least: float = 0.0


AT_ONCE, LATER, CUT = {"timeout": 0}, {"timeout": 100}, {"bytes": 5_600_000}
TOXICS: dict[str, Toxic] = {
    "answers reset": Toxic("reset_peer", 0.4, {"timeout": 30}, small=AT_ONCE, large=LATER),
    "requests reset": Toxic("reset_peer", 0.4, {"timeout": 30}, upstream=True, small=AT_ONCE, large=LATER),
    "answers cut": Toxic("limit_data", 1.0, {"bytes": 30_000}, large=CUT),
    "requests cut": Toxic("limit_data", 1.0, {"bytes": 30_000}, upstream=True, large=CUT),
    "answers in slices": Toxic(
        "slicer",
        1.0,
        {"average_size": 200, "size_variation": 100, "delay": 10},
        small={"average_size": 30, "size_variation": 10, "delay": 1_000},
        large={"average_size": 30_000, "size_variation": 10_000, "delay": 1_000},
        least=0.003,
    ),
    "silence": Toxic("timeout", 0.3, {"timeout": 0}),
    "silence, then cut": Toxic("timeout", 0.4, {"timeout": 100}),
    "late answers": Toxic("latency", 1.0, {"latency": 40, "jitter": 10}, least=0.03),
    "slow line": Toxic("bandwidth", 1.0, {"rate": 400}, large={"rate": 40_000}),
    "slow to close": Toxic("slow_close", 1.0, {"delay": 200}),
}
BREAKS = [name for name, toxic in TOXICS.items() if toxic.kind in ("reset_peer", "limit_data", "timeout")]
BREAKS_SOON = [name for name in BREAKS if name != "silence"]  # which costs a timeout each time


def put(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    store.write_bytes(f"{number}.json", SMALL)
    assert direct.read_bytes(f"{number}.json") == SMALL


def get(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    assert store.read_bytes("there.json") == SMALL


def head(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    assert store.stat("there.json").size == len(SMALL)


def list_(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    assert [*store.list()] == ["there.json"]


def delete(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    direct.write_bytes(f"{number}.json", SMALL)
    store.delete(f"{number}.json")
    assert not direct.exists(f"{number}.json")


def multipart(store: S3Store, direct: S3Store, number: int, folder: Path) -> None:
    """Up in parts, and down in ranges."""
    store.write_bytes("large.bin", LARGE)
    store.download("large.bin", folder / "large.bin")
    assert (folder / "large.bin").read_bytes() == LARGE


ONE_CALL = (put, get, head, list_, delete, multipart)


def toxics(names: list[str], *both: str) -> list[object]:
    """Each on SeaweedFS, and `both` on MinIO too."""
    servers = {name: ("seaweedfs", "minio") if name in both else ("seaweedfs",) for name in names}
    return [pytest.param(name, marks=pytest.mark.only_on(*servers[name])) for name in names]


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
def relayed(relay: toxiproxy.Toxiproxy, server: Server) -> tuple[str, str]:
    """The name and the URL of the relay in front of the server."""
    return server.name, relay.proxy(server.name, server.url)


@pytest.fixture
def through(relay: toxiproxy.Toxiproxy, relayed: tuple[str, str], config: S3Config) -> Iterator[S3Store]:
    quick = config.replace(
        endpoint_url=relayed[1],
        read_timeout=0.5,
        connect_timeout=5,
        max_attempts=10,
        multipart_threshold="5MiB",
        part_size="5MiB",
    )
    with S3Store(quick) as store:
        yield store
    relay.reset()


@pytest.fixture
def again(caplog: pytest.LogCaptureFixture) -> Callable[[], int]:
    """How many requests were sent once more."""
    caplog.set_level(logging.DEBUG, "timetrace")
    return lambda: sum("(attempt " in record.getMessage() for record in caplog.records)


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


def poison(relay: toxiproxy.Toxiproxy, proxy: str, toxic: Toxic, attributes: dict[str, int]) -> None:
    relay.add(proxy, toxic.kind, upstream=toxic.upstream, toxicity=toxic.share, **attributes)


@pytest.mark.parametrize("name", toxics([*TOXICS], "answers reset", "requests reset", "answers cut", "requests cut"))
def test_a_sync_through_it_ends_with_everything_there(
    name: str,
    relay: toxiproxy.Toxiproxy,
    relayed: tuple[str, str],
    through: S3Store,
    store: S3Store,
    again: Callable[[], int],
    folder: Path,
    tmp_path: Path,
) -> None:
    poison(relay, relayed[0], TOXICS[name], TOXICS[name].attributes)
    up = through.sync_upload(folder)
    down = through.sync_download(tmp_path / "down")
    assert (up.failed, up.transferred, down.failed, down.transferred) == ((), FILES, (), FILES)
    assert contents(tmp_path / "down") == contents(folder)
    assert again() or name not in BREAKS, "nothing was sent again"
    store.sync_download(tmp_path / "direct")
    assert contents(tmp_path / "direct") == contents(folder)


@pytest.mark.parametrize("call", ONE_CALL, ids=lambda call: call.__name__.strip("_"))
@pytest.mark.parametrize(
    "name", toxics([*BREAKS_SOON, "answers in slices", "late answers"], "requests reset", "answers cut")
)
def test_a_call_through_it_does_what_it_says(
    name: str,
    call: Callable[[S3Store, S3Store, int, Path], None],
    relay: toxiproxy.Toxiproxy,
    relayed: tuple[str, str],
    through: S3Store,
    store: S3Store,
    again: Callable[[], int],
    tmp_path: Path,
) -> None:
    """Until it has been seen that the toxic strikes."""
    toxic = TOXICS[name]
    store.write_bytes("there.json", SMALL)
    poison(relay, relayed[0], toxic, (toxic.large if call is multipart else toxic.small) or toxic.attributes)
    for number in range(CALLS):
        started = time.monotonic()
        call(through, store, number, tmp_path)
        if toxic.least:
            assert time.monotonic() - started > toxic.least
            return
        if again():
            return
        if toxic.share < 1:
            through.close()  # the next connection may be one of those that it strikes
    raise AssertionError(f"{CALLS} calls, and none was sent again")
