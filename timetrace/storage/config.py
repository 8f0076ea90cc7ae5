"""S3Config, and the one place where what it leaves out is found."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from timetrace.errors import ConfigError
from timetrace.s3.credentials import ACCESS_KEY, Credentials, FileCredentials, checked, find_credentials
from timetrace.s3.endpoint import resolve_endpoint
from timetrace.s3.profiles import Profiles
from timetrace.storage.keys import key_problem

MAX_CONCURRENCY = 1000
# What S3 takes for a part, and for an object in one piece.
MIN_PART = 5 * 2**20
MAX_PART = 5 * 2**30


class S3Config:
    """Where cassettes are kept. What is None comes from the environment, the profile or a default.

    Timeouts are in seconds, sizes in bytes or as a text such as "64MB". `addressing_style` is "auto", "path" or
    "virtual"; `prefix=""` means none. docs/configuration.md lists the variables. It is frozen: `replace` makes another.
    """

    # No dataclass, to start faster, and no named tuple: all that looks into a tuple would find the secrets.
    __slots__ = (  # noqa: RUF023
        "bucket",
        "prefix",
        "region",
        "endpoint_url",
        "access_key",
        "secret_key",
        "session_token",
        "profile",
        "addressing_style",
        "ca_bundle",
        "no_sign_request",
        "connect_timeout",
        "read_timeout",
        "max_attempts",
        "max_concurrency",
        "multipart_threshold",
        "part_size",
    )
    bucket: str | None
    prefix: str | None
    region: str | None
    endpoint_url: str | None
    access_key: str | None
    secret_key: str | None
    session_token: str | None
    profile: str | None
    addressing_style: str | None
    ca_bundle: str | None
    no_sign_request: bool | None
    connect_timeout: float | None
    read_timeout: float | None
    max_attempts: int | None
    max_concurrency: int | None
    multipart_threshold: int | str | None
    part_size: int | str | None

    def __init__(
        self,
        bucket: str | None = None,
        prefix: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        addressing_style: str | None = None,
        ca_bundle: str | None = None,
        no_sign_request: bool | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        max_attempts: int | None = None,
        max_concurrency: int | None = None,
        multipart_threshold: int | str | None = None,
        part_size: int | str | None = None,
    ) -> None:
        given = locals()
        for name in S3Config.__slots__:
            object.__setattr__(self, name, given[name])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"S3Config is frozen: make another with replace({name}=…)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, S3Config) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = [name for name in self.__slots__ if name not in ("secret_key", "session_token")]
        return f"S3Config({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __reduce__(self) -> tuple[object, ...]:
        return S3Config, self._values()

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def replace(self, **changes: Any) -> S3Config:
        """The same but for these fields."""
        return S3Config(**{**dict(zip(self.__slots__, self._values(), strict=True)), **changes})

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> S3Config:
        """All values as a store would use them; `overrides` are fields that win over the environment."""
        return resolve(cls(**overrides), os.environ if environ is None else environ)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be text, not {type(value).__name__}")
    return value


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 < seconds <= 86400:
        raise ConfigError(f"{name} must be a number of seconds above 0, up to 86400")
    return seconds


def _count(name: str, value: Any) -> int:
    try:
        count = 0 if isinstance(value, (bool, float)) else int(value)
    except (TypeError, ValueError):
        count = 0
    if not 1 <= count <= MAX_CONCURRENCY:
        raise ConfigError(f"{name} must be a whole number from 1 to {MAX_CONCURRENCY}")
    return count


def parse_size(name: str, value: Any) -> int:
    """Bytes, from a number or from a text such as 64MB, which is read as the AWS command reads it: in 1024s."""
    match = re.fullmatch(r"([0-9]{1,15})\s*(?:([KMGT])?i?B?)", str(value).strip(), re.IGNORECASE)
    size = int(match[1]) * 1024 ** " KMGT".index((match[2] or " ").upper()) if match else 0
    if not MIN_PART <= size <= MAX_PART:
        raise ConfigError(f"{name} must be a size from 5MB to 5GB, such as 64MB")
    return size


class _Setting(NamedTuple):
    """Where a field's value may come from, first to last, after what was given."""

    name: str
    variables: tuple[str, ...]
    profile: Callable[[Profiles], str | None] = lambda profiles: None
    default: Any = None
    parse: Callable[[str, Any], Any] = _text


_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_SETTINGS = (
    _Setting("bucket", ("TIMETRACER_S3_BUCKET",)),
    _Setting("prefix", ("TIMETRACER_S3_PREFIX",), default="cassettes"),
    _Setting(
        "region",
        ("TIMETRACER_S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"),
        lambda profiles: profiles.get("region"),
        "us-east-1",
    ),
    _Setting(
        "endpoint_url",
        ("TIMETRACER_S3_ENDPOINT", *_ENDPOINT_VARIABLES),
        lambda profiles: profiles.service("s3", "endpoint_url") or profiles.get("endpoint_url"),
    ),
    _Setting(
        "addressing_style",
        ("TIMETRACER_S3_ADDRESSING_STYLE",),
        lambda profiles: profiles.nested("s3", "addressing_style"),
        "auto",
    ),
    _Setting("ca_bundle", ("TIMETRACER_S3_CA_BUNDLE", "AWS_CA_BUNDLE"), lambda profiles: profiles.get("ca_bundle")),
    _Setting("connect_timeout", ("TIMETRACER_S3_CONNECT_TIMEOUT",), default=10.0, parse=_seconds),
    _Setting("read_timeout", ("TIMETRACER_S3_READ_TIMEOUT",), default=60.0, parse=_seconds),
    _Setting(
        "max_attempts",
        ("TIMETRACER_S3_MAX_ATTEMPTS", "AWS_MAX_ATTEMPTS"),
        lambda profiles: profiles.get("max_attempts"),
        5,
        _count,
    ),
    _Setting("max_concurrency", ("TIMETRACER_S3_MAX_CONCURRENCY",), parse=_count),
    _Setting(
        "multipart_threshold",
        ("TIMETRACER_S3_MULTIPART_THRESHOLD",),
        lambda profiles: profiles.nested("s3", "multipart_threshold"),
        64 * 2**20,
        parse_size,
    ),
    _Setting(
        "part_size",
        ("TIMETRACER_S3_PART_SIZE",),
        lambda profiles: profiles.nested("s3", "multipart_chunksize"),
        8 * 2**20,
        parse_size,
    ),
)


def resolve(config: S3Config, environ: Mapping[str, str]) -> S3Config:
    """`config` with every value that can be found; ConfigError for one that is malformed, or for no bucket."""
    _check_types(config)
    seen = _Environment(environ)
    profile = config.profile or seen.get("TIMETRACER_S3_PROFILE")
    profiles = Profiles(seen, profile or seen.get("AWS_PROFILE") or seen.get("AWS_DEFAULT_PROFILE"))
    values: dict[str, Any] = {"profile": profile, "no_sign_request": bool(config.no_sign_request)}
    ignored = _ENDPOINT_VARIABLES if (seen.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or "").lower() == "true" else ()
    for setting in _SETTINGS:
        values[setting.name] = _find(setting, config, seen, profiles, ignored)
    values["prefix"] = values["prefix"].removesuffix("/")
    resolved = config.replace(**values)
    _check(resolved)
    return _with_credentials(resolved, seen, profiles)


def _check_types(config: S3Config) -> None:
    """Of the fields that no `_Setting` parses."""
    for name in ("access_key", "secret_key", "session_token", "profile"):
        if (given := getattr(config, name)) is not None:
            _text(name, given)
    if config.no_sign_request not in (None, True, False):
        raise ConfigError("no_sign_request must be True or False")


def profile_credentials(config: S3Config, environ: Mapping[str, str]) -> FileCredentials | None:
    """For a resolved `config` whose keys a profile has, or should have; None if they come from elsewhere."""
    seen = _Environment(environ)
    if config.profile is None and seen.get(ACCESS_KEY):
        return None
    name = config.profile or seen.get("AWS_PROFILE") or seen.get("AWS_DEFAULT_PROFILE")
    return FileCredentials(seen, name, explicit_profile=config.profile is not None)


class _Environment(dict[str, str]):
    """The environment without empty variables; blanks around a value are an error that names its variable."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        ours = {name: value for name, value in environ.items() if name.startswith(("TIMETRACER_", "AWS_")) and value}
        super().__init__(ours)
        self.update((name, environ[name]) for name in ("HOME", "USERPROFILE") if environ.get(name))

    def get(self, name: str, default: Any = None) -> Any:
        value = super().get(name, default)
        if isinstance(value, str) and value != value.strip() and name not in ("HOME", "USERPROFILE"):
            raise ConfigError(f"{name} begins or ends with a blank or a line end: set it without")
        return value


def _find(setting: _Setting, config: S3Config, seen: _Environment, profiles: Profiles, ignored: tuple[str, ...]) -> Any:
    given = getattr(config, setting.name)
    if given is not None:
        return setting.parse(setting.name, given)
    for variable in setting.variables:
        if variable not in ignored and (value := seen.get(variable)):
            return setting.parse(variable, value)
    if not (ignored and setting.name == "endpoint_url") and (value := setting.profile(profiles)):
        return setting.parse(f"{setting.name} of profile {profiles.name}", value)
    return setting.default


def _check(config: S3Config) -> None:
    if not config.bucket:
        raise ConfigError("no bucket: give -b (in Python, bucket=…) or set TIMETRACER_S3_BUCKET")
    prefix = config.prefix or ""
    if prefix.startswith("/") or prefix.endswith("/") or (prefix and key_problem(prefix)):
        raise ConfigError(f"the prefix {prefix!a} is malformed: write it as api/traces, without outer slashes")
    resolve_endpoint(
        config.bucket,
        region=config.region or "",
        endpoint_url=config.endpoint_url,
        addressing_style=config.addressing_style or "",
    )


def _with_credentials(config: S3Config, seen: _Environment, profiles: Profiles) -> S3Config:
    """Keys go together: a given pair never takes the environment's token."""
    if config.no_sign_request:
        return config.replace(access_key=None, secret_key=None, session_token=None)
    if config.access_key or config.secret_key or config.session_token:
        given = (config.access_key, config.secret_key, config.session_token)
        found: Credentials | None = checked(*given, "access_key and secret_key")
    else:
        found = find_credentials(seen, profiles, explicit_profile=config.profile is not None)
    if found is None:
        return config
    return config.replace(
        access_key=found.access_key,
        secret_key=found.secret_key,
        session_token=found.session_token,
    )
