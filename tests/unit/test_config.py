"""Where each setting comes from, and what is refused before a request is sent. See docs/configuration.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ConfigError, CredentialsError
from timetrace.storage import S3Config, S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "ENVID", "AWS_SECRET_ACCESS_KEY": "envsecret"}


def resolved(environ: dict[str, str] | None = None, home: Path | None = None, **given: Any) -> S3Config:
    at_home = {"HOME": str(home)} if home else {}
    return S3Config.from_env({"TIMETRACER_S3_BUCKET": "traces", **at_home, **(environ or {})}, **given)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with the two files that the AWS SDKs share."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        """\
[default]
region = eu-default-1

[profile dev]
region = eu-profile-1
endpoint_url = http://own.example
services = local
ca_bundle = /profile.pem
max_attempts = 7
s3 =
  addressing_style = path
  multipart_threshold = 7MB
  multipart_chunksize = 9437184

[profile plain]
endpoint_url = http://plain.example

[services local]
s3 =
  endpoint_url = http://service.example:9000
"""
    )
    (tmp_path / ".aws" / "credentials").write_text(
        """\
[default]
aws_access_key_id = DEFAULTID
aws_secret_access_key = defaultsecret

[dev]
aws_access_key_id = DEVID
aws_secret_access_key = devsecret
aws_session_token = devtoken
"""
    )
    return tmp_path


def test_without_anything_but_a_bucket_the_defaults_hold() -> None:
    assert resolved() == S3Config(
        bucket="traces",
        prefix="cassettes",
        region="us-east-1",
        addressing_style="auto",
        no_sign_request=False,
        connect_timeout=10.0,
        read_timeout=60.0,
        max_attempts=5,
        multipart_threshold=64 * 2**20,
        part_size=8 * 2**20,
    )


# Field, what is given, then the variables from first to last with a value each, then the value in profile dev.
SETTINGS: list[tuple[str, Any, list[tuple[str, str, Any]], Any]] = [
    ("bucket", "given", [("TIMETRACER_S3_BUCKET", "ours", "ours")], None),
    ("prefix", "given", [("TIMETRACER_S3_PREFIX", "ours", "ours")], None),
    (
        "region",
        "given",
        [("TIMETRACER_S3_REGION", "ours", "ours"), ("AWS_REGION", "a", "a"), ("AWS_DEFAULT_REGION", "b", "b")],
        "eu-profile-1",
    ),
    (
        "endpoint_url",
        "http://given",
        [
            ("TIMETRACER_S3_ENDPOINT", "http://ours", "http://ours"),
            ("AWS_ENDPOINT_URL_S3", "http://a", "http://a"),
            ("AWS_ENDPOINT_URL", "http://b", "http://b"),
        ],
        "http://service.example:9000",
    ),
    ("addressing_style", "virtual", [("TIMETRACER_S3_ADDRESSING_STYLE", "auto", "auto")], "path"),
    (
        "ca_bundle",
        "/given.pem",
        [("TIMETRACER_S3_CA_BUNDLE", "/ours.pem", "/ours.pem"), ("AWS_CA_BUNDLE", "/a.pem", "/a.pem")],
        "/profile.pem",
    ),
    ("connect_timeout", 1.5, [("TIMETRACER_S3_CONNECT_TIMEOUT", "2.5", 2.5)], None),
    ("read_timeout", 1.5, [("TIMETRACER_S3_READ_TIMEOUT", "2.5", 2.5)], None),
    ("max_attempts", 2, [("TIMETRACER_S3_MAX_ATTEMPTS", "3", 3), ("AWS_MAX_ATTEMPTS", "4", 4)], 7),
    ("max_concurrency", 2, [("TIMETRACER_S3_MAX_CONCURRENCY", "3", 3)], None),
    ("multipart_threshold", 2**23, [("TIMETRACER_S3_MULTIPART_THRESHOLD", "6MB", 6 * 2**20)], 7 * 2**20),
    ("part_size", 2**23, [("TIMETRACER_S3_PART_SIZE", "6MiB", 6 * 2**20)], 9 * 2**20),
]


@pytest.mark.parametrize(("field", "given", "variables", "profile"), SETTINGS, ids=[name for name, *_ in SETTINGS])
def test_the_first_place_that_has_a_value_wins(
    home: Path, field: str, given: Any, variables: list[tuple[str, str, Any]], profile: Any
) -> None:
    environ = {"AWS_PROFILE": "dev", **{name: text for name, text, _ in variables}}
    assert getattr(resolved(environ, home, **{field: given}), field) == given
    for name, _, value in variables:
        assert getattr(resolved(environ, home), field) == value
        environ[name] = ""  # an empty variable counts as unset
    if field == "bucket":
        with pytest.raises(ConfigError, match="no bucket"):
            resolved(environ, home)
    else:
        default = getattr(resolved(), field)
        assert getattr(resolved(environ, home), field) == (default if profile is None else profile)


def test_a_profiles_own_endpoint_serves_where_its_services_name_none(home: Path) -> None:
    assert resolved({"AWS_PROFILE": "plain"}, home).endpoint_url == "http://plain.example"


@pytest.mark.parametrize("true", ["true", "TRUE"])
def test_aws_endpoints_can_be_ignored_and_ours_stays(home: Path, true: str) -> None:
    environ = {
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": true,
        "AWS_ENDPOINT_URL_S3": "http://a",
        "AWS_ENDPOINT_URL": "http://b",
        "AWS_PROFILE": "dev",
    }
    assert resolved(environ, home).endpoint_url is None
    assert resolved({**environ, "TIMETRACER_S3_ENDPOINT": "http://ours"}, home).endpoint_url == "http://ours"
    assert resolved({**environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"}, home).endpoint_url == "http://a"


def test_an_empty_prefix_that_is_given_means_none_and_an_empty_variable_the_default() -> None:
    assert resolved({"TIMETRACER_S3_PREFIX": "x"}, prefix="").prefix == ""
    assert resolved({"TIMETRACER_S3_PREFIX": ""}).prefix == "cassettes"


def test_a_slash_at_the_end_of_a_prefix_does_not_count() -> None:
    assert resolved(prefix="api/traces/").prefix == "api/traces"


@pytest.mark.parametrize("prefix", ["/a", "a//", "a\ud800", "a" * 1025])
def test_a_malformed_prefix_is_an_error(prefix: str) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        resolved(prefix=prefix)


@pytest.mark.parametrize(
    "name",
    [*[name for _, _, variables, _ in SETTINGS for name, _, _ in variables], *KEYS, "AWS_SESSION_TOKEN", "AWS_PROFILE"],
)
@pytest.mark.parametrize("text", [" x", "x\n", "x\r\n", "\tx", "  "])
def test_a_variable_with_a_blank_or_a_line_end_around_it_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} begins or ends with a blank or a line end") as caught:
        resolved({**KEYS, name: text})
    assert text.strip() == "" or repr(text) not in str(caught.value)


def test_a_variable_that_is_not_needed_may_be_anything() -> None:
    assert resolved({"AWS_REGION": "x\n"}, region="given").region == "given"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bucket": "arn:aws:s3:::traces"}, "is an ARN"),
        ({"bucket": "Tr"}, "bucket 'Tr' is malformed"),
        ({"bucket": "traces/api"}, "holds a slash"),
        ({"bucket": "tr aces"}, "malformed"),
        ({"bucket": ""}, r"no bucket: give -b \(in Python, bucket=…\) or set TIMETRACER_S3_BUCKET"),
        ({"bucket": b"traces"}, "bucket must be text, not bytes"),
        ({"region": "eu west"}, "region 'eu west' is malformed"),
        ({"region": "evil.example/"}, "malformed"),
        ({"endpoint_url": "localhost:9000"}, "no scheme"),
        ({"endpoint_url": "http://h:9000\n"}, "line end"),
        ({"endpoint_url": "http://local\nhost"}, "line end"),
        ({"addressing_style": "host"}, "'host' is none of auto, path, virtual"),
        ({"connect_timeout": 0}, "connect_timeout must be a number of seconds above 0, up to 86400"),
        ({"connect_timeout": 86401}, "connect_timeout"),
        ({"connect_timeout": 10**400}, "connect_timeout"),
        ({"read_timeout": -1}, "read_timeout"),
        ({"read_timeout": "soon"}, "read_timeout"),
        ({"read_timeout": float("nan")}, "read_timeout"),
        ({"read_timeout": float("inf")}, "read_timeout"),
        ({"read_timeout": True}, "read_timeout"),
        ({"max_attempts": 0}, "max_attempts must be a whole number from 1 to 1000"),
        ({"max_attempts": 2.5}, "max_attempts"),
        ({"max_attempts": True}, "max_attempts"),
        ({"max_attempts": "many"}, "max_attempts"),
        ({"max_concurrency": 1001}, "max_concurrency"),
        ({"part_size": 5 * 2**20 - 1}, "part_size must be a size from 5MB to 5GB, such as 64MB"),
        ({"part_size": "6GB"}, "part_size"),
        ({"multipart_threshold": "big"}, "multipart_threshold"),
        ({"multipart_threshold": True}, "multipart_threshold"),
        ({"multipart_threshold": 5e7}, "multipart_threshold"),
        ({"profile": 5}, "profile must be text, not int"),
        ({"access_key": 5, "secret_key": "x"}, "access_key must be text, not int"),
        ({"access_key": "x", "secret_key": b"hunter2"}, "secret_key must be text, not bytes"),
        ({"no_sign_request": "no"}, "no_sign_request must be True or False"),
    ],
)
def test_what_is_malformed_is_an_error_that_says_so(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        resolved(**settings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TIMETRACER_S3_CONNECT_TIMEOUT", "soon"),
        ("TIMETRACER_S3_READ_TIMEOUT", "0"),
        ("TIMETRACER_S3_MAX_ATTEMPTS", "0"),
        ("AWS_MAX_ATTEMPTS", "1e3"),
        ("TIMETRACER_S3_MAX_CONCURRENCY", "-1"),
    ],
)
def test_a_malformed_number_names_its_variable(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be"):
        resolved({name: text})


def test_a_malformed_number_names_its_profile(home: Path) -> None:
    (home / ".aws" / "config").write_text("[profile dev]\nmax_attempts = many\n")
    with pytest.raises(ConfigError, match=r"^max_attempts of profile dev must be"):
        resolved({"AWS_PROFILE": "dev"}, home)


@given(st.text())
def test_whatever_the_bucket_it_is_taken_or_a_config_error(bucket: str) -> None:
    told = ""
    try:
        assert S3Config.from_env({}, bucket=bucket).bucket == bucket
    except ConfigError as error:
        told = str(error)
    assert "\n" not in told


def credentials(config: S3Config) -> tuple[str | None, str | None, str | None]:
    return config.access_key, config.secret_key, config.session_token


def test_credentials_come_from_the_first_place_that_has_any(home: Path) -> None:
    environ = {**KEYS, "AWS_SESSION_TOKEN": "envtoken"}
    assert credentials(resolved(environ, home, access_key="ID", secret_key="s")) == ("ID", "s", None)
    assert credentials(resolved(environ, home)) == ("ENVID", "envsecret", "envtoken")
    assert credentials(resolved({}, home)) == ("DEFAULTID", "defaultsecret", None)
    (home / ".aws" / "credentials").unlink()
    with (home / ".aws" / "config").open("a") as config:
        config.write("[profile more]\naws_access_key_id = CONFIGID\naws_secret_access_key = configsecret\n")
    assert credentials(resolved({"AWS_PROFILE": "more"}, home)) == ("CONFIGID", "configsecret", None)
    assert credentials(resolved({}, home)) == (None, None, None)


@pytest.mark.parametrize("how", ["profile", "TIMETRACER_S3_PROFILE"])
def test_a_given_profile_leaves_the_environments_keys_aside(home: Path, how: str) -> None:
    given, environ = ({"profile": "dev"}, {}) if how == "profile" else ({}, {how: "dev"})
    config = resolved({**KEYS, **environ}, home, **given)
    assert credentials(config) == ("DEVID", "devsecret", "devtoken")
    assert config.profile == "dev"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_aws_profile_does_not(home: Path, name: str) -> None:
    assert credentials(resolved({**KEYS, name: "dev"}, home)) == ("ENVID", "envsecret", None)
    assert credentials(resolved({name: "dev"}, home)) == ("DEVID", "devsecret", "devtoken")
    assert resolved({name: "dev"}, home).region == "eu-profile-1"


def test_profiles_are_named_in_an_order_too(home: Path) -> None:
    environ = {"TIMETRACER_S3_PROFILE": "dev", "AWS_PROFILE": "plain", "AWS_DEFAULT_PROFILE": "nobody"}
    assert resolved(environ, home).region == "eu-profile-1"
    assert resolved(environ, home, profile="default").region == "eu-default-1"
    assert resolved({**environ, "TIMETRACER_S3_PROFILE": ""}, home).endpoint_url == "http://plain.example"


@pytest.mark.parametrize(
    ("environ", "given", "said"),
    [
        ({}, {"access_key": "ID"}, "^access_key and secret_key: there is an access key but no secret key"),
        ({}, {"secret_key": "hunter2"}, "^access_key and secret_key: there is a secret key but no access key"),
        ({}, {"session_token": "hunter2"}, "^access_key and secret_key: there is"),
        ({"AWS_ACCESS_KEY_ID": "ID"}, {}, "^the environment: there is an access key but no secret key"),
        ({"AWS_SECRET_ACCESS_KEY": "hunter2"}, {}, "^the environment: there is a secret key but no access key"),
        ({}, {"access_key": "ID", "secret_key": "hunter2 "}, "the secret key has a blank, a line end or another stray"),
        ({}, {"access_key": "I\nD", "secret_key": "hunter2"}, "the access key has a blank"),
        ({**KEYS, "AWS_SESSION_TOKEN": "hunter2\xe9"}, {}, "the environment: the session token has a blank"),
        ({**KEYS, "AWS_SECRET_ACCESS_KEY": "hunter2 hunter2"}, {}, "the environment: the secret key has a blank"),
    ],
)
def test_half_a_pair_or_a_stray_blank_is_told_and_never_shown(
    environ: dict[str, str], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(CredentialsError, match=said) as caught:
        resolved(environ, **given)
    assert "hunter2" not in str(caught.value)


def test_a_lone_session_token_in_the_environment_is_nothing() -> None:
    assert credentials(resolved({"AWS_SESSION_TOKEN": "t"})) == (None, None, None)


def test_no_sign_request_uses_no_keys(home: Path) -> None:
    config = resolved(KEYS, home, no_sign_request=True)
    assert (config.no_sign_request, *credentials(config)) == (True, None, None, None)


def test_without_keys_the_first_request_lists_where_it_looked(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("config", "credentials"):
        (home / ".aws" / name).write_text("[default]\n[profile dev]\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_PROFILE", "dev")
    with S3Store(S3Config(bucket="traces", endpoint_url="http://127.0.0.1:9")) as store:
        with pytest.raises(CredentialsError) as caught:
            store.read_bytes("a.json")
        with pytest.raises(CredentialsError):
            store.presign("a.json")
    assert str(caught.value) == (
        "no credentials; looked for: access_key and secret_key as given, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        f"profile dev in {home}/.aws/credentials and in {home}/.aws/config: "
        "set one of them, or use --no-sign-request for a public bucket"
    )


def test_a_given_profile_without_keys_says_that_the_environment_was_left_aside(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("HOME", str(home))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    store = S3Store(S3Config(bucket="traces", endpoint_url="http://127.0.0.1:9", profile="plain"))
    with pytest.raises(CredentialsError, match="not in the environment, as a profile was given, profile plain in"):
        store.read_bytes("a.json")


def test_a_store_takes_what_the_process_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMETRACER_S3_ENDPOINT", "http://127.0.0.1:9000")
    monkeypatch.setenv("TIMETRACER_S3_BUCKET", "traces")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with S3Store() as store:
        assert store.config == S3Config.from_env()
        assert store.config.endpoint_url == "http://127.0.0.1:9000"
        assert store.config.access_key == "ENVID"
        assert repr(store) == "S3Store('s3://traces/cassettes/')"


def test_resolving_twice_changes_nothing(home: Path) -> None:
    once = resolved({"AWS_PROFILE": "dev"}, home)
    assert S3Config.from_env({}, **{name: getattr(once, name) for name in S3Config.__slots__}) == once


def test_a_config_is_frozen_and_its_repr_shows_no_secret() -> None:
    config = S3Config(access_key="AKID", secret_key="hunter2", session_token="t0ken")
    with pytest.raises(AttributeError):
        config.bucket = "other"
    assert "access_key='AKID'" in repr(config)
    assert not [secret for secret in ("hunter2", "t0ken") if secret in repr(config)]
