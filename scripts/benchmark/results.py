"""Runs, their medians, and what they come to against another tool's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

Metric = Literal["wall", "cpu", "rss"]
OURS = "timetrace"


@dataclass(frozen=True)
class Run:
    """One timed run that did the whole work: seconds of wall and CPU time, bytes of peak memory."""

    server: str
    scenario: str
    tool: str
    wall: float
    cpu: float
    rss: int


@dataclass(frozen=True)
class Note:
    """What went otherwise; `server` is empty where none was asked."""

    server: str
    scenario: str
    text: str


@dataclass(frozen=True)
class Results:
    """All that a benchmark found.

    `requests` by server, scenario and tool; `settings` by tool: how it ran, and what it does not do; `parts` are the
    facts of each start of the benchmark that added to this, `facts` those of the last.
    """

    runs: list[Run] = field(default_factory=list)
    requests: dict[str, dict[str, dict[str, dict[str, int]]]] = field(default_factory=dict)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    settings: dict[str, list[str]] = field(default_factory=dict)
    parts: list[dict[str, str]] = field(default_factory=lambda: [{}])

    @property
    def facts(self) -> dict[str, str]:
        return self.parts[-1]

    def of(self, server: str, scenario: str, tool: str) -> list[Run]:
        return [run for run in self.runs if (run.server, run.scenario, run.tool) == (server, scenario, tool)]

    def median(self, server: str, scenario: str, tool: str, metric: Metric) -> float | None:
        """None if there was no such run."""
        values = [getattr(run, metric) for run in self.of(server, scenario, tool)]
        return median(values) if values else None

    def ratio(self, server: str, scenario: str, peers: Iterable[str], metric: Metric) -> tuple[float, str] | None:
        """timetrace's median divided by that of the best of `peers`, and its name; None if one is missing."""
        ours = self.median(server, scenario, OURS, metric)
        theirs = {peer: value for peer in peers if (value := self.median(server, scenario, peer, metric))}
        if ours is None or not theirs:
            return None
        best = min(theirs, key=lambda peer: theirs[peer])
        return ours / theirs[best], best

    def servers(self) -> list[str]:
        return list(dict.fromkeys(run.server for run in self.runs))

    def scenarios(self) -> list[str]:
        return list(dict.fromkeys(run.scenario for run in self.runs))

    def tools(self, server: str, scenario: str) -> list[str]:
        """In the order in which they first ran, timetrace first."""
        names = dict.fromkeys(run.tool for run in self.runs if (run.server, run.scenario) == (server, scenario))
        return sorted(names, key=lambda name: name != OURS)


def table(rows: Iterable[Iterable[str]], words: int = 1) -> list[str]:
    """A table in Markdown; the first row is its head. All columns but the first `words` are aligned to the right."""
    head, *rest = [list(row) for row in rows]
    lines = [head, [*["---"] * words, *["---:"] * (len(head) - words)], *rest]
    return ["| " + " | ".join(line) + " |" for line in lines]


def as_json(results: Results) -> Mapping[str, object]:
    return asdict(results)


def from_json(data: Mapping[str, Any]) -> Results:
    runs, notes = [Run(**one) for one in data["runs"]], [Note(**one) for one in data["notes"]]
    return Results(**{**data, "runs": runs, "notes": notes})


def merged(earlier: Results, later: Results) -> Results:
    """Both. What was measured twice, such as a scenario on one server, is as the later found it."""
    again = {(run.server, run.scenario) for run in later.runs} | {(note.server, note.scenario) for note in later.notes}
    return Results(
        runs=[run for run in earlier.runs if (run.server, run.scenario) not in again] + later.runs,
        requests=earlier.requests | later.requests,
        figures=earlier.figures | later.figures,
        notes=[note for note in earlier.notes if (note.server, note.scenario) not in again] + later.notes,
        settings=earlier.settings | later.settings,
        parts=earlier.parts + later.parts,
    )
