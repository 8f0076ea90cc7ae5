from __future__ import annotations

import pytest

from tests.hostile.targets import SEEDS, TARGETS


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, seeds in SEEDS.items() for data in seeds])
def test_what_the_fuzzer_begins_with_breaks_no_promise(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_each_target_has_seeds() -> None:
    assert SEEDS.keys() == TARGETS.keys()
