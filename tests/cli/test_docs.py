from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from timetrace.cli.parser import build_parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def verbs() -> dict[str, argparse.ArgumentParser]:
    def inner(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        return next(action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))

    return inner(inner(build_parser())["s3"])


def commands(page: str) -> Iterator[list[str]]:
    for block in re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("timetrace s3 ") and "COMMAND" not in line:
                yield shlex.split(line, comments=True)[1:]


def test_page_describes_each_command_and_each_option() -> None:
    for name, verb in verbs().items():
        assert f"\n## {name}\n" in PAGE
        for action in verb._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"`{option}" in PAGE, option


def test_section_of_each_command_has_its_options_and_no_others() -> None:
    common = {option for action in build_parser_of_common() for option in action.option_strings}
    for name, verb in verbs().items():
        section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        told = {
            option
            for row in re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
            for option in re.findall(r"`(--?[a-z-]+)", row)
        }
        has = {option for action in verb._actions for option in action.option_strings} - common
        assert told == has, name


def build_parser_of_common() -> list[argparse.Action]:
    inner = build_parser()._subparsers
    assert inner
    (areas,) = (action for action in inner._actions if isinstance(action, argparse._SubParsersAction))
    return [action for action in areas.choices["s3"]._actions if action.option_strings]


def test_commands_of_the_pages_parse() -> None:
    found = [*commands(PAGE), *commands(README)]
    assert {build_parser().parse_args(command).verb for command in found} == set(verbs())


def test_json_of_the_page_is_json() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    *_, summary = map(json.loads, block.splitlines())
    assert summary["complete"] is True


def test_help_is_ascii_so_that_every_terminal_has_it() -> None:
    for verb in (build_parser(), *verbs().values()):
        assert verb.format_help().isascii()


def test_manual_describes_the_common_options_once() -> None:
    pages = build_parser(repeat_common=False)
    assert "--endpoint-url" not in pages.format_help()
    s3 = next(action.choices["s3"] for action in pages._actions if isinstance(action, argparse._SubParsersAction))
    assert "--endpoint-url" in s3.format_help()
