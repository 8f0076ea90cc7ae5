"""Errors in one line."""

from __future__ import annotations

import pytest

from timetrace.cli.failures import exit_code, explain, explain_item
from timetrace.errors import ConfigError, IntegrityError, MissingDependencyError, NoSuchKeyError
from timetrace.storage.report import SyncItem


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory", "a/b.json"), "a/b.json: No such file or directory"),
        (PermissionError(13, "Permission denied", b"a/\xff.json"), "a/\udcff.json: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (FileNotFoundError("there is no folder x"), "there is no folder x"),
        (ConfigError("no bucket"), "no bucket"),
        (MemoryError(), "out of memory"),
        (ZeroDivisionError(), "unexpected ZeroDivisionError: please report it, with what --debug prints"),
        (KeyError("x"), "unexpected KeyError: 'x': please report it, with what --debug prints"),
    ],
)
def test_error_is_told_in_one_line(error: Exception, told: str) -> None:
    assert explain(error) == told


def test_configuration_gives_2_and_all_else_1() -> None:
    assert [
        exit_code(error) for error in (ConfigError(), MissingDependencyError(), OSError(), IntegrityError("x"))
    ] == [
        2,
        2,
        1,
        1,
    ]


def of(error: Exception, action: str = "fail") -> str:
    item = SyncItem("refuse" if action == "refuse" else "fail", "a.json", "in/a.json", reason=str(error), error=error)
    return explain_item(item, "s3://bucket/a.json")


def test_one_of_many_is_named_once() -> None:
    missing = NoSuchKeyError(404, "NoSuchKey")
    missing.method, missing.uri = "GET", "s3://bucket/a.json"
    assert of(missing) == "GET s3://bucket/a.json: 404 NoSuchKey: check the key and the prefix"
    assert of(PermissionError(13, "Permission denied", "in/a.json")) == "in/a.json: Permission denied"
    assert of(PermissionError(13, "Permission denied", "in")) == "s3://bucket/a.json: in: Permission denied"
    assert of(IntegrityError("in/a.json changed while it was read")) == (
        "s3://bucket/a.json: in/a.json changed while it was read"
    )
    assert of(ValueError("a.json: a folder has this name"), "refuse") == (
        "s3://bucket/a.json: refused, a folder has this name"
    )
    assert explain_item(SyncItem("fail", "", "in/b", reason="permission denied"), "") == "in/b: permission denied"
