"""Runs scenarios: each on a server of its own, the tools in turn, in rounds after a warm-up."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmark import servers
from benchmark.agents import Agent, agent
from benchmark.measure import FailedError, Taken
from benchmark.peers import Environments, Place, Tool, all_tools, s5cmd
from benchmark.report import without_paths
from benchmark.results import OURS, Note, Results, Run
from benchmark.scenarios import Scenario, Work
from benchmark.trial import Trial

BUCKET = "bench"
MEMORY = Path("/dev/shm")
NEEDED = 8 << 30  # bytes of memory that a whole run may fill
SLOW = 8.0  # seconds; what takes longer is timed from its first run on: warmth is nothing to it
WORKERS = (8, 16, 32, 64)  # that s5cmd is tuned over; its own is 256
FAR_WORKERS = (32, 64, 128)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def scratch() -> Iterator[tuple[Path, str]]:
    """A folder in memory where there is one, so that no disk is measured; and which it is."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED
    with tempfile.TemporaryDirectory(prefix="timetrace-bench-", dir=MEMORY if in_memory else None) as folder:
        yield Path(folder), "in memory (tmpfs)" if in_memory else "on disk"


class Session:
    def __init__(self, results: Results, environments: Environments, scratch: Path, agent: Agent) -> None:
        self.results, self.environments, self.scratch, self.agent = results, environments, scratch, agent
        self.tools = dict(all_tools(environments, scratch, None))
        self._workers: dict[str, int] = {}

    @contextmanager
    def trial(self, scenario: Scenario, server_name: str) -> Iterator[Trial]:
        with (
            servers.start(server_name, self.scratch, self.environments, scenario.latency) as (server, near),
            tempfile.TemporaryDirectory(prefix="trial-", dir=self.scratch) as folder,
        ):
            self.results.facts[f"server {server_name}"] = server.version
            near.make_bucket(BUCKET)
            yield Trial(scenario, Place(server, BUCKET), near, self.agent, Path(folder))

    def measure(self, scenario: Scenario, server: str, rounds: Mapping[str, int]) -> bool:
        """Run `scenario`; false if timetrace did not do the work. What a peer does not do is noted.

        Each tool runs once for warmth, untimed; one that has but one round, or is slow, is timed at once.
        """
        tuned = {"s5cmd-tuned": self.tuned(scenario, server)} if "s5cmd-tuned" in rounds else {}
        chosen = {**self.tools, **tuned}
        with self.trial(scenario, server) as trial:
            left = [chosen[name] for name in rounds if trial.supports(chosen[name])]
            due = dict(rounds)
            for tool in [tool for tool in left if due[tool.name] > 1]:
                taken = self._done(trial, tool, thorough=True)
                if taken is None:
                    left.remove(tool)
                elif taken.wall > SLOW:
                    self._count(trial, tool, taken)
                    due[tool.name] -= 1
            for number in range(max(due.values())):
                for tool in rotated([tool for tool in left if number < due[tool.name]], number):
                    taken = self._done(trial, tool, thorough=rounds[tool.name] == 1)
                    if taken is None:
                        left.remove(tool)
                    else:
                        self._count(trial, tool, taken)
            return any(tool.name == OURS for tool in left)

    def _done(self, trial: Trial, tool: Tool, *, thorough: bool) -> Taken | None:
        """Let `tool` do the work once; None, and a note, if it did not do it."""
        self.results.settings[tool.name] = [tool.settings, tool.lacks]
        try:
            return trial.run(tool, thorough=thorough)
        except FailedError as error:
            scenario, server = trial.scenario, trial.near.name
            text = f"{tool.name}, {scenario.title}, {server}: not compared: {without_paths(str(error))}"
            self.results.notes.append(Note(server, scenario.name, text))
            say(f"  {text}")
            return None

    def _count(self, trial: Trial, tool: Tool, taken: Taken) -> None:
        self.results.runs.append(Run(trial.near.name, trial.scenario.name, tool.name, *taken))

    def tuned(self, scenario: Scenario, server: str) -> Tool:
        """s5cmd with the number of workers that took the least time for this kind of work on this server."""
        kind: Work = "down" if scenario.work == "down" else "up"
        key = f"{server}, {kind}" + (f", {scenario.latency} ms" if scenario.latency else "")
        if key not in self._workers:
            say("  choosing s5cmd's workers …")
            small = Scenario(f"tune-{kind}", f"s5cmd's workers, {key}", kind, 500, {}, latency=scenario.latency)
            with self.trial(small, server) as trial:
                took = {number: self._took(trial, number) for number in (FAR_WORKERS if scenario.latency else WORKERS)}
            self._workers[key] = min(took, key=lambda number: took[number])
            self.results.facts[f"s5cmd-tuned, {key}"] = f"{self._workers[key]} workers"
        return s5cmd(self.environments.s5cmd, self._workers[key])

    def _took(self, trial: Trial, workers: int) -> float:
        tool = s5cmd(self.environments.s5cmd, workers)
        return trial.run(tool, thorough=False).wall


def rotated(tools: list[Tool], number: int) -> list[Tool]:
    """So that none always follows the same other."""
    start = number % len(tools) if tools else 0
    return tools[start:] + tools[:start]


@contextmanager
def session(results: Results, environments: Environments) -> Iterator[Session]:
    with scratch() as (folder, where), agent(environments.peers) as client:
        results.facts["files and servers' data"] = where
        yield Session(results, environments, folder, client)
