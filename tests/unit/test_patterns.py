from __future__ import annotations

import pytest

from timetrace.errors import ConfigError
from timetrace.storage.keys import CASSETTE_PATTERNS, Patterns


@pytest.mark.parametrize(
    ("key", "include", "taken"),
    [
        ("a/b.json", CASSETTE_PATTERNS, True),
        ("b.json.gz", CASSETTE_PATTERNS, True),
        (".json", CASSETTE_PATTERNS, True),
        ("b.yml", CASSETTE_PATTERNS, True),
        ("a.json/b.txt", CASSETTE_PATTERNS, False),
        ("b.JSON", CASSETTE_PATTERNS, False),
        ("b.gz", CASSETTE_PATTERNS, False),
        ("a/POST_b.json", ("POST_*",), True),
        ("a/GET_b.json", ("POST_*",), False),
        ("line\nend.json", ("*.json",), True),
        ("a1.json", ("*[0-9].json",), True),
        ("ab.json", ("*[0-9].json", "*.yml"), False),
        ("a/b.json", ("a/*",), True),
        ("a/b/c.json", ("a/*.json",), True),
        ("x/a/b.json", ("a/*",), False),
        ("[b].json", ("[[]b].json",), True),
        ("]b.json", ("[]]*",), True),
    ],
)
def test_a_glob_with_a_slash_is_held_against_the_key_and_any_other_against_its_last_part(
    key: str, include: tuple[str, ...], taken: bool
) -> None:
    assert Patterns(include).matcher()(key) is taken


@pytest.mark.parametrize(
    ("key", "taken"), [("a/b.json", True), ("drafts/b.json", False), ("a/tmp_b.json", False), ("a/b.txt", False)]
)
def test_what_is_excluded_is_never_taken(key: str, taken: bool) -> None:
    assert Patterns(exclude=("drafts/*", "tmp_*")).matcher()(key) is taken


@pytest.mark.parametrize(
    ("pattern", "told"), [("", "empty"), ("a[b", "nothing closes"), ("[]", "nothing closes"), ("/a", "begins with")]
)
def test_what_is_no_glob_is_an_error_that_says_what_to_write(pattern: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Patterns((pattern,))
    with pytest.raises(ConfigError, match=told):
        Patterns(exclude=(pattern,))


def test_no_pattern_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no pattern"):
        Patterns(())
