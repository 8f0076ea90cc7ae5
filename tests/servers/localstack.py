"""LocalStack, without its container: that is what it believes to be in, so it has to be told where to stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import Server

# Its listener ignores the host of GATEWAY_LISTEN, and its objects go to a fixed path of the system.
_MAIN = """
import functools, os
from twisted.internet import endpoints
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
from localstack.services.s3 import provider
provider.DEFAULT_S3_TMP_DIR = os.path.join(os.environ["TMPDIR"], "s3")
from localstack.runtime.main import main
main()
"""


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    python = cache.venv("localstack", versions.LOCALSTACK)
    with free_ports() as ports:
        where = f"127.0.0.1:{ports[0]}"
        env = {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "GATEWAY_LISTEN": where,
            "FILESYSTEM_ROOT": str(folder / "files"),
            "LOCALSTACK_VOLUME_DIR": str(folder / "volume"),
            "OVERRIDE_IN_DOCKER": "0",
            "SERVICES": "s3",
            "STRICT_SERVICE_LOADING": "1",
            "EAGER_SERVICE_LOADING": "1",
            "DNS_ADDRESS": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "S3_SKIP_SIGNATURE_VALIDATION": "0",
            "LS_LOG": "warn",
        }
        with running(python, "-c", _MAIN, folder=folder, **env) as process:
            version = versions.LOCALSTACK[0].rpartition("==")[2]
            server = Server("localstack", f"http://{where}", "test", "test", version=version, origin="wheel")
            server.wait(process)
            yield server
