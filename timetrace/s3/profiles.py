"""Profiles in the configuration files that the AWS SDKs share. Read only where they exist and are needed.

Source: "Shared config and credentials files" in the AWS SDKs and Tools Reference Guide.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from timetrace.errors import ConfigError

if TYPE_CHECKING:
    from configparser import RawConfigParser

Section = dict[str, str]


class Profiles:
    """The two files, each read at most once. `name` is the chosen profile."""

    def __init__(self, environ: Mapping[str, str], name: str | None) -> None:
        self.name = name or "default"
        self._must_exist = name is not None
        self.config_file = _place(environ, "AWS_CONFIG_FILE", "config")
        self.credentials_file = _place(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials")
        self._read: tuple[Section, Section, Section] | None = None

    def get(self, name: str) -> str | None:
        """A setting of the profile, in the config file."""
        return self._sections()[0].get(name) or None

    def nested(self, group: str, name: str) -> str | None:
        """A setting below one that has only indented lines, such as `addressing_style` below `s3 =`."""
        return _below(self._sections()[0].get(group, "")).get(name)

    def service(self, service: str, name: str) -> str | None:
        """A service's setting in the `services` section that the profile names."""
        return _below(self._sections()[1].get(service, "")).get(name)

    def keys(self) -> tuple[Section, str]:
        """The section that holds the profile's keys, and the file it is in: the credentials file's comes first."""
        config, _, credentials = self._sections()
        if "aws_access_key_id" in credentials or "aws_secret_access_key" in credentials:
            return credentials, self.credentials_file
        return config, self.config_file

    def has(self, name: str) -> bool:
        """Whether either file has this setting of the profile."""
        config, _, credentials = self._sections()
        return bool(config.get(name) or credentials.get(name))

    def _sections(self) -> tuple[Section, Section, Section]:
        if self._read is None:
            config, credentials = _parse(self.config_file), _parse(self.credentials_file)
            ours = _section(config, "default" if self.name == "default" else f"profile {self.name}")
            if ours is None and self.name == "default":
                ours = _section(config, "profile default")
            keys = _section(credentials, self.name)
            if ours is None and keys is None and self._must_exist:
                raise ConfigError(
                    f"there is no profile {self.name!a} in {self.config_file} or {self.credentials_file}: "
                    "check --profile, TIMETRACER_S3_PROFILE or AWS_PROFILE"
                )
            services = _section(config, f"services {ours['services']}") if ours and "services" in ours else None
            self._read = (ours or {}, services or {}, keys or {})
        return self._read


def _place(environ: Mapping[str, str], variable: str, name: str) -> str:
    path = environ.get(variable) or os.path.join("~", ".aws", name)
    if not path.startswith(("~/", f"~{os.sep}")):
        return path
    # Not expanduser: it asks the process's own environment, and raises nothing where there is no home.
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return os.path.join(home, path[2:]) if home else path


def _parse(path: str) -> RawConfigParser | None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    trouble, parser = _understood(data)
    if trouble:
        # Raised here, where no other error is being handled: those hold what is in the file, so maybe a secret.
        raise ConfigError(f"{path} is {trouble}")
    return parser


def _understood(data: bytes) -> tuple[str, RawConfigParser]:
    """What is wrong with a file's content, or an empty text, and what was understood of it."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="", strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    try:
        parser.read_string(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "not UTF-8: mend it, or name another file in its place", parser
    except Error as error:
        line = getattr(error, "lineno", None) or next((at for at, _ in getattr(error, "errors", [])), "?")
        return f"malformed at line {line}: sections are [name], settings name = value", parser
    return "", parser


def _section(parser: RawConfigParser | None, name: str) -> Section | None:
    """The section's settings. Blanks and quotes in a header do not count: `[profile "dev"]`."""
    if parser is None:
        return None
    wanted = name.split(None, 1)
    for header in parser.sections():
        parts = header.split(None, 1)
        if [part.strip().strip("\"'") for part in parts] == wanted:
            return dict(parser.items(header))
    return None


def _below(text: str) -> Section:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
