"""What options take, from the text that was given. ConfigError says in one line what to write instead."""

from __future__ import annotations

import re
from datetime import timedelta

from timetrace.errors import ConfigError
from timetrace.storage.config import MAX_CONCURRENCY, parse_size
from timetrace.storage.patterns import Patterns

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def jobs(text: str) -> int:
    return _number("--jobs", text, MAX_CONCURRENCY)


def max_errors(text: str) -> int:
    return _number("--max-errors", text, 10**9)


def multipart_threshold(text: str) -> int:
    return parse_size("--multipart-threshold", text)


def part_size(text: str) -> int:
    return parse_size("--part-size", text)


def pattern(text: str) -> str:
    Patterns((text,))
    return text


def age(text: str) -> timedelta:
    match = re.fullmatch("([0-9]{1,6})([smhd])", text)
    if not match:
        raise ConfigError(f"--older-than is {text!a}: write a number and a unit, such as 30m, 12h, 1d or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _number(option: str, text: str, most: int) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,10}", text) else 0
    if not 1 <= number <= most:
        raise ConfigError(f"{option} is {text!a}: give a whole number from 1 to {most}")
    return number
