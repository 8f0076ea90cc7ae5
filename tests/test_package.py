from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import timetrace
import timetrace.storage
from timetrace import errors

ROOT = Path(__file__).parent.parent
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def test_the_version_is_one_that_pypi_takes() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([abc.]\w+)?", timetrace.__version__)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "timetrace" / "py.typed").is_file()


def test_the_core_needs_nothing_and_the_extra_urllib3() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "\ndependencies = []\n" in project
    assert '\ns3 = ["urllib3>=2.2,<3"]\n' in project
    assert '\nrequires-python = ">=3.10"\n' in project


def test_all_that_is_exported_is_there() -> None:
    assert {"S3Config", "S3Store", "SyncReport"} <= set(timetrace.storage.__all__)
    assert [name for name in timetrace.storage.__all__ if not hasattr(timetrace.storage, name)] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_timetrace_error_with_a_name_that_says_so(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.TimetraceError)
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.MissingDependencyError, ImportError),
        (errors.InvalidKeyError, ValueError),
        (errors.CassetteError, ValueError),
    ],
)
def test_some_are_what_python_calls_them_too(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


def test_a_request_error_says_what_failed_why_and_what_to_do() -> None:
    error = errors.SignatureError(403, "SignatureDoesNotMatch", request_id="4F2")
    error.method, error.uri = "GET", "s3://traces/api/a.json"
    assert str(error) == (
        "GET s3://traces/api/a.json: 403 SignatureDoesNotMatch (request 4F2): "
        "check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID"
    )


@pytest.mark.parametrize(
    "error",
    [errors.NoSuchKeyError(404, "NoSuchKey", "gone", request_id="R"), errors.ReadTimeoutError("silent")],
    ids=["S3Error", "RequestError"],
)
def test_an_error_survives_the_way_between_processes(error: errors.RequestError) -> None:
    error.method, error.uri, error.attempts = "GET", "s3://b/k", 3
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
