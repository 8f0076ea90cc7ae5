"""A mark for the tests that one server is enough for, or two."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_on(*names): the test needs no more servers than these")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not _fits(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _fits(item: pytest.Item) -> bool:
    only = item.get_closest_marker("only_on")
    params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return only is None or not {params.get("server"), params.get("tls_server")}.isdisjoint(only.args)
