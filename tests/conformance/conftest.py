"""Marks for the tests that not every server is for."""

from __future__ import annotations

import pytest

from tests.conformance.defects import LIVE


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_on(name): the test needs what this server alone has")
    config.addinivalue_line("markers", "not_live: the test goes beyond the prefix that a live run is given")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not _fits(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _fits(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("server") if callspec else None
    only = item.get_closest_marker("only_on")
    return (only is None or name == only.args[0]) and not (name == LIVE and item.get_closest_marker("not_live"))
