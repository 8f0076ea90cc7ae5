"""The command line of scripts/bench."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmark import aims, inprocess, pinned, report, servers
from benchmark.measure import FailedError
from benchmark.peers import ROOT, Environments, environments
from benchmark.results import OURS, Note, Results, as_json, from_json, merged
from benchmark.scenarios import BY_NAME, IN_PROCESS, SCENARIOS, Scenario
from benchmark.session import Session, say, session
from tests.servers.cache import UnavailableError

TOOLS = ("timetrace", *report.ALL)
DATA = "benchmarks.json"
PARTS = "In parts: --server seaweedfs --output DIR, then --server minio --output DIR --add, and so on."
NOT_MEASURED = (UnavailableError, FailedError, AssertionError)
QUICK_TOOLS = ("s5cmd", "floor")
COUNTED = ("s5cmd", "rclone", "obstore", "boto3", "aws", "timetracer")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure timetrace against its peers.", epilog=PARTS
    )
    names = (*BY_NAME, *IN_PROCESS)
    made.add_argument("--quick", action="store_true", help="a part of it, in under two minutes, on seaweedfs")
    made.add_argument("--scenario", action="append", choices=names, metavar="NAME", help=f"only {', '.join(names)}")
    made.add_argument("--server", action="append", choices=servers.NAMES, help="only on this server")
    made.add_argument("--tool", action="append", choices=TOOLS, help="only against this tool")
    made.add_argument("--rounds", type=int, metavar="N", help="N rounds of each tool, whatever the scenario says")
    made.add_argument("--commands", type=Path, metavar="DIR", help="measure the timetrace in this folder, install none")
    made.add_argument("--output", type=Path, metavar="DIR", help="where the report goes (a whole run: docs)")
    made.add_argument("--add", action="store_true", help="keep what the report in --output has; replace what is new")
    return made


def rounds_of(scenario: Scenario, given: argparse.Namespace, first: bool) -> dict[str, int]:
    """Rounds by tool; timetrace takes part in each."""
    chosen = {tool: rounds for tool, rounds in scenario.tools.items() if not given.tool or tool in given.tool}
    if given.quick:
        chosen = {tool: scenario.quick or 1 for tool in chosen if given.tool or tool in QUICK_TOOLS}
    elif not first:
        most = scenario.elsewhere or 1
        chosen = {tool: min(rounds, most) if rounds > 2 else 1 for tool, rounds in chosen.items()}
    most = given.rounds or max(chosen.values(), default=scenario.quick or max(scenario.tools.values()))
    return {OURS: most} | {tool: given.rounds or rounds for tool, rounds in chosen.items()}


def selected(given: argparse.Namespace) -> list[Scenario]:
    if given.scenario:
        return [BY_NAME[name] for name in given.scenario if name in BY_NAME]
    return [one for one in SCENARIOS if one.quick or not given.quick]


def facts() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    from timetrace import __version__

    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "timetrace": __version__,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GB",
        report.LOAD: f"{os.getloadavg()[0]:.1f} processes",
        "Python": platform.python_version(),
        "peers": ", ".join(pinned.PEERS).replace("==", " "),
    }


def note(results: Results, server: str, scenario: str, text: str) -> None:
    results.notes.append(Note(server, scenario, report.without_paths(text)))
    say(f"  {results.notes[-1].text}")


def on_servers(here: Session, given: argparse.Namespace, results: Results) -> bool:
    """All that needs a server; false if timetrace failed somewhere."""
    fine = True
    for server in server_names(given):
        first = server == servers.NAMES[0]
        for scenario in selected(given):
            say(f"{server}: {scenario.title} …")
            started = time.monotonic()
            try:
                fine &= here.measure(scenario, server, rounds_of(scenario, given, first))
                say(f"  {time.monotonic() - started:.0f} s")
            except NOT_MEASURED as error:  # the rest goes on
                fine &= isinstance(error, UnavailableError)
                note(results, server, scenario.name, f"{scenario.title}, {server}: not measured: {error}")
                continue
            shown = report.scenario_table(results, server, scenario.name)
            print("\n".join([f"\n{server}: {scenario.title}", *shown]), flush=True)
        if found := list(aims.verdicts(results, server)):
            print("\n".join([f"\n{server}: aims", *report.verdict_table(found)]), flush=True)
    return fine


def in_process(here: Session, given: argparse.Namespace, results: Results) -> None:
    """What needs no timed server, as far as it was asked for."""
    for name, measure in (("signing", inprocess.signing), ("imports", inprocess.imports), ("sizes", inprocess.sizes)):
        if wanted(name, given):
            say(f"{name} …")
            try:
                measure(results, here.environments, here.scratch)
            except FailedError as error:
                note(results, "", name, f"{name}: not measured: {error}")
    for name, _, unit, digits in report.FIGURES:
        if name in results.figures:
            print("\n".join(["", name, *report.figure_table(results, name, unit, digits)]), flush=True)
    for verdict in aims.signing(results):
        print(f"{verdict.what}: {verdict.found}, aim {verdict.aim}: {'met' if verdict.met else 'missed'}", flush=True)


def count_requests(here: Session, given: argparse.Namespace, results: Results) -> None:
    tools = [tool for name, tool in here.tools.items() if name in (given.tool or COUNTED) or name == OURS]
    for server in server_names(given):
        say(f"{server}: requests …")
        try:
            inprocess.requests(here, server, results, tools)
        except NOT_MEASURED as error:
            note(results, server, "requests", f"requests, {server}: not counted: {error}")
            continue
        print("\n".join([f"\n{server}: requests", *report.request_table(results, server)]), flush=True)


def wanted(name: str, given: argparse.Namespace) -> bool:
    """What needs no server is measured with the first one, so that a run in parts measures it once."""
    if given.scenario:
        return name in given.scenario
    return name == "requests" or servers.NAMES[0] in server_names(given) if not given.quick else name == "signing"


def server_names(given: argparse.Namespace) -> Sequence[str]:
    return given.server or (servers.NAMES[:1] if given.quick else servers.NAMES)


def write(results: Results, folder: Path, environments: Environments) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / DATA
    data.write_text(json.dumps(as_json(results), indent=1, ensure_ascii=False) + "\n")
    draw = [environments.peers, Path(__file__).with_name("plots.py"), data, folder]
    plots = subprocess.run(draw, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    (folder / "benchmarks.md").write_text(report.render(results, plots))
    say(f"written: {folder / 'benchmarks.md'}")


def kind(given: argparse.Namespace) -> str:
    """What of all is measured, in words."""
    what = "--quick: few rounds" if given.quick else ", ".join(given.scenario or ["every scenario"])
    rounds = f"; rounds: {given.rounds}" if given.rounds else ""
    against = f"; against {', '.join(given.tool)}" if given.tool else ""
    return f"{what}; on {', '.join(server_names(given))}{rounds}{against}"


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.add and not (given.output and (given.output / DATA).exists()):
        parser().error(f"--add needs an --output with the {DATA} of an earlier run")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    started = time.monotonic()
    say("Setting up; what is installed is kept for the next time …")
    whole = not (given.quick or given.scenario or given.server or given.tool or given.rounds)
    earlier = from_json(json.loads((given.output / DATA).read_text())) if given.add else None
    results = Results(parts=[{"measured": kind(given), **facts()}])
    try:
        found = environments(given.commands and given.commands.absolute())
        with session(results, found) as here:
            in_process(here, given, results)
            fine = on_servers(here, given, results)
            if wanted("requests", given):
                count_requests(here, given, results)
    except UnavailableError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    results.facts["took"] = f"{(time.monotonic() - started) / 60:.1f} minutes"
    if folder := given.output or (ROOT / "docs" if whole else None):
        write(merged(earlier, results) if earlier else results, folder, found)
    say(f"{time.monotonic() - started:.0f} s")
    return 0 if fine else 1
