"""The commonest misconfigurations against real servers: the first line printed names the cause and the remedy."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance.sts import assume_role
from tests.scripted import Scripted, answer
from tests.servers.server import Server
from timetrace.cli import main
from timetrace.storage import S3Store

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


class Mistake(NamedTuple):
    """`settings` gives the variables that are wrong, from the server and the bucket. `cause` and `remedy` are told."""

    name: str
    command: str
    cause: str
    remedy: str
    settings: Callable[[Server, str], dict[str, str]]
    code: int = 1
    or_else: str = ""


def _port(server: Server) -> str:
    return server.url.rpartition(":")[2]


def _unheard(server: Server, bucket: str) -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return {"TIMETRACER_S3_ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}"}


def _swapped(server: Server, bucket: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": server.secret_key, "AWS_SECRET_ACCESS_KEY": server.access_key}


def _stale(server: Server, bucket: str) -> dict[str, str]:
    key, secret, token = assume_role(server)
    altered = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": altered}


def _without(*denied: str) -> Callable[[Server, str], dict[str, str]]:
    """Keys that may do all but this."""

    def settings(server: Server, bucket: str) -> dict[str, str]:
        actions = [f"s3:{action}" for action in ("ListBucket", "GetObject", "PutObject") if action not in denied]
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
        policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [statement]}
        key, secret, token = assume_role(server, policy)
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}

    return settings


MISTAKES = (
    Mistake(
        "a typo in the bucket",
        "list",
        "404 NoSuchBucket",
        "check -b or TIMETRACER_S3_BUCKET, the region and the endpoint",
        lambda server, bucket: {"TIMETRACER_S3_BUCKET": f"{bucket}x"},
    ),
    Mistake(
        "a wrong secret key",
        "list",
        "403 SignatureDoesNotMatch",
        "check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID",
        lambda server, bucket: {"AWS_SECRET_ACCESS_KEY": "wrong" * 8},
    ),
    Mistake(
        "access key and secret key swapped",
        "list",
        "403 InvalidAccessKeyId",
        "check AWS_ACCESS_KEY_ID, and that it is not swapped with AWS_SECRET_ACCESS_KEY",
        _swapped,
    ),
    Mistake(
        "a session token that has expired or is not valid",
        "list",
        "InvalidTokenId",
        "get new credentials; these have expired or their session token is not valid",
        _stale,
    ),
    Mistake(
        "an endpoint without a scheme",
        "list",
        "has no scheme",
        "write http://… or https://…",
        lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": server.url.partition("://")[2]},
        2,
    ),
    Mistake(
        "https:// to a port that speaks http",
        "list",
        "no TLS with",
        "check whether the endpoint is http or https",
        lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": server.url.replace("http:", "https:")},
    ),
    Mistake(
        "the bucket in the endpoint's path",
        "list",
        "names the bucket already",
        "leave it out there, or ask for path style outright if it belongs there twice",
        lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": f"{server.url}/{bucket}"},
        2,
    ),
    Mistake(
        "virtual-host style where the server wants path style",
        "list --virtual-host",
        "does not resolve",
        "leave out --virtual-host: most servers but AWS want path style",
        lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": f"http://localhost:{_port(server)}"},
        or_else="is no ListBucketResult",  # where the system resolves any name below localhost
    ),
    Mistake(
        "no right to list",
        "list",
        "403 AccessDenied",
        "ask for the permission to list this bucket (s3:ListBucket)",
        _without("ListBucket"),
    ),
    Mistake(
        "no right to get",
        "cat there.json",
        "403 AccessDenied",
        "check the key, and the permission to get it (s3:GetObject)",
        _without("GetObject"),
    ),
    Mistake(
        "no right to put",
        "upload here.json",
        "403 AccessDenied",
        "ask for the permission to put that key (s3:PutObject)",
        _without("PutObject"),
    ),
    Mistake(
        "a blank around a variable",
        "list",
        "AWS_SECRET_ACCESS_KEY begins or ends with a blank or a line end",
        "set it without",
        lambda server, bucket: {"AWS_SECRET_ACCESS_KEY": f"{server.secret_key}\n"},
        2,
    ),
    Mistake(
        "a secret that is unset",
        "list",
        "there is an access key but no secret key",
        "give both, or neither",
        lambda server, bucket: {"AWS_SECRET_ACCESS_KEY": ""},
        2,
    ),
    Mistake(
        "no credentials at all",
        "list",
        "no credentials; looked for",
        "set one of them, or use --no-sign-request for a public bucket",
        lambda server, bucket: {"AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY_ID": ""},
        2,
    ),
    Mistake(
        "a wrong port",
        "list",
        "(Connection refused)",
        "check the endpoint, the network and that the server runs",
        _unheard,
    ),
    Mistake(
        "a name that does not resolve",
        "list",
        "the name s3.invalid does not resolve",
        "check the endpoint, the network and that the server runs",
        lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": "http://s3.invalid:9000"},
    ),
)

# Those below need another server than the first, or another way to go wrong than by a variable. They end well, too.
CLOCK = "a clock that is an hour off"
REGION = "a bucket of another region"
HTTPS = Mistake(
    "http:// to a port that speaks https",
    "list",
    "the port answers as one that speaks TLS",
    "write https:// in the endpoint",
    lambda server, bucket: {"TIMETRACER_S3_ENDPOINT": server.url.replace("https:", "http:")},
)
AUTHORITY = Mistake(
    "a private authority that is not named",
    "list",
    "was not accepted (unable to get local issuer certificate)",
    "check the endpoint's name, and --ca-bundle or AWS_CA_BUNDLE if its certificate is private",
    lambda server, bucket: {"AWS_CA_BUNDLE": ""},
)
PROXY = Mistake(
    "a proxy in the way",
    "list",
    "answered 403 itself",
    "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    lambda server, bucket: {},
)
URLLIB3 = Mistake(
    "urllib3 too old, or not there",
    "list",
    "urllib3 2.2 or newer is needed to talk to S3",
    "run `pip install '.[s3]'` in a clone of timetrace",
    lambda server, bucket: {},
    2,
)


class Ran(NamedTuple):
    code: int
    first: str


def settings_of(server: Server, bucket: str) -> dict[str, str]:
    return {
        "TIMETRACER_S3_ENDPOINT": server.url,
        "TIMETRACER_S3_BUCKET": bucket,
        "TIMETRACER_S3_REGION": server.region,
        "TIMETRACER_S3_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_CA_BUNDLE": server.ca_bundle or "",
    }


@pytest.fixture
def ran(
    clean_environ: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Runs `timetrace s3 …` in a folder with a file, with these variables."""
    (tmp_path / "here.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(command: str, **variables: str) -> Ran:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capfd.readouterr()
        code = main(["s3", *shlex.split(command)])
        return Ran(code, (capfd.readouterr().err.splitlines() or [""])[0])

    return run


@pytest.fixture
def run(server: Server, bucket: str, ran: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """The same as a user of the server, whose settings are right but for those that are given."""
    for name, value in settings_of(server, bucket).items():
        monkeypatch.setenv(name, value)
    return ran


@pytest.mark.only_on("minio")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_first_line_names_cause_and_remedy(
    mistake: Mistake, run: Callable[..., Ran], server: Server, bucket: str
) -> None:
    with S3Store() as store:
        store.write("there.json", {})
    _told(mistake, run(mistake.command, **mistake.settings(server, bucket)))


def _told(mistake: Mistake, ran: Ran) -> None:
    assert ran.first.startswith("timetrace: ")
    assert mistake.cause in ran.first or (mistake.or_else and mistake.or_else in ran.first)
    assert mistake.remedy in ran.first
    assert ran.code == mistake.code


@pytest.mark.only_on("seaweedfs-tls")
@pytest.mark.parametrize("mistake", [HTTPS, AUTHORITY], ids=lambda mistake: mistake.name)
def test_the_same_over_tls(
    mistake: Mistake, tls_server: Server, clean_environ: None, monkeypatch: pytest.MonkeyPatch, ran: Callable[..., Ran]
) -> None:
    right = settings_of(tls_server, "any")
    _told(mistake, ran(mistake.command, **{**right, **mistake.settings(tls_server, "any")}))


@pytest.mark.only_on("minio")
def test_a_proxy_in_the_way_is_named(run: Callable[..., Ran]) -> None:
    with Scripted([answer(403, b"<html>This site is blocked.</html>")]) as proxy:
        _told(PROXY, run("list", HTTP_PROXY=f"http://127.0.0.1:{proxy.port}"))


@pytest.mark.only_on("minio")
def test_a_wrong_clock_is_corrected(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    true = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda clock: true(clock) - 3600)
    assert run("upload here.json") == Ran(0, "")


@pytest.mark.only_on("versitygw")
def test_a_wrong_region_is_corrected(run: Callable[..., Ran]) -> None:
    assert run("upload here.json", TIMETRACER_S3_REGION="eu-west-3") == Ran(0, "")


@pytest.mark.only_on("minio")
def test_an_old_urllib3_is_told_with_its_version(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "urllib3").mkdir()
    (tmp_path / "urllib3" / "__init__.py").write_text("__version__ = '1.26.18'\n")
    for name in ("connection", "exceptions"):
        named = "HTTPConnection = HTTPSConnection = HTTPError = Exception\n"
        (tmp_path / "urllib3" / f"{name}.py").write_text(named)
    done = subprocess.run(
        [sys.executable, "-m", "timetrace", "s3", "list"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    first = done.stderr.splitlines()[0]
    assert "and this is 1.26.18" in first
    _told(URLLIB3, Ran(done.returncode, first))


def test_the_page_has_them_all() -> None:
    rows = re.findall(r"^\| (.+?) \| (.*?)\| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: (cause.strip(), remedy) for name, cause, remedy in rows}
    for mistake in (*MISTAKES, HTTPS, AUTHORITY, PROXY, URLLIB3):
        assert told[mistake.name] == (f"`{mistake.cause}`", mistake.remedy)
    assert {CLOCK, REGION} < set(told)
    assert len(rows) - 1 == len(MISTAKES) + 6  # one is the head
