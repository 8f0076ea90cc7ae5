"""A running S3 server as a test sees it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from tests.servers.process import Process, wait_for
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.http import Request
from timetrace.s3.sigv4 import sign

DOMAIN = "s3.localtest"

_SSE_KMS = (
    b'<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>'
    b"<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>%s</KMSMasterKeyID>"
    b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the private authority, and the certificate that it gave a server, with its key."""

    ca: str
    chain: str
    key: str

    def url(self, port: int) -> str:
        return f"https://localhost:{port}"


@dataclass(frozen=True)
class Server:
    """Where it is and who may use it. `version` and `origin` say what runs, and how it was had."""

    name: str
    url: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    ca_bundle: str | None = None
    version: str = ""
    origin: str = ""
    kms_key: str | None = None

    @property
    def domain_url(self) -> str:
        """The endpoint for virtual-host style. Its names do not resolve: go through `connect_proxy`, or a resolver."""
        scheme, _, authority = self.url.partition("://")
        return f"{scheme}://{DOMAIN}:{authority.rpartition(':')[2]}"

    def make_bucket(self, name: str) -> None:
        """An empty bucket; every object in it is encrypted with SSE-KMS where the server is here for that."""
        status, answer = self.request("PUT", name)
        if status != 200:
            raise AssertionError(f"{self.name} did not make the bucket {name}: {status} {answer!r}")
        if self.kms_key:
            status, answer = self.request(
                "PUT", name, query=(("encryption", ""),), body=_SSE_KMS % self.kms_key.encode()
            )
            if status != 200:
                raise AssertionError(f"{self.name} did not set the encryption of {name}: {status} {answer!r}")

    def request(
        self, method: str, bucket: str, key: str = "", query: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> tuple[int, bytes]:
        """Status and body of a signed request, for what timetrace itself never asks a server to do."""
        endpoint = resolve_endpoint(bucket, region=self.region, endpoint_url=self.url)
        request = Request(method, endpoint, key, query, body=body)
        headers = sign(request, Credentials(self.access_key, self.secret_key), self.region, datetime.now(timezone.utc))
        if endpoint.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_bundle)
            connection: HTTPConnection = HTTPSConnection(endpoint.authority, timeout=30, context=context)
        else:
            connection = HTTPConnection(endpoint.authority, timeout=30)
        try:
            connection.request(method, request.target, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except HTTPException as error:
            raise OSError(f"no HTTP from {self.name}: {error}") from error
        finally:
            connection.close()

    def wait(self, *processes: Process) -> None:
        """Until an object can be stored: some servers answer long before that."""
        wait_for(lambda: self.request("PUT", "ready")[0] in (200, 409), *processes)
        wait_for(lambda: self.request("PUT", "ready", "object", body=b"yes")[0] == 200, *processes)
