"""Where credentials come from: the environment, then the profile's files. The order is that of the AWS SDKs."""

import os
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from timetrace.errors import ConfigError, CredentialsError
from timetrace.s3 import forks
from timetrace.s3.profiles import Profiles

ACCESS_KEY = "AWS_ACCESS_KEY_ID"
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"
SESSION_TOKEN = "AWS_SESSION_TOKEN"

# Ways to get keys that a profile may name, and that only other tools can go. The AWS SDKs go these before they
# look at the profile's own keys, which may be those of somebody else.
_ELSEWHERE = ("role_arn", "sso_session", "sso_start_url", "web_identity_token_file")
_PROCESS = "credential_process"


class Credentials(NamedTuple):
    """`source` tells where they were found."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    source: str = "given"

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r}, source={self.source!r})"


def checked(access_key: str | None, secret_key: str | None, session_token: str | None, source: str) -> Credentials:
    """Credentials from whatever `source` had; CredentialsError names what is missing or malformed."""
    if not access_key or not secret_key:
        there, missing = ("a secret key", "access key") if secret_key else ("an access key", "secret key")
        raise CredentialsError(f"{source}: there is {there} but no {missing}: give both, or neither")
    for name, value in (("access key", access_key), ("secret key", secret_key), ("session token", session_token)):
        if value and not (value.isascii() and value.isprintable() and " " not in value):
            raise CredentialsError(f"{source}: the {name} has a blank, a line end or another stray character")
    return Credentials(access_key, secret_key, session_token or None, source)


def find_credentials(environ: Mapping[str, str], profiles: Profiles, *, explicit_profile: bool) -> Credentials | None:
    """The first complete credentials, or None. A profile that was given leaves the environment's keys aside."""
    if not explicit_profile and (environ.get(ACCESS_KEY) or environ.get(SECRET_KEY)):
        return checked(environ.get(ACCESS_KEY), environ.get(SECRET_KEY), environ.get(SESSION_TOKEN), "the environment")
    section, file = profiles.keys()
    # A process comes between the two files.
    before = _ELSEWHERE if file == profiles.credentials_file else (*_ELSEWHERE, _PROCESS)
    if elsewhere := next((name for name in before if profiles.has(name)), None):
        raise CredentialsError(
            f"profile {profiles.name} gets its keys by {elsewhere}, which is not supported: put them into the "
            f'environment with eval "$(aws configure export-credentials --profile {profiles.name} --format env)"'
        )
    access_key, secret_key = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
    if access_key or secret_key:
        source = f"profile {profiles.name} in {file}"
        return checked(access_key, secret_key, section.get("aws_session_token"), source)
    return None


class FileCredentials:
    """The profile's keys, read again whenever its files have changed: other tools renew there what expires."""

    def __init__(self, environ: Mapping[str, str], profile: str | None, *, explicit_profile: bool) -> None:
        self._environ = environ
        self._profile = profile
        self._explicit = explicit_profile
        self._lock = Lock()
        forks.watch(self)
        self._stamps: list[tuple[int, int] | None] = []
        self._found: Credentials | None = None

    def __call__(self) -> Credentials:
        """CredentialsError, which lists where it looked, if there are none."""
        try:
            profiles = Profiles(self._environ, self._profile)
            stamps = [_stamp(profiles.credentials_file), _stamp(profiles.config_file)]
            if stamps != self._stamps or self._found is None:
                with self._lock:
                    found = find_credentials(self._environ, profiles, explicit_profile=self._explicit)
                    if found is None:
                        raise not_found(profiles, explicit_profile=self._explicit)
                    self._found, self._stamps = found, stamps
        except ConfigError:
            # A file that is being written is read half at times: what was found before may still hold.
            if self._found is None:
                raise
        return self._found


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def not_found(profiles: Profiles, *, explicit_profile: bool) -> CredentialsError:
    """The error that lists where `find_credentials` looked."""
    environment = (
        "not in the environment, as a profile was given" if explicit_profile else f"{ACCESS_KEY} and {SECRET_KEY}"
    )
    return CredentialsError(
        f"no credentials; looked for: access_key and secret_key as given, {environment}, "
        f"profile {profiles.name} in {profiles.credentials_file} and in {profiles.config_file}: "
        "set one of them, or use --no-sign-request for a public bucket"
    )
