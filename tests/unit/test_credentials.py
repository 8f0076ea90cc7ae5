from __future__ import annotations

from pathlib import Path

import pytest

from timetrace.errors import CredentialsError
from timetrace.s3.credentials import Credentials, FileCredentials, find_credentials
from timetrace.s3.profiles import Profiles

KEYS = "aws_access_key_id = ID\naws_secret_access_key = s3cret\n"


def found(tmp_path: Path, config: str, credentials: str = "", *, explicit_profile: bool = False) -> Credentials | None:
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    return find_credentials({}, Profiles(files, "dev"), explicit_profile=explicit_profile)


def test_credentials_tell_where_they_were_found(tmp_path: Path) -> None:
    assert found(tmp_path, "", f"[dev]\n{KEYS}") == Credentials(
        "ID", "s3cret", None, f"profile dev in {tmp_path}/credentials"
    )
    environ = {"AWS_ACCESS_KEY_ID": "ID", "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_SESSION_TOKEN": ""}
    assert find_credentials(environ, Profiles({}, None), explicit_profile=False) == Credentials(
        "ID", "s3cret", None, "the environment"
    )


def test_their_repr_shows_no_secret() -> None:
    assert repr(Credentials("ID", "hunter2", "t0ken")) == "Credentials(access_key='ID', source='given')"


@pytest.mark.parametrize("half", ["aws_access_key_id = ID", "aws_secret_access_key = hunter2"])
def test_half_a_pair_in_a_file_is_never_completed_from_the_other(tmp_path: Path, half: str) -> None:
    with pytest.raises(CredentialsError, match=r"profile dev in .*/credentials: there is") as caught:
        found(tmp_path, f"[profile dev]\n{KEYS}", f"[dev]\n{half}\n")
    assert "hunter2" not in str(caught.value)


ELSEWHERE = ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_way_that_is_not_supported_says_how_to_go_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        found(tmp_path, f"[profile dev]\n{name} = whatever\n")
    assert str(caught.value) == (
        f"profile dev gets its keys by {name}, which is not supported: put them into the "
        'environment with eval "$(aws configure export-credentials --profile dev --format env)"'
    )


@pytest.mark.parametrize("name", [name for name in ELSEWHERE if name != "credential_process"])
def test_the_sdks_would_go_it_before_the_credentials_file_so_its_keys_are_not_used(tmp_path: Path, name: str) -> None:
    with pytest.raises(CredentialsError, match=f"gets its keys by {name}"):
        found(tmp_path, f"[profile dev]\n{name} = whatever\n", f"[dev]\n{KEYS}")


def test_a_process_comes_after_the_credentials_file_and_before_the_config_file(tmp_path: Path) -> None:
    process = "[profile dev]\ncredential_process = whatever\n"
    assert found(tmp_path, process, f"[dev]\n{KEYS}") is not None
    with pytest.raises(CredentialsError, match="gets its keys by credential_process"):
        found(tmp_path, process + KEYS)


def test_a_role_in_the_credentials_file_counts_too(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="gets its keys by role_arn"):
        found(tmp_path, "", "[dev]\nrole_arn = whatever\nsource_profile = base\n")


def test_a_profile_without_any_keys_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, "[profile dev]\nregion = r-1\n", explicit_profile=True) is None


def test_keys_still_hold_while_their_file_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    environ = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(path)}
    path.write_text("[dev]\naws_access_key_id = OLD\naws_secret_access_key = s3cret\n")
    credentials = FileCredentials(environ, "dev", explicit_profile=True)
    assert credentials().access_key == "OLD"
    for half in ("", "[dev]\naws_access_key_id = NEW\n"):
        path.write_text(half)
        assert credentials().access_key == "OLD"
    path.write_text("[dev]\naws_access_key_id = NEW\naws_secret_access_key = s3cret\n")
    assert credentials().access_key == "NEW"
