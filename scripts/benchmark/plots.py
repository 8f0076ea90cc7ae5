"""Draws the ratios as SVG: run by the peers' Python, where matplotlib is. Usage: plots.py benchmarks.json DIR"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Legible on white and on black alike; the background is left out.
INK, OURS, THEIRS, OTHERS = "#808080", "#2f81f7", "#d29922", "#8b949e"
SHOWN = {
    "up-2000": "2,000 up",
    "down-2000": "2,000 down",
    "nothing-2000": "nothing to do",
    "changed-2000": "20 of 2,000 changed",
    "up-10000": "10,000 up",
    "down-10000": "10,000 down",
}
METRICS = {
    "wall": ("wall time", "s", 1.0),
    "cpu": ("CPU time of the client", "s", 1.0),
    "rss": ("peak memory", "MB", 1e-6),
}
COLOURS = {"timetrace": OURS, "s5cmd": THEIRS}


def medians(results: dict[str, Any], server: str, metric: str) -> dict[str, dict[str, float]]:
    """By scenario and tool."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in results["runs"]:
        if run["server"] == server and run["scenario"] in SHOWN:
            found.setdefault(run["scenario"], {}).setdefault(run["tool"], []).append(run[metric])
    return {
        scenario: {tool: median(values) for tool, values in tools.items() if tool in COLOURS}
        for scenario, tools in found.items()
    }


def draw(results: dict[str, Any], server: str, path: Path) -> None:
    """A panel a metric: a pair of bars a scenario."""
    style = {"text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}
    plt.rcParams.update({**style, "font.size": 9, "svg.hashsalt": "timetrace", "svg.fonttype": "none"})
    figure, panels = plt.subplots(1, len(METRICS), figsize=(9, 3), sharey=True)
    for panel, (metric, (name, unit, scale)) in zip(panels, METRICS.items(), strict=True):
        values = medians(results, server, metric)
        scenarios = [one for one in SHOWN if one in values]
        for offset, (tool, colour) in enumerate(COLOURS.items()):
            places = [place + 0.38 * offset for place in range(len(scenarios))]
            bars = panel.barh(
                places, [values[one].get(tool, 0) * scale for one in scenarios], 0.36, color=colour, label=tool
            )
            panel.bar_label(bars, fmt="%.2f" if scale == 1 else "%.0f", padding=2, color=INK, fontsize=7)
        panel.set_yticks([place + 0.19 for place in range(len(scenarios))], [SHOWN[one] for one in scenarios])
        panel.set_title(f"{name}, {unit}", color=INK, fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.18)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    for server in dict.fromkeys(run["server"] for run in results["runs"]):
        if medians(results, server, "wall"):
            path = Path(sys.argv[2], f"benchmarks-{server}.svg")
            draw(results, server, path)
            print(path.name)


if __name__ == "__main__":
    main()
