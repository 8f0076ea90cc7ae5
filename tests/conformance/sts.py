"""AssumeRole, asked of a server that has STS at its root: real session tokens to test with."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

from tests.servers.server import Server

STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


def assume_role(server: Server, policy: dict[str, Any] | None = None) -> tuple[str, str, str]:
    """Access key, secret key and session token, with no more rights than `policy` gives, for 15 minutes."""
    form = {"Action": "AssumeRole", "Version": "2011-06-15", "DurationSeconds": "900"}
    if policy:
        form["Policy"] = json.dumps(policy)
    body = urlencode(form).encode()
    request = Request(f"{server.url}/", body, _headers(server, body), method="POST")
    with urlopen(request, timeout=30) as answer:
        given = ElementTree.fromstring(answer.read()).find(f".//{STS}Credentials")
    assert given is not None
    key, secret, token = (given.findtext(f"{STS}{name}") for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    assert key
    assert secret
    assert token
    return key, secret, token


def _headers(server: Server, body: bytes) -> dict[str, str]:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{server.region}/sts/aws4_request"
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "host": server.url.partition("://")[2],
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": stamp,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n/\n\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{server.secret_key}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={server.access_key}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
    return headers
