"""The report: tables of medians and ratios, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmark import aims
from benchmark.results import OURS, Metric, Results, table
from benchmark.scenarios import BY_NAME

RATIOS: tuple[Metric, ...] = ("wall", "cpu", "rss")


def title(scenario: str) -> str:
    return BY_NAME[scenario].title if scenario in BY_NAME else scenario


def without_paths(text: str) -> str:
    """What a tool complained of names folders of this machine, which tell nobody else anything."""
    return re.sub(r"(?<![\w:/.])(?:/[^\s/'\":,]+){2,}", "…", text)


def seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def scenario_table(results: Results, server: str, scenario: str) -> list[str]:
    """Medians of each tool, and timetrace's divided by them: wall, CPU, memory."""
    rows = [["tool", "rounds", "wall s", "CPU s", "peak MB", "timetrace's wall", "CPU", "memory"]]
    for tool in results.tools(server, scenario):
        values = {metric: results.median(server, scenario, tool, metric) or 0.0 for metric in RATIOS}
        ratios = [results.ratio(server, scenario, [tool], metric) for metric in RATIOS]
        shown = [f"× {ratio[0]:.2f}" if ratio and tool != OURS else "" for ratio in ratios]
        rounds = len(results.of(server, scenario, tool))
        figures = [seconds(values["wall"]), seconds(values["cpu"]), f"{values['rss'] / 1e6:.0f}"]
        rows.append([tool, str(rounds), *figures, *shown])
    return table(rows)


def verdict_table(found: list[aims.Verdict]) -> list[str]:
    rows = [["scenario", "what", "aim", "found", ""]]
    rows += [[title(one.scenario), one.what, one.aim, one.found, "met" if one.met else "**missed**"] for one in found]
    return table(rows, words=2)


def request_table(results: Results, server: str) -> list[str]:
    rows = [["files", "tool", "requests", "sum"]]
    for scenario, tools in results.requests[server].items():
        for tool, kinds in tools.items():
            which = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
            rows.append([scenario.replace("-", ", "), tool, which, str(sum(kinds.values()))])
    return table(rows, words=3)


def figure_table(results: Results, name: str, unit: str, digits: int) -> list[str]:
    took = results.figures[name]
    rows = [["", unit]] + [
        [what, f"{value:.{digits}f}"] for what, value in sorted(took.items(), key=lambda one: one[1])
    ]
    return table(rows)


FIGURES = (
    ("signing", "## Signing a GET, in process", "µs", 1),
    ("imports", "## A process that does nothing but import, or tell its version", "ms", 0),
    ("sizes", "## Installed, with all that it needs besides Python", "MB", 1),
)


def render(results: Results, plots: list[str]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `scripts/bench`; run it to measure on your own machine. Every figure is a median. Each tool did",
        "the same work in turn with the others, after a run that is not counted; what it did was compared byte for",
        "byte before its time counted. CPU is user and system time of the whole process tree, of the client alone.",
        "A ratio is timetrace's median divided by the other tool's: below 1, timetrace needs less.",
        "Client, server and checks share the cores: what a client leaves idle, the server can use.",
        "",
        *(f"![{name}]({name})\n" for name in plots),
        "## Where",
        "",
        *table([["what", "value"], *([name, value] for name, value in results.facts.items())], words=2),
        "",
    ]
    for server in results.servers() or list(results.requests):
        lines += server_part(results, server)
    for name, heading, unit, digits in FIGURES:
        if name in results.figures:
            lines += [heading, "", *figure_table(results, name, unit, digits), ""]
    if found := list(aims.signing(results)):
        lines += [*verdict_table(found), ""]
    lines += [
        "## How each tool was run",
        "",
        *table([["tool", "how"], *map(list, results.settings.items())], words=2),
        "",
    ]
    if results.notes:
        lines += ["## What was not compared", "", *(f"- {note}" for note in results.notes), ""]
    return "\n".join(lines)


def server_part(results: Results, server: str) -> Iterator[str]:
    yield from [f"## {server}", ""]
    if found := list(aims.verdicts(results, server)):
        met = sum(one.met for one in found)
        yield from [f"{met} of {len(found)} aims met.", "", *verdict_table(found), ""]
    for scenario in results.scenarios():
        if results.tools(server, scenario):
            yield from [f"### {title(scenario)}", "", *scenario_table(results, server, scenario), ""]
    if server in results.requests:
        yield from ["### Requests", "", *request_table(results, server), ""]
