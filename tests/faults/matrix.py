"""The outcomes as a test looks them up, and as the page and a terminal show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults.expected import EXPECTED
from tests.faults.faults import FAULTS, cells

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by scripts/faults: begin -->\n", "<!-- made by scripts/faults: end -->\n"

Outcomes = dict[str, dict[str, str]]
"""By fault and operation; each is a Cell as text."""


def expected() -> Outcomes:
    """For each cell. A row's "all" are the operations that it does not name elsewhere."""
    found: Outcomes = {}
    for fault, operation in cells():
        row = EXPECTED[fault.name]
        named = [cell for cell, names in row.items() if operation.name in names.split(", ")]
        found.setdefault(fault.name, {})[operation.name] = (
            named or [cell for cell, names in row.items() if names == "all"]
        )[0]
    return found


def grouped(outcomes: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Each outcome of a fault once, with its operations."""
    for cell in dict.fromkeys(outcomes.values()):
        yield cell, [name for name, other in outcomes.items() if other == cell]


def table(found: Outcomes) -> str:
    """In Markdown."""
    lines = ["| Fault | Outcome | Sent | Slept | Operations |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        outcomes = found[fault.name]
        for cell, names in grouped(outcomes):
            outcome, tries, slept = cell.split(", ")
            shown = f"`{outcome.split()[0]}`{outcome.partition('Error')[2]}" if "Error" in outcome else f"**{outcome}**"
            told = "all" if len(names) == len(outcomes) else ", ".join(names)
            lines.append(f"| {_escaped(fault.name)} | {shown} | {tries.removesuffix(' x')} | {slept} | {told} |")
    done = sum(cell.startswith("done") for outcomes in found.values() for cell in outcomes.values())
    total = sum(map(len, found.values()))
    lines += ["", f"{len(found)} faults, {total} cells: {done} end well, {total - done} in the error that is named."]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return re.sub(r"[<>]", r"\\\g<0>", text)


def page(text: str) -> str:
    """The page with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table(expected())}\n{END}{rest.partition(END)[2]}"


def differences(found: Outcomes) -> Iterable[str]:
    wanted = expected()
    for fault, outcomes in found.items():
        for operation, cell in outcomes.items():
            if cell != wanted[fault][operation]:
                yield f"{fault} / {operation}: {cell}, and not {wanted[fault][operation]}"
