"""Temporary credentials, and credentials that may do no more than they must: MinIO gives both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.sts import assume_role
from tests.conformance.test_objects import fetch
from tests.servers.server import Server
from timetrace.errors import AccessDeniedError, ExpiredCredentialsError, InvalidAccessKeyError
from timetrace.storage import S3Config, S3Store

pytestmark = pytest.mark.only_on("minio")

KEY = "2026-01-15/a b.json"


def _policy(bucket: str, *actions: str) -> dict[str, Any]:
    """The right to do `actions` with what lies below the prefix, and with its listing."""
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/cassettes/*"]
    allowed = [f"s3:{action}" for action in actions]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": resources}]}


def _store(config: S3Config, given: tuple[str, str, str]) -> S3Store:
    return S3Store(config.replace(access_key=given[0], secret_key=given[1], session_token=given[2]))


def test_a_session_token_opens_the_bucket(config: S3Config, server: Server, tmp_path: Path) -> None:
    with _store(config, assume_role(server)) as store:
        store.write(KEY, {"n": 1})
        assert list(store.list()) == [KEY]
        assert fetch(store.presign(KEY)).startswith("{")
        assert store.sync_download(tmp_path).transferred == 1
        assert store.sync_upload(tmp_path).skipped == 1


def test_an_altered_session_token_is_named(config: S3Config, server: Server) -> None:
    key, secret, token = assume_role(server)
    altered = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    advice = "get new credentials; these have expired or their session token is not valid"
    with _store(config, (key, secret, altered)) as store:
        with pytest.raises(ExpiredCredentialsError, match=advice) as caught:
            list(store.list())
        assert altered not in str(caught.value)


def test_the_keys_of_a_session_are_nothing_without_its_token(config: S3Config, server: Server) -> None:
    key, secret, _ = assume_role(server)
    with (
        S3Store(config.replace(access_key=key, secret_key=secret)) as store,
        pytest.raises((ExpiredCredentialsError, InvalidAccessKeyError)),
    ):
        list(store.list())


def test_the_rights_to_put_get_and_list_suffice_for_all_but_delete(
    config: S3Config, server: Server, tmp_path: Path
) -> None:
    policy = _policy(config.bucket or "", "PutObject", "GetObject", "ListBucket")
    with _store(config, assume_role(server, policy)) as store:
        (tmp_path / "a.json").write_text("{}")
        (tmp_path / "b.json").write_text("[]")
        assert store.upload(tmp_path / "a.json", "a.json") == "a.json"
        assert store.exists("a.json")
        assert not store.exists("none.json")
        assert (store.stat("a.json").size, store.read("a.json")) == (2, {})
        assert store.sync_upload(tmp_path).transferred == 1
        assert store.sync_download(tmp_path / "down").transferred == 2
        with pytest.raises(
            AccessDeniedError, match=r"DELETE s3://.*/a\.json: 403 AccessDenied.*ask for the permission"
        ):
            store.delete("a.json")


def test_the_right_to_put_suffices_for_an_upload(config: S3Config, server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with _store(config, assume_role(server, _policy(config.bucket or "", "PutObject"))) as store:
        assert store.upload(tmp_path / "a.json", "a.json") == "a.json"
        with pytest.raises(AccessDeniedError, match=r"403 AccessDenied.*ask for the permission"):
            store.sync_upload(tmp_path)


def test_who_may_only_put_is_told_that_what_he_reads_is_denied_or_missing(config: S3Config, server: Server) -> None:
    with _store(config, assume_role(server, _policy(config.bucket or "", "PutObject"))) as store:
        store.write(KEY, {})
        advice = r"403 AccessDenied.*: denied, or missing and this identity may not list"
        for attempt in (store.read, store.stat, store.exists):
            with pytest.raises(AccessDeniedError, match=advice):
                attempt(KEY)


def test_nothing_outside_of_the_prefix_is_touched(config: S3Config, server: Server, tmp_path: Path) -> None:
    policy = _policy(config.bucket or "", "PutObject", "GetObject", "ListBucket", "DeleteObject")
    given = assume_role(server, policy)
    (tmp_path / "a.json").write_text("{}")
    with _store(config.replace(prefix="elsewhere"), given) as store:
        report = store.sync_upload(tmp_path)
        assert [type(item.error) for item in report.failed] == [AccessDeniedError]
        assert report.transferred == 0
