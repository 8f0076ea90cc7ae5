"""OpenStack Swift with its S3 API and its own authentication: four processes, one copy of each object."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.process import free_ports, running
from tests.servers.server import DOMAIN, Certificate, Server

_STORES = ("object", "container", "account")

_RINGS = """
import sys
from swift.common.ring import RingBuilder
for port, store in enumerate(sys.argv[2:], int(sys.argv[1])):
    ring = RingBuilder(2, 1, 0)
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    ring.add_dev({"region": 1, "zone": 1, "device": "d1", "weight": 1, "meta": "", **place})
    ring.rebalance()
    ring.get_ring().save(f"{store}.ring.gz")
"""

_COMMON = """
[swift-hash]
swift_hash_path_suffix = tests
swift_hash_path_prefix = tests
[storage-policy:0]
name = only
default = yes
[swift-constraints]
max_header_size = 16384
"""

_DEFAULT = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
workers = 0
user = {user}
log_level = ERROR
"""

_STORE = """
[pipeline:main]
pipeline = {store}-server
[app:{store}-server]
use = egg:swift#{store}
"""

_FILTERS = ("catch_errors", "cache", "listing_formats", "s3api", "tempauth", "copy", "bulk", "slo", "dlo", "symlink")

_PROXY = """
account_autocreate = true
allow_account_management = true
[filter:cache]
memcache_servers = 127.0.0.1:1
connect_timeout = 0.01
tries = 1
[filter:s3api]
location = us-east-1
storage_domain = {domain}
dns_compliant_bucket_names = true
s3_acl = false
force_swift_request_proxy_log = false
[filter:tempauth]
user_tests_user = {secret_key} .admin
"""


@contextmanager
def start(folder: Path, certificate: Certificate | None = None) -> Iterator[Server]:
    python = cache.venv("swift", versions.SWIFT)
    keys = "tests:user", secrets.token_hex(20)
    with free_ports() as ports, ExitStack() as stack:
        _write(folder, ports[0], keys[1], certificate)
        made = stack.enter_context(running(python, "-c", _RINGS, str(ports[1]), *_STORES, folder=folder))
        made.finish()
        processes = [
            stack.enter_context(
                running(python.with_name(f"swift-{part}-server"), folder / f"{part}.conf", folder=folder)
            )
            for part in (*_STORES, "proxy")
        ]
        server = Server(
            "swift",
            certificate.url(ports[0]) if certificate else f"http://127.0.0.1:{ports[0]}",
            *keys,
            ca_bundle=certificate.ca if certificate else None,
            version=versions.SWIFT[0].rpartition("==")[2],
            origin="wheel",
        )
        server.wait(*processes)
        yield server


def _write(folder: Path, port: int, secret_key: str, certificate: Certificate | None) -> None:
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(_COMMON)
    user = pwd.getpwuid(os.getuid()).pw_name
    for number, store in enumerate(_STORES, port + 1):
        settings = _DEFAULT.format(port=number, folder=folder, user=user)
        (folder / f"{store}.conf").write_text(settings + _STORE.format(store=store))
    settings = _DEFAULT.format(port=port, folder=folder, user=user)
    if certificate:
        settings += f"cert_file = {certificate.chain}\nkey_file = {certificate.key}\n"
    settings += f"[pipeline:main]\npipeline = {' '.join(_FILTERS)} proxy-server\n"
    settings += "[app:proxy-server]\nuse = egg:swift#proxy"
    settings += _PROXY.format(domain=DOMAIN, secret_key=secret_key)
    for name in _FILTERS:
        use = f"[filter:{name}]\nuse = egg:swift#{'memcache' if name == 'cache' else name}\n"
        settings = settings.replace(f"[filter:{name}]\n", use) if f"[filter:{name}]" in settings else settings + use
    (folder / "proxy.conf").write_text(settings)
