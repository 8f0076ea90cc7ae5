from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from threading import Event

import pytest
import trustme

from timetrace.errors import ConfigError, ConnectTimeoutError, UnreachableError
from timetrace.s3.network import Resolver, parse_proxy, proxy_for, tls_context


def test_an_address_is_not_looked_up() -> None:
    assert Resolver().addresses("127.0.0.1", 80, 0) == ["127.0.0.1"]
    assert Resolver().addresses("::1", 80, 0) == ["::1"]


def test_a_name_is_looked_up_once_a_minute() -> None:
    asked = []

    def look_up(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))] * 2

    resolver = Resolver(look_up)
    assert [resolver.addresses("s3.example", 80, 1) for _ in range(2)] == [["127.0.0.1"]] * 2
    resolver.forget("s3.example", 80)
    resolver.addresses("s3.example", 80, 1)
    assert asked == ["s3.example", "s3.example"]


def test_a_name_server_that_never_answers_is_given_up() -> None:
    hang = Event()

    def look_up(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        hang.wait(10)
        return []

    with pytest.raises(ConnectTimeoutError, match=r"s3\.example within 0\.05 s"):
        Resolver(look_up).addresses("s3.example", 80, 0.05)
    hang.set()


def test_a_name_that_does_not_resolve_is_no_reason_to_try_again() -> None:
    with pytest.raises(UnreachableError, match="does not resolve") as caught:
        Resolver().addresses("nowhere.invalid.", 80, 30)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_label_that_no_name_can_have_is_unreachable_too() -> None:
    with pytest.raises(UnreachableError, match="does not resolve"):
        Resolver().addresses("a" * 64 + ".example", 80, 5)


def test_a_ca_bundle_is_a_file_or_a_folder(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert tls_context(str(tmp_path / "ca.pem")).cert_store_stats()["x509_ca"] == 1
    assert tls_context(str(tmp_path)).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_bundle_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ca\.pem cannot be used"):
        tls_context(str(path))


def test_without_any_authority_the_error_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setitem(__import__("sys").modules, "certifi", None)
    with pytest.raises(ConfigError, match="install its ca-certificates package or certifi"):
        tls_context(None)


def test_certifi_serves_where_the_system_has_no_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "certifi.py").write_text(f"def where(): return {os.fspath(tmp_path / 'ca.pem')!r}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.delitem(__import__("sys").modules, "certifi", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert tls_context(None).cert_store_stats()["x509_ca"] == 1
    monkeypatch.delitem(__import__("sys").modules, "certifi", raising=False)


def test_a_folder_of_authorities_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls_context(None).verify_mode == ssl.CERT_REQUIRED


def test_there_is_no_proxy_where_none_is_named() -> None:
    assert proxy_for("https", "s3.example", {}) is None


def test_the_proxy_is_that_of_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    found = proxy_for("https", "s3.example", os.environ)
    assert found is not None
    assert found.name == "proxy.example:3128"
    assert proxy_for("http", "s3.example", os.environ) is None
    assert proxy_for("https", "s3.inside.example", os.environ) is None


def test_all_proxy_serves_both_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    found = proxy_for("http", "s3.example", os.environ)
    assert found is not None
    assert (found.scheme, found.port) == ("http", 3128)


def test_a_proxys_password_is_sent_but_never_shown() -> None:
    proxy = parse_proxy("http://user:p%40ss@proxy.example")
    assert proxy.authorization == "Basic dXNlcjpwQHNz"
    assert proxy.port == 80
    assert "dXNl" not in repr(proxy)
    assert parse_proxy("https://user@proxy.example").port == 443


@pytest.mark.parametrize("url", ["socks5://user:secret@h:1", "http://", "http://user:secret@h:port"])
def test_a_proxy_of_another_kind_is_an_error_that_keeps_its_secret(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_proxy(url)
    assert "secret" not in str(caught.value)
