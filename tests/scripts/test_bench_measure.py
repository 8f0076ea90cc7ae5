import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import pytest
from benchmark import program, servers
from benchmark.measure import FailedError, run
from benchmark.scenarios import BY_NAME, SCENARIOS

ENV = {"PATH": os.defpath}
BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_output_is_kept_and_time_and_memory_are_told(tmp_path: Path) -> None:
    taken = run([sys.executable, "-c", "print('hello')"], ENV, tmp_path)
    assert (tmp_path / "stdout").read_text() == "hello\n"
    assert taken.wall > 0
    assert taken.rss > 1_000_000


def test_cpu_is_that_of_the_children_too(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], check=True)"
    assert run([sys.executable, "-c", code], ENV, tmp_path).cpu >= 0.3


def test_memory_is_not_that_of_the_process_that_measures(tmp_path: Path) -> None:
    large = bytearray(os.urandom(1) * 200_000_000)
    taken = run([sys.executable, "-c", "pass"], ENV, tmp_path)
    assert len(large) == 200_000_000
    assert taken.rss < 100_000_000


def test_a_command_that_fails_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="exit code 3: so it goes"):
        run([sys.executable, "-c", "import sys; print('so it goes', file=sys.stderr); sys.exit(3)"], ENV, tmp_path)


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="too long"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], ENV, tmp_path, timeout=1)


def given(**options: object) -> Namespace:
    return Namespace(**{"quick": False, "tool": None, "rounds": None, "scenario": None, "server": None, **options})


def test_we_take_part_in_every_round() -> None:
    rounds = program.rounds_of(BY_NAME["up-10000"], given(), first=True)
    assert rounds == {"timetrace": 2, "s5cmd": 2, "s5cmd-tuned": 2, "rclone": 1, "obstore": 1}


def test_one_tool_may_be_chosen_and_the_rounds_given() -> None:
    chosen = program.rounds_of(BY_NAME["up-2000"], given(tool=["s5cmd"], rounds=9), first=True)
    assert chosen == {"timetrace": 9, "s5cmd": 9}


def test_later_servers_have_fewer_rounds() -> None:
    rounds = program.rounds_of(BY_NAME["nothing-2000"], given(), first=False)
    assert (rounds["timetrace"], rounds["s5cmd"], rounds["aws"]) == (5, 5, 1)
    assert set(program.rounds_of(BY_NAME["up-10000"], given(), first=False).values()) == {1}


def test_without_a_choice_every_scenario_runs() -> None:
    assert program.selected(given()) == list(SCENARIOS)


def test_a_run_in_parts_measures_once_what_needs_no_server() -> None:
    parts = [given(server=[name]) for name in servers.NAMES]
    assert [program.wanted("signing", part) for part in parts] == [True, False, False]
    assert [program.wanted("requests", part) for part in parts] == [True, True, True]
    assert program.wanted("signing", given(server=["minio"], scenario=["signing"]))


def test_adding_to_a_report_that_is_not_there_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        program.main(["--add", "--output", str(tmp_path)])
    assert raised.value.code == 2
    assert "--add needs an --output with the benchmarks.json of an earlier run" in capsys.readouterr().err


def test_a_quick_run_leaves_slow_tools_out() -> None:
    assert program.rounds_of(BY_NAME["one-up"], given(quick=True), first=True) == {
        "timetrace": 5,
        "floor": 5,
        "s5cmd": 5,
    }


def test_what_runs_is_stopped_with_the_benchmark(tmp_path: Path) -> None:
    """The launcher is told to stop; the command, in a group of its own, goes with it."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = f"import pathlib, sys; from benchmark.measure import run; run([sys.executable, '-c', {code!r}], {{}}, "
    program += f"pathlib.Path({str(tmp_path)!r}))"
    bench = subprocess.Popen([sys.executable, "-c", program], env=environ, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not ((tmp_path / "stdout").exists() and (tmp_path / "stdout").read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int((tmp_path / "stdout").read_text())
    bench.send_signal(signal.SIGINT)
    assert bench.wait(20) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
