"""Each fault that may befall an operation, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.expected import EXPECTED
from tests.faults.faults import FAULTS, Fault, cells
from tests.faults.harness import run
from tests.faults.matrix import PAGE, expected, page
from tests.faults.operations import Operation

OUTCOMES = expected()


@pytest.mark.parametrize(("fault", "operation"), cells(), ids=lambda part: part.name)
def test_a_fault_has_the_outcome_that_the_table_says(fault: Fault, operation: Operation, tmp_path: Path) -> None:
    assert str(run(fault, operation, tmp_path)) == OUTCOMES[fault.name][operation.name]


def test_the_table_has_the_faults_that_there_are() -> None:
    assert list(EXPECTED) == [fault.name for fault in FAULTS]


def test_the_page_shows_the_table_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "docs/reliability.md is out of date: run scripts/faults --write"
