"""The files that the AWS SDKs share, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from timetrace.errors import ConfigError
from timetrace.s3.profiles import Profiles


def profiles(tmp_path: Path, config: str | bytes = b"", credentials: str | bytes = b"", name: str = "dev") -> Profiles:
    environ = {}
    for variable, content in (("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", credentials)):
        path = tmp_path / variable
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        environ[variable] = str(path)
    return Profiles(environ, name)


@pytest.mark.parametrize(
    "config",
    [
        "[profile dev]\nregion=r-1",
        "[profile dev]\nregion   =   r-1   \n",
        "[ profile   dev ]\nregion = r-1\n",
        '[profile "dev"]\nregion = r-1\n',
        "[profile 'dev']\nregion = r-1\n",
        "\ufeff[profile dev]\nregion = r-1\n",
        "[profile dev]\r\nregion = r-1\r\n",
        "# a comment\n; another\n[profile dev]\n# region = r-2\nregion = r-1\n",
        "[profile dev]\nREGION = r-1\n",
        "[profile dev]\nregion = r-2\nregion = r-1\n",
        "[profile other]\nregion = r-2\n[profile dev]\nregion = r-1\n[default]\nregion = r-3\n",
    ],
)
def test_a_profile_is_found_however_it_is_written(tmp_path: Path, config: str) -> None:
    assert profiles(tmp_path, config).get("region") == "r-1"


def test_default_goes_by_two_names(tmp_path: Path) -> None:
    assert profiles(tmp_path, "[default]\nregion = r-1\n", name="default").get("region") == "r-1"
    assert profiles(tmp_path, "[profile default]\nregion = r-1\n", name="default").get("region") == "r-1"


def test_a_name_of_two_words_is_a_name(tmp_path: Path) -> None:
    found = profiles(tmp_path, "[profile my dev]\nregion = r-1\n", "[my dev]\naws_access_key_id = ID\n", "my dev")
    assert (found.get("region"), found.keys()[0]) == ("r-1", {"aws_access_key_id": "ID"})


def test_a_section_named_after_the_profile_alone_is_none_of_the_config_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no profile 'dev'"):
        profiles(tmp_path, "[dev]\nregion = r-1\n").get("region")


def test_nested_settings_are_read_below_their_name(tmp_path: Path) -> None:
    config = """\
[profile dev]
s3 =
    # a comment
    max_concurrent_requests = 20
    Addressing_Style=virtual
region = r-1
services = local
[services local]
dynamodb =
  endpoint_url = http://dynamo
s3 =
  endpoint_url = http://here:9000/a=b
"""
    found = profiles(tmp_path, config)
    assert found.nested("s3", "addressing_style") == "virtual"
    assert found.get("region") == "r-1"
    assert found.service("s3", "endpoint_url") == "http://here:9000/a=b"
    assert found.service("s3", "region") is None
    assert found.nested("sts", "region") is None


def test_services_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert profiles(tmp_path, "[profile dev]\nservices = gone\n").service("s3", "endpoint_url") is None


def test_keys_of_the_credentials_file_come_first(tmp_path: Path) -> None:
    config = "[profile dev]\naws_access_key_id = CONFIGID\n"
    found = profiles(tmp_path, config, "[dev]\naws_access_key_id = ID\n")
    assert found.keys() == ({"aws_access_key_id": "ID"}, found.credentials_file)
    found = profiles(tmp_path, config, "[dev]\nregion = r-1\n")
    assert found.keys() == ({"aws_access_key_id": "CONFIGID"}, found.config_file)


def test_a_hash_sign_and_a_percent_sign_belong_to_a_secret(tmp_path: Path) -> None:
    found = profiles(tmp_path, "", "[dev]\naws_secret_access_key = a#b;c%(d)s/+=\n")
    assert found.keys()[0] == {"aws_secret_access_key": "a#b;c%(d)s/+="}


def test_a_missing_profile_names_both_files_and_what_chose_it(tmp_path: Path) -> None:
    found = profiles(tmp_path, "[default]\n", "[default]\n")
    with pytest.raises(ConfigError) as caught:
        found.get("region")
    assert str(caught.value) == (
        f"there is no profile 'dev' in {found.config_file} or {found.credentials_file}: "
        "check --profile, TIMETRACER_S3_PROFILE or AWS_PROFILE"
    )


def test_a_profile_in_one_of_the_files_is_enough(tmp_path: Path) -> None:
    assert profiles(tmp_path, "", "[dev]\naws_access_key_id = ID\n").get("region") is None
    assert profiles(tmp_path, "[profile dev]\n", "").keys()[0] == {}


def test_without_files_the_default_profile_is_empty(tmp_path: Path) -> None:
    for home in ({"HOME": str(tmp_path)}, {}):
        found = Profiles(home, None)
        assert (found.name, found.get("region"), found.keys()[0]) == ("default", None, {})


def test_a_path_below_a_file_is_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Profiles({"AWS_CONFIG_FILE": str(tmp_path / "file" / "config")}, None).get("region") is None


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("hunter2\n[profile dev]\n", 1),
        ("\naws_secret_access_key = hunter2\n", 2),
        ("[profile dev]\naws_secret_access_key hunter2\n", 2),
        ("[profile dev]\nregion = r-1\n= hunter2\n", 3),
        ("[profile dev]\ns3\n  secret = hunter2\n", 2),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_nothing_of_it_is_shown(
    tmp_path: Path, config: str, line: int
) -> None:
    found = profiles(tmp_path, config)
    with pytest.raises(ConfigError) as caught:
        found.get("region")
    assert str(caught.value) == (
        f"{found.config_file} is malformed at line {line}: sections are [name], settings name = value"
    )
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    found = profiles(tmp_path, "[profile dev]\nregion = caf\xe9\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="AWS_CONFIG_FILE is not UTF-8"):
        found.get("region")


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    # A folder and not a file without permissions: whoever runs the tests as root may read those.
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\): check its permissions"):
        Profiles({"AWS_CONFIG_FILE": str(tmp_path)}, None).get("region")


def test_the_files_are_found_at_home_and_where_the_variables_say() -> None:
    found = Profiles({"HOME": "/home/me", "AWS_CONFIG_FILE": "~/x/config"}, None)
    assert (found.config_file, found.credentials_file) == ("/home/me/x/config", "/home/me/.aws/credentials")
    found = Profiles({"USERPROFILE": "/users/me", "AWS_CONFIG_FILE": "~other/config"}, None)
    assert (found.config_file, found.credentials_file) == ("~other/config", "/users/me/.aws/credentials")
