"""The report: tables of medians and ratios, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmark import aims
from benchmark.results import OURS, Metric, Results, table
from benchmark.scenarios import BY_NAME

ALL = ("s5cmd", "s5cmd-tuned", "rclone", "obstore", "boto3", "aws-32", "aws", "timetracer", "floor")
LOAD = "others' load at the start"
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


INTRODUCTION = """\
Written by `scripts/bench`, which sets itself up and measures on your own machine. Every figure is a median. Each tool
did the same work in turn with the others. What it did was checked before its time counted: all of it read back the
first time, by the MD5 of each object later and with more than 2,000 objects. A first run for warmth is not counted,
unless a tool has one round only or takes more than 8 seconds. CPU is user and system time of the whole process tree of
the client. Client, server and checks share the cores: what a client leaves idle, the server can use."""

SHORT = """\
Wall time of timetrace divided by that of each other tool: 0.50 means half of the time, above 1 timetrace is slower.
– means that the tool was not run there, or did not do the whole work;
[the reasons](#what-was-not-compared) are told."""

OF_A_RUN = ("measured", "date", LOAD, "took")
PARTS = "Made in {} runs, one after the other; each column is one of them, with the load that it met."


def render(results: Results, plots: list[str]) -> str:
    """docs/benchmarks.md."""
    lines = ["# Benchmarks", "", INTRODUCTION, "", *(f"![{name}]({name})\n" for name in plots)]
    servers = results.servers() or list(results.requests)
    if results.runs:
        lines += ["## In short", "", SHORT, ""]
    for server in results.servers():
        lines += [f"### On {server}", "", *short_table(results, server), ""]
    lines += [*missed_part(results), "## How each tool was run, and what it does not do", ""]
    lines += [*table([["tool", "how", "not done"], *([tool, *told] for tool, told in results.settings.items())], 3), ""]
    lines += ["## Where", "", *facts_part(results), ""]
    for server in servers:
        lines += server_part(results, server)
    for name, heading, unit, digits in FIGURES:
        if name in results.figures:
            lines += [heading, "", *figure_table(results, name, unit, digits), ""]
    if found := list(aims.signing(results)):
        lines += [*verdict_table(found), ""]
    lines += [
        "## What was not compared",
        "",
        "Why a tool failed is told. The others were left out on purpose: far behind, or made for other work.",
        "",
    ]
    lines += [f"- {line}" for line in [note.text for note in results.notes] + list(left_out(results))]
    return "\n".join([*lines, ""])


def measured(results: Results, server: str) -> list[str]:
    """Scenarios, in the order of the list."""
    return [name for name in BY_NAME if results.tools(server, name)]


def peers(results: Results) -> list[str]:
    return [tool for tool in ALL if any(run.tool == tool for run in results.runs)]


def short_table(results: Results, server: str) -> list[str]:
    columns = peers(results)
    rows = [["", *columns]]
    for scenario in measured(results, server):
        ratios = [results.ratio(server, scenario, [tool], "wall") for tool in columns]
        rows.append([title(scenario), *(f"{ratio[0]:.2f}" if ratio else "–" for ratio in ratios)])
    return table(rows)


def missed_part(results: Results) -> Iterator[str]:
    """Every aim that was not reached, in one table."""
    found = {
        server: list(aims.verdicts(results, server))
        for server in {**results.requests, **dict.fromkeys(results.servers())}
    }
    found["in process"] = list(aims.signing(results))
    count = sum(map(len, found.values()))
    missed = [(where, one) for where, verdicts in found.items() for one in verdicts if not one.met]
    if count:
        yield from ["## Aims that were missed", "", f"{count - len(missed)} of {count} aims were met."]
        yield from ["Every aim, met or missed, is below with its server." if missed else "None was missed.", ""]
    if missed:
        rows = [["server", "scenario", "what", "aim", "found"]]
        rows += [[where, title(one.scenario), one.what, one.aim, one.found] for where, one in missed]
        yield from [*table(rows, words=3), ""]


def facts_part(results: Results) -> Iterator[str]:
    """What is the same of every run in one table, what is not in a column for each."""
    parts = results.parts
    names = list(dict.fromkeys(name for part in parts for name in part))
    values = {name: list(dict.fromkeys(part[name] for part in parts if name in part)) for name in names}
    own = [name for name in names if len(parts) > 1 and (name in OF_A_RUN or len(values[name]) > 1)]
    yield from table([["what", "value"], *([name, values[name][0]] for name in names if name not in own)], words=2)
    if own:
        rows = [["what", *(f"run {number}" for number, _ in enumerate(parts, 1))]]
        rows += [[name, *(part.get(name, "") for part in parts)] for name in own]
        yield from ["", PARTS.format(len(parts)), "", *table(rows, words=len(parts) + 1)]


def left_out(results: Results) -> Iterator[str]:
    """The tools that have no run in a scenario, whatever the reason."""
    where: dict[str, list[str]] = {}
    for scenario in BY_NAME:
        for server in results.servers():
            ran = results.tools(server, scenario)
            missing = [tool for tool in peers(results) if tool not in ran and not missing_by_nature(tool, scenario)]
            if ran and missing:
                where.setdefault(f"{title(scenario)}: no figures of {', '.join(missing)}", []).append(server)
    return (f"{what} (on {', '.join(servers)})" for what, servers in where.items())


def missing_by_nature(tool: str, scenario: str) -> bool:
    """The floor is of one object; the tuned workers are for many files."""
    one = BY_NAME[scenario].work in ("put", "get")
    few = BY_NAME[scenario].work in ("put", "get", "put-large", "get-large", "list", "nothing", "changed")
    return (tool == "floor" and not one) or (tool == "s5cmd-tuned" and few)


def server_part(results: Results, server: str) -> Iterator[str]:
    yield from [f"## {server}", ""]
    if found := list(aims.verdicts(results, server)):
        met = sum(one.met for one in found)
        yield from [f"{met} of {len(found)} aims met.", "", *verdict_table(found), ""]
    for scenario in measured(results, server):
        yield from [f"### {title(scenario)}", "", *scenario_table(results, server, scenario), ""]
    if server in results.requests:
        yield from ["### Requests", "", *request_table(results, server), ""]
