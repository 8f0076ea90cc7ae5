from __future__ import annotations

from typing import Any

import pytest

from timetrace.errors import ConfigError
from timetrace.storage.mirror import SyncOptions


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_errors": 0}, "max_errors is 0: it must be 1 or more"),
        ({"max_errors": -5}, "max_errors is -5: it must be 1 or more"),
        ({"verify": True, "delete": True}, "verify only reads and compares: leave out"),
        ({"verify": True, "dry_run": True}, "verify only reads and compares: leave out"),
        ({"verify": True, "create_only": True}, "verify only reads and compares: leave out"),
        ({"create_only": True, "delete": True}, "create_only and delete contradict each other"),
    ],
)
def test_options_that_make_no_sense_are_an_error_that_says_what_to_leave_out(
    options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        SyncOptions(**options).checked()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_errors": 1},
        {"delete": True, "force": True, "dry_run": True, "compress": True, "follow_symlinks": True},
        {"create_only": True, "compress": True, "dry_run": True},
        {"verify": True, "compress": True},
    ],
)
def test_options_that_go_together_are_taken(options: dict[str, Any]) -> None:
    made = SyncOptions(**options).checked()
    assert {name: getattr(made, name) for name in options} == options
