"""Ceph's RADOS gateway, with one monitor and one store in memory. Debian's packages, unpacked and not installed."""

from __future__ import annotations

import platform
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import cache, versions
from tests.servers.cache import UnavailableError
from tests.servers.process import free_ports, running
from tests.servers.server import DOMAIN, Server

_PACKAGES = ("radosgw", "ceph-mon", "ceph-osd")

_KEYRING = """
[mon.]
    key = AQBnJlZlAAAAABAAqKsP2T1wH0bN2m6G5n6sXw==
    caps mon = "allow *"
"""

# No authentication inside, no log to a system path, one copy, and as few placement groups and pools as there can be.
_CONF = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{ports[1]}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_port_min = {ports[2]}
ms_bind_port_max = {ports[30]}
ms_async_op_threads = 1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = {folder}
admin_socket =
log_file = {folder}/$name.log
mon_cluster_log_file = {folder}/cluster.log
crash_dir = {folder}
plugin_dir = {libraries}/ceph
erasure_code_dir = {libraries}/ceph/erasure-code
osd_class_dir = {libraries}/rados-classes
keyring = {folder}/keyring
setuser_match_path =
[mon]
mon_data = {folder}/mon
mon_initial_members = a
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_election_timeout = 1
mon_data_avail_warn = 1
mon_data_avail_crit = 1
mon_warn_on_pool_no_redundancy = false
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_crush_initial_weight = 1
osd_op_num_shards = 1
osd_op_num_threads_per_shard = 2
osd_max_object_name_len = 2048
osd_class_load_list = *
osd_class_default_list = *
[client]
ms_mon_client_mode = crc
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{ports[0]}
rgw_dns_name = {domain}
rgw_thread_pool_size = 16
rgw_num_rados_handles = 1
rgw_num_control_oids = 1
rgw_usage_max_shards = 1
rgw_lc_max_objs = 1
rgw_gc_max_objs = 1
rgw_objexp_hints_num_shards = 1
rgw_md_log_max_shards = 1
rgw_data_log_num_shards = 1
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_run_sync_thread = false
rgw_rados_pool_pg_num_min = 1
rgw_enable_apis = s3, admin
"""


def unpacked() -> Path:
    """The folder that holds the packages' files, and beside it `version`."""

    def build(folder: Path) -> None:
        state, debs = folder / "state", folder / "debs"
        for needed in (state / "lists" / "partial", debs / "partial"):
            needed.mkdir(parents=True)
        # Lists and locks of its own: it works for any user, and on a machine that never asked for lists.
        apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={state / 'lists'}", "-o", f"Dir::Cache={state}"]
        apt += ["-o", f"Dir::Cache::Archives={debs}", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="]
        apt += ["-o", "DPkg::Use-Pty=false"]
        if not shutil.which("apt-get"):
            raise UnavailableError("it comes from Debian's packages, and there is no apt-get here")
        # A machine's own hooks may fail here, for a user who is not root. Lists that are missing fail the next step.
        subprocess.run([*apt, "update"], stdin=subprocess.DEVNULL, capture_output=True)
        wanted = [f"{package}={versions.CEPH}*" for package in _PACKAGES]
        cache.run([*apt, "install", "--yes", "--no-install-recommends", "--download-only", *wanted])
        for deb in debs.glob("*.deb"):
            cache.run(["dpkg-deb", "--extract", deb, folder / "files"])
            if deb.name.startswith("radosgw_"):
                (folder / "version").write_text(deb.name.split("_")[1])
        for done in (state, debs):
            shutil.rmtree(done)

    return cache.entry(f"ceph-{versions.CEPH}-{platform.machine()}", build) / "files"


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    files = unpacked()
    programs = files / "usr" / "bin"
    libraries = next((files / "usr" / "lib").glob("*-linux-gnu*"))
    keys = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    env = {
        "CEPH_CONF": str(folder / "ceph.conf"),
        "HOME": str(folder),
        "LD_LIBRARY_PATH": f"{libraries}:{files / 'lib' / libraries.name}:{libraries / 'ceph'}",
        "PYTHONPATH": str(files / "usr" / "lib" / "python3" / "dist-packages"),
    }
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    (folder / "keyring").write_text(_KEYRING)
    with free_ports() as ports, ExitStack() as stack:
        names = {"ports": ports, "folder": folder, "libraries": libraries, "domain": DOMAIN}
        fsid = str(uuid.uuid4())
        (folder / "ceph.conf").write_text(_CONF.format(fsid=fsid, **names))

        def step(program: str, *args: str) -> None:
            cache.run([programs / program, *args], **env)

        monmap = str(folder / "monmap")
        step("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{ports[1]}/0]", monmap)
        step("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", str(folder / "keyring"))
        monitor = stack.enter_context(running(programs / "ceph-mon", "-f", "-i", "a", folder=folder, **env))
        osd = str(uuid.uuid4())
        cache.run([_python(files), programs / "ceph", "--connect-timeout", "20", "osd", "new", osd, "0"], **env)
        step("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        store = stack.enter_context(running(programs / "ceph-osd", "-f", "-i", "0", folder=folder, **env))
        user = ["user", "create", "--uid", "tests", "--display-name", "tests"]
        step("radosgw-admin", *user, "--access-key", keys[0], "--secret", keys[1])
        gateway = stack.enter_context(running(programs / "radosgw", "-f", "-n", "client.rgw", folder=folder, **env))
        version = (files.parent / "version").read_text()
        server = Server("ceph", f"http://127.0.0.1:{ports[0]}", *keys, version=version, origin="Debian")
        server.wait(monitor, store, gateway)
        yield server


def _python(files: Path) -> Path:
    """Debian's own Python, which the bindings were made for: the system's, else the one that came along."""
    for candidate in (Path("/usr/bin/python3"), files / "usr" / "bin" / "python3"):
        if candidate.exists():
            return candidate
    raise UnavailableError("Debian's Python is missing")
