"""The house rules that imports can show."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "timetrace").rglob("*.py"))
}

# Each package may import from itself and from those below.
BELOW = {
    "text": set[str](),
    "errors": {"text"},
    "s3": {"errors", "text"},
    "storage": {"s3", "errors", "text"},
    "cli": {"storage", "s3", "errors", "text"},
    "integrations": {"storage", "s3", "errors", "text"},
    "__main__": {"cli"},
}

# What each room of timetrace.s3 may import from there. A new room is entered here, and nowhere below what it needs.
S3_ROOMS = {
    "document": set[str](),
    "endpoint": set[str](),
    "forks": set[str](),
    "network": {"forks"},
    "profiles": set[str](),
    "retry": set[str](),
    "http": {"endpoint"},
    "credentials": {"forks", "profiles"},
    "failure": {"document", "endpoint", "http"},
    "operations": {"document", "endpoint", "http"},
    "listing": {"document", "endpoint", "http", "operations"},
    "multipart": {"document", "endpoint", "http", "listing", "operations"},
    "sigv4": {"http", "credentials"},
    "wire": {"http"},
    "transport": {"failure", "forks", "http", "network", "wire"},
    "client": {
        *(
            "credentials",
            "endpoint",
            "failure",
            "forks",
            "http",
            "listing",
            "multipart",
            "operations",
            "retry",
            "sigv4",
        ),
    },
}

PURE = {
    *(
        f"timetrace.s3.{room}"
        for room in ("document", "endpoint", "failure", "http", "listing", "multipart", "operations")
    ),
    *(f"timetrace.s3.{room}" for room in ("retry", "sigv4")),
    *(f"timetrace.storage.{room}" for room in ("cassettes", "keys", "packing", "sync")),
    "timetrace.errors",
    "timetrace.text",
}
# Files, clocks, chance, the network, processes and threads.
IMPURE = {
    *("asyncio", "fcntl", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "platform", "queue"),
    *("random", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "stat", "subprocess", "sys"),
    *("tempfile", "threading", "time", "urllib3", "uuid"),
}
# The retry budget is shared by threads.
ALLOWED = {("timetrace.s3.retry", "threading")}


def imports(module: str) -> Iterator[str]:
    """The full names of what a module imports at any depth, in functions and for type checkers too."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports by a relative name"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] == "timetrace"}


def test_there_are_modules_to_look_at() -> None:
    assert {"timetrace", "timetrace.errors", "timetrace.s3.client", "timetrace.storage.store"} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down_only(module: str) -> None:
    if module == "timetrace":
        assert ours(module) == set()
        return
    package = module.split(".")[1]
    below = {name.split(".")[1] for name in ours(module) if name != "timetrace"}
    assert below <= BELOW[package] | {package}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("timetrace.s3.")])
def test_rooms_of_the_protocol_import_only_what_lies_below_them(module: str) -> None:
    used = {name.split(".")[2] for name in ours(module) if name.startswith("timetrace.s3.")}
    assert used <= S3_ROOMS[module.split(".")[2]]


@pytest.mark.parametrize("module", MODULES)
def test_no_import_goes_in_circles(module: str) -> None:
    if module in ("timetrace.storage", "timetrace.cli"):
        return  # the front doors
    reached: set[str] = set()
    ahead = [*ours(module)]
    while ahead:
        name = ahead.pop()
        if name not in reached and name not in ("timetrace.storage", "timetrace.cli"):
            reached.add(name)
            ahead.extend(ours(name))
    assert module not in reached


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_rooms_do_no_io(module: str) -> None:
    used = {name.split(".")[0] for name in imports(module)} & IMPURE
    assert {name for name in used if (module, name) not in ALLOWED} == set()
    assert ours(module) <= PURE | {"timetrace.s3.credentials", "timetrace.s3", "timetrace.storage"}


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_rooms_ask_no_clock_and_open_no_file(module: str) -> None:
    called = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            called.add(function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", ""))
    assert called & {"now", "utcnow", "today", "open", "input", "print"} == set()


def test_only_the_transport_imports_urllib3() -> None:
    using = {module for module in MODULES if any(name.split(".")[0] == "urllib3" for name in imports(module))}
    assert using == {"timetrace.s3.transport"}


def test_nothing_else_is_needed() -> None:
    foreign = {
        (module, name.split(".")[0])
        for module in MODULES
        for name in imports(module)
        if name.split(".")[0] not in sys.stdlib_module_names | {"timetrace", "urllib3"}
    }
    optional = {pair for pair in foreign if pair[0].startswith("timetrace.integrations.") and pair[1] in _INTEGRATED}
    assert foreign - optional == {("timetrace.s3.network", "certifi"), ("timetrace.cli.progress", "tqdm")}


_INTEGRATED = {"vcr", "pytest", "pytest_recording", "_pytest"}

BLOCKED = "import sys; sys.modules['urllib3'] = None; "
NEEDED = (
    "urllib3 2.2 or newer is needed to talk to S3: run `pip install '.[s3]'` in a clone of timetrace "
    "(the name timetrace on PyPI belongs to an unrelated project)"
)


def run(code: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TIMETRACER_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environ, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("module", ["timetrace", "timetrace.errors", "timetrace.storage", "timetrace.cli"])
def test_it_imports_without_urllib3(module: str) -> None:
    assert run(f"{BLOCKED}import {module}").stderr == ""


def test_a_store_without_urllib3_says_how_to_get_it() -> None:
    code = f"""{BLOCKED}
from timetrace.errors import ConfigError, MissingDependencyError
from timetrace.storage import S3Config, S3Store
try:
    S3Store(S3Config(bucket="traces"))
except MissingDependencyError as error:
    print(isinstance(error, ConfigError), isinstance(error, ImportError), error)
"""
    assert run(code).stdout.rstrip("\n") == f"True True {NEEDED}"


def test_the_command_without_urllib3_says_how_to_get_it() -> None:
    command = f"{BLOCKED}from timetrace.cli import main; sys.exit(main(['s3', 'list', '-b', 'traces']))"
    done = run(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert NEEDED in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_load_neither_storage_nor_protocol_nor_urllib3(option: str) -> None:
    code = f"""import sys
before = set(sys.modules)
from timetrace.cli import main
try:
    sys.exit(main([{option!r}]))
except SystemExit as over:
    assert not over.code
heavy = ("urllib3", "ssl", "socket", "timetrace.s3", "timetrace.storage")
print([name for name in heavy if name in sys.modules and name not in before], file=sys.stderr)
"""
    assert run(code).stderr == "[]\n"


def test_importing_the_package_imports_nothing_of_it() -> None:
    code = "import sys, timetrace; print([name for name in sys.modules if name.startswith('timetrace.')])"
    assert run(code).stdout == "[]\n"


def test_importing_storage_loads_no_tls_and_no_urllib3() -> None:
    code = """import sys
before = set(sys.modules)
import timetrace.storage
print([name for name in ("urllib3", "ssl") if name in sys.modules and name not in before])
"""
    assert run(code).stdout == "[]\n"
