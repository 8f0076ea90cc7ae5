"""TLS with the certificate of a private authority, and buckets that are part of the host's name."""

from __future__ import annotations

import random
import ssl
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

import pytest

from tests.servers.server import DOMAIN, Server
from tests.servers.tls import ConnectProxy
from timetrace.errors import TLSError
from timetrace.storage import S3Config, S3Store

AWKWARD = "a b/é+%=&.json"


def _round_trip(store: S3Store, folder: Path) -> None:
    store.write(AWKWARD, {"n": 1})
    assert list(store.list()) == [AWKWARD]
    assert store.exists(AWKWARD)
    assert store.sync_download(folder).transferred == 1
    assert (folder / AWKWARD).read_bytes() == store.read_bytes(AWKWARD)
    assert store.sync_upload(folder).skipped == 1
    store.delete(AWKWARD)
    assert list(store.list()) == []


def test_a_private_authority_is_accepted_where_it_is_named(tls_config: S3Config, tmp_path: Path) -> None:
    with S3Store(tls_config) as store:
        _round_trip(store, tmp_path)


def test_large_bodies_go_through_on_a_fresh_connection(tls_config: S3Config, tmp_path: Path) -> None:
    """Right after its handshake a TLS 1.3 server sends session tickets, which are no answer."""
    sliced = tls_config.replace(multipart_threshold="5MB", part_size="5MB", read_timeout=10, max_attempts=1)
    for size in (2**20, 11 * 2**20 + 7):
        large = random.Random(size).randbytes(size)
        with S3Store(sliced) as store:
            store.write_bytes("large.json", large)
            (tmp_path / "large.json").write_bytes(large)
            store.upload(tmp_path / "large.json", "again.json")
            assert store.read_bytes("large.json") == store.read_bytes("again.json") == large


def test_an_authority_from_the_environment_is_accepted(tls_config: S3Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tls_config.ca_bundle is not None
    monkeypatch.setenv("AWS_CA_BUNDLE", tls_config.ca_bundle)
    with S3Store(tls_config.replace(ca_bundle=None)) as store:
        assert list(store.list()) == []


def test_an_unknown_authority_is_refused_and_the_error_says_what_to_do(tls_config: S3Config, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with S3Store(tls_config.replace(ca_bundle=None)) as store:
        with pytest.raises(
            TLSError, match=r"the certificate of localhost:\d+ was not accepted .*--ca-bundle"
        ) as caught:
            store.write("a.json", {})
        assert caught.value.attempts == 1
        with pytest.raises(TLSError):
            store.sync_upload(tmp_path)


def test_a_certificate_for_another_name_is_refused(
    tls_config: S3Config, connect_proxy: ConnectProxy, tls_server: Server
) -> None:
    port = tls_server.url.rpartition(":")[2]
    elsewhere = tls_config.replace(endpoint_url=f"https://elsewhere.localtest:{port}")
    with S3Store(elsewhere) as store, pytest.raises(TLSError, match="Hostname mismatch"):
        store.write("a.json", {})
    assert connect_proxy.targets == [f"elsewhere.localtest:{port}"]


def test_a_bucket_can_be_part_of_the_hosts_name(
    tls_config: S3Config, connect_proxy: ConnectProxy, tls_server: Server, tmp_path: Path
) -> None:
    virtual = tls_config.replace(endpoint_url=tls_server.domain_url, addressing_style="virtual")
    port = tls_server.url.rpartition(":")[2]
    with S3Store(virtual) as store:
        _round_trip(store, tmp_path)
        store.write("a b.json", {"n": 1})
        url = store.presign("a b.json")
        assert url.startswith(f"https://{store.bucket}.{DOMAIN}:{port}/cassettes/a%20b.json?")
        context = ssl.create_default_context(cafile=tls_server.ca_bundle)
        opener = build_opener(ProxyHandler({"https": connect_proxy.url}), HTTPSHandler(context=context))
        with opener.open(url, timeout=30) as answer:
            assert answer.read() == store.read_bytes("a b.json")
        with S3Store(tls_config) as by_path:
            assert list(by_path.list()) == ["a b.json"]
    assert set(connect_proxy.targets) == {f"{tls_config.bucket}.{DOMAIN}:{port}", f"localhost:{port}"}
