"""Real servers for the tests: options, fixtures, and a table at the end that says what was run."""

from __future__ import annotations

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers import cache, tls
from tests.servers import fleet as fleets
from tests.servers.server import Server
from timetrace.storage import S3Config, S3Store

FLEET = pytest.StashKey[fleets.Fleet]()
COUNTS = pytest.StashKey["Counter[tuple[str, str]]"]()
SERVER_OF = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("servers")
    group.addoption(
        "--server",
        action="append",
        choices=[*fleets.SERVERS],
        default=[],
        help="leave out tests against other servers than this one (can be repeated)",
    )
    group.addoption("--require-servers", action="store_true", help="fail where a server cannot be had")
    group.addoption("--live", action="store_true", help="use the bucket that the environment names, and no server")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FLEET] = fleets.Fleet()
    config.stash[COUNTS] = Counter()
    config.add_cleanup(config.stash[FLEET].stop)
    os.environ[cache.ROOT_VARIABLE] = str(cache.root())  # for the scripts that tests run with another HOME
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # In the background of a shell Ctrl-C is ignored, and would be by all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        names = ["live"] if metafunc.config.option.live else [*fleets.SERVERS]
        metafunc.parametrize("server", names, indirect=True, scope="session")
    if "tls_server" in metafunc.fixturenames:
        metafunc.parametrize("tls_server", [*fleets.TLS_SERVERS], indirect=True, scope="session")


def _server_of(item: pytest.Item) -> str | None:
    """The one server that a test talks to."""
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    for fixture in ("server", "tls_server"):
        if fixture in params:
            return str(params[fixture])
    return "seaweedfs" if "seaweedfs" in getattr(item, "fixturenames", ()) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted, kept, left_out = config.option.server, list[pytest.Item](), list[pytest.Item]()
    for item in items:
        name = _server_of(item)
        if name:
            item.stash[SERVER_OF] = name
        fits = name == "live" if config.option.live else not (name and wanted) or name.removesuffix("-tls") in wanted
        (kept if fits else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    needed = dict.fromkeys(item.stash[SERVER_OF] for item in session.items if SERVER_OF in item.stash)
    needed.pop("live", None)
    fleet = session.config.stash[FLEET]
    fleet.start(needed)
    if fleet.missing and session.config.option.require_servers:
        told = "\n".join(f"{name}: {why}" for name, why in fleet.missing.items())
        raise pytest.UsageError(f"servers are required, and cannot be had:\n{told}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report: pytest.TestReport = yield
    if SERVER_OF in item.stash and (report.when == "call" or not report.passed):
        item.config.stash[COUNTS][item.stash[SERVER_OF], report.outcome] += 1
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    yield  # so that the table comes last
    _tell_servers(terminalreporter, config)


def _tell_servers(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    fleet, counts = config.stash[FLEET], config.stash[COUNTS]
    names = [name for name in (*fleets.SERVERS, *fleets.TLS_SERVERS) if name in fleet.servers or name in fleet.missing]
    if not names:
        return
    terminalreporter.section("servers")
    terminalreporter.line(f"{'server':14} {'version':22} {'from':10} {'passed':>7} {'failed':>7}")
    for name in names:
        if name in fleet.missing:
            terminalreporter.line(f"{name:14} NOT RUN: {fleet.missing[name]}", red=True)
            continue
        server = fleet.servers[name]
        passed, failed = counts[name, "passed"], counts[name, "failed"]
        terminalreporter.line(
            f"{name:14} {server.version:22} {server.origin:10} {passed:7} {failed:7}", red=failed > 0, green=failed == 0
        )
    if fleet.missing:
        terminalreporter.line(f"{len(fleet.missing)} could not be had: the tests against them did not run.", red=True)


@pytest.fixture(autouse=True)
def clean_environ(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has set for S3 is not for the tests, unless they are to use it."""
    if request.config.option.live:
        return
    for name in os.environ:
        if name.startswith(("TIMETRACER_", "AWS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def _running(config: pytest.Config, name: str) -> Server:
    fleet = config.stash[FLEET]
    if name in fleet.missing:
        pytest.skip(f"{name} cannot be had: {fleet.missing[name]}")
    return fleet.servers[name]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers in turn; with --live the one that the environment names."""
    if request.param != "live":
        return _running(request.config, request.param)
    found = S3Config.from_env()
    url = found.endpoint_url or f"https://s3.{found.region}.amazonaws.com"
    return Server(
        "live", url, found.access_key or "", found.secret_key or "", found.region or "", ca_bundle=found.ca_bundle
    )


@pytest.fixture
def bucket(server: Server) -> str:
    """A new bucket; with --live the one bucket that there is."""
    if server.name == "live":
        return os.environ["TIMETRACER_S3_BUCKET"]
    return _new_bucket(server)


def _new_bucket(server: Server) -> str:
    name = f"test-{secrets.token_hex(8)}"
    server.make_bucket(name)
    return name


@pytest.fixture
def config(server: Server, bucket: str) -> S3Config:
    """With --live a prefix of the test's own below that of the environment, which says all else."""
    if server.name == "live":
        parts = (os.environ.get("TIMETRACER_S3_PREFIX", "").strip("/"), secrets.token_hex(8))
        return S3Config(bucket=bucket, prefix="/".join(filter(None, parts)))
    return _config(server, bucket)


def _config(server: Server, bucket: str) -> S3Config:
    return S3Config(
        bucket=bucket,
        region=server.region,
        endpoint_url=server.url,
        access_key=server.access_key,
        secret_key=server.secret_key,
        ca_bundle=server.ca_bundle,
    )


@pytest.fixture
def store(config: S3Config) -> Iterator[S3Store]:
    with S3Store(config) as store:
        yield store


@pytest.fixture(scope="session")
def seaweedfs(request: pytest.FixtureRequest) -> Server:
    """For a test that needs one real server, whichever."""
    return _running(request.config, "seaweedfs")


@pytest.fixture
def environ(
    seaweedfs: Server, clean_environ: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The settings of a user of SeaweedFS with a fresh bucket. They are in os.environ, and nothing else for S3 is."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    settings = {
        "TIMETRACER_S3_ENDPOINT": seaweedfs.url,
        "TIMETRACER_S3_BUCKET": _new_bucket(seaweedfs),
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture(scope="session")
def tls_server(request: pytest.FixtureRequest) -> Server:
    """Each of three servers in turn, with the certificate of a private authority, and in virtual-host style too."""
    return _running(request.config, request.param)


@pytest.fixture
def tls_config(tls_server: Server) -> S3Config:
    """Path style over TLS, with a new bucket."""
    return _config(tls_server, _new_bucket(tls_server))


@pytest.fixture
def connect_proxy(monkeypatch: pytest.MonkeyPatch, clean_environ: None) -> Iterator[tls.ConnectProxy]:
    """HTTPS_PROXY for a test: names below s3.localtest lead to this machine. `targets` tells what was asked for."""
    with tls.connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy
