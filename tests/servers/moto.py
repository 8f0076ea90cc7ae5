"""moto, with its checks of signatures on: they need a user, who is made before they begin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

from tests.servers import cache, versions
from tests.servers.cache import UnavailableError
from tests.servers.process import Process, free_ports, running, wait_for
from tests.servers.server import Server

_ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_UNCHECKED: tuple[dict[str, str], ...] = (
    {"Action": "CreateUser", "UserName": "tests"},
    {"Action": "PutUserPolicy", "UserName": "tests", "PolicyName": "all", "PolicyDocument": json.dumps(_ALL)},
    {"Action": "CreateAccessKey", "UserName": "tests"},
)


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    moto = cache.venv("moto", versions.MOTO).with_name("moto_server")
    with free_ports() as ports:
        port = ports[0]
        unchecked = {"INITIAL_NO_AUTH_ACTION_COUNT": str(len(_UNCHECKED))}
        with running(moto, "-H", "127.0.0.1", "-p", str(port), folder=folder, **unchecked) as process:
            version = versions.MOTO[0].rpartition("==")[2]
            server = Server("moto", f"http://127.0.0.1:{port}", *_keys(port, process), version=version, origin="wheel")
            server.wait(process)
            yield server


def _keys(port: int, process: Process) -> tuple[str, str]:
    answers: list[str] = []

    def next_action() -> bool:
        answers.append(_iam(port, _UNCHECKED[len(answers)]))
        return len(answers) == len(_UNCHECKED)

    wait_for(next_action, process)
    found = [re.search(f"<{name}>(.+?)</{name}>", answers[-1]) for name in ("AccessKeyId", "SecretAccessKey")]
    if not (found[0] and found[1]):
        raise UnavailableError(f"moto gave no keys: {answers[-1][:300]}")
    return found[0][1], found[1][1]


def _iam(port: int, form: dict[str, str]) -> str:
    scope = "key/20260101/us-east-1/iam/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/", urlencode({**form, "Version": "2010-05-08"}), headers)
        return connection.getresponse().read().decode()
    except HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
