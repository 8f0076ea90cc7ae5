"""Draws medians as SVG: run by the peers' Python, where matplotlib is. Usage: plots.py benchmarks.json DIR"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Legible on white and on black alike; the background is left out.
INK, OURS, THEIRS = "#848d97", "#2f81f7", "#a8aeb6"
WORKS = {"up-2000": "2,000 files up", "down-2000": "2,000 files down", "nothing-2000": "2,000 files, nothing to do"}
METRICS = {"wall": ("wall time", "s", 1.0), "cpu": ("CPU time", "s", 1.0), "rss": ("peak memory", "MB", 1e-6)}
TOOLS = ("timetrace", "s5cmd", "rclone", "obstore", "boto3", "aws-32", "timetracer")
NAMES = {"aws-32": "aws (32 at once)"}
WITHOUT = {("timetracer", "down-2000"): "stops at 1,000"}
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "svg.hashsalt": "timetrace",
    "svg.fonttype": "none",
}


def medians(results: Mapping[str, Any], server: str, scenario: str, metric: str) -> dict[str, float]:
    """By tool."""
    found: dict[str, list[float]] = {}
    for run in results["runs"]:
        if (run["server"], run["scenario"]) == (server, scenario):
            found.setdefault(run["tool"], []).append(run[metric])
    return {tool: median(values) for tool, values in found.items()}


def digits(seconds: float) -> int:
    return 2 if seconds < 1 else 1 if seconds < 10 else 0


def panel(axes: Any, scenario: str, metric: str, values: Mapping[str, float]) -> None:
    """A bar a tool, with its value and, for a peer, how many times ours it is."""
    _, unit, scale = METRICS[metric]
    ours = values["timetrace"]
    for place, tool in enumerate(TOOLS):
        colour, weight = (OURS, "bold") if tool == "timetrace" else (INK, "normal")
        if tool in values:
            value = values[tool] * scale
            axes.barh(place, value, 0.68, color=OURS if tool == "timetrace" else THEIRS, clip_on=False)
            text = f"{value:.{digits(value) if scale == 1 else 0}f} {unit}"
            text += "" if tool == "timetrace" else f"  × {values[tool] / ours:.1f}"
        else:
            value, text = 0, WITHOUT.get((tool, scenario), "not run")
        axes.annotate(
            text, (value, place), (4, 0), textcoords="offset points", va="center", color=colour, weight=weight
        )
    axes.set_xlim(0, 1.75 * max(values[tool] for tool in TOOLS if tool in values) * scale)
    axes.set_ylim(len(TOOLS) - 0.4, -0.6)
    axes.set_xticks([])
    axes.set_yticks(range(len(TOOLS)), [NAMES.get(tool, tool) for tool in TOOLS], color=INK)
    axes.tick_params(left=False, bottom=False)
    for label in axes.get_yticklabels()[:1]:  # only the first column has any
        label.set(color=OURS, weight="bold")
    axes.spines[:].set_visible(False)


def draw(results: Mapping[str, Any], server: str, metrics: Sequence[str], path: Path) -> None:
    """A row a metric, a column a kind of work."""
    size = (9, 2.1 * len(metrics) + 0.2)
    figure, grid = plt.subplots(len(metrics), len(WORKS), figsize=size, sharey=True, squeeze=False)
    for row, metric in zip(grid, metrics, strict=True):
        for axes, (scenario, title) in zip(row, WORKS.items(), strict=True):
            panel(axes, scenario, metric, medians(results, server, scenario, metric))
            axes.set_title(f"{title}: {METRICS[metric][0]}", loc="left", color=INK, fontsize=9)
    told = f"Medians on {server}, {results['parts'][-1].get('cores', '?')} cores, client and server on one machine. "
    figure.text(0.01, 0.01, told + "× 2.0: twice what timetrace takes.", fontsize=8, color=INK)
    figure.tight_layout(rect=(0, 0.25 / size[1], 1, 1))
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main() -> None:
    results, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    plt.rcParams.update(STYLE)
    names = dict.fromkeys(run["server"] for run in results["runs"])
    servers = [name for name in names if all("timetrace" in medians(results, name, one, "wall") for one in WORKS)]
    for server in servers:
        if server == servers[0]:
            draw(results, server, ("wall",), folder / "benchmarks.svg")
            print("benchmarks.svg")
        draw(results, server, tuple(METRICS), folder / f"benchmarks-{server}.svg")
        print(f"benchmarks-{server}.svg")


if __name__ == "__main__":
    main()
