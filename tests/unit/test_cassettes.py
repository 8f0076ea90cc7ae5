from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import CassetteError
from timetrace.storage import cassettes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
).filter(lambda value: "\\ud" not in json.dumps(value) or _is_whole(value))


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(VALUES, st.sampled_from(["a.json", "a.json.gz", "a"]))
def test_what_is_written_is_read(value: Any, key: str) -> None:
    assert cassettes.decode(key, cassettes.encode(key, value)) == value


def test_json_is_written_for_people_and_diffs() -> None:
    assert cassettes.encode("a.json", {"b": ["é"]}) == '{\n  "b": [\n    "é"\n  ]\n}'.encode()


def test_equal_values_make_equal_gzips() -> None:
    packed = cassettes.encode("a.json.gz", {"a": 1})
    assert packed == cassettes.encode("a.json.gz", {"a": 1})
    assert packed[4:8] == b"\0\0\0\0"
    assert gzip.decompress(packed) == b'{\n  "a": 1\n}'


@pytest.mark.parametrize(
    ("key", "data", "said"),
    [
        (
            "a.json",
            b'{"a": 1,\n "b": }',
            "a.json is no JSON at line 2 column 7 (Expecting value): read_bytes gives its",
        ),
        ("a.json", b"", "a.json is no JSON at line 1 column 1 (Expecting value)"),
        ("a.json", b'"caf\xe9"', "a.json is no UTF-8 at byte 4"),
        ("a.json", b"[" * 200_000, "a.json is nested too deeply"),
        ("a.json", b"1" * 5000, "a.json has a number that is too long"),
        ("a.json.gz", b'{"a": 1}', "a.json.gz is no gzip (Error -3 while decompressing data: incorrect header check)"),
        ("a.json.gz", gzip.compress(b"{}" * 99)[:-9], "a.json.gz is no gzip (it breaks off)"),
        ("a.json.gz", gzip.compress(b"{}")[:10] + b"\xff" * 20, "a.json.gz is no gzip (Error -3"),
        ("a.json.gz", gzip.compress(b"{"), "a.json.gz is no JSON at line 1 column 2"),
        ("a.yaml", b"{}", "a.yaml is YAML by its name, and read and write speak JSON: use read_bytes"),
        ("a.yml.gz", b"{}", "a.yml.gz is YAML by its name, and read and write speak JSON: use read_bytes"),
    ],
)
def test_what_cannot_be_read_names_key_position_and_read_bytes(key: str, data: bytes, said: str) -> None:
    with pytest.raises(CassetteError) as caught:
        cassettes.decode(key, data)
    assert str(caught.value).startswith(said)
    assert "read_bytes" in str(caught.value)


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (b"{}", "$ is no JSON (Object of type bytes is not JSON serializable)"),
        ({"a": [1, {"b": b"x"}]}, "$.a[1].b is no JSON (Object of type bytes"),
        ({"a": (1, float("nan"))}, "$.a[1] is no JSON (Out of range float"),
        ({"a": 1, "b": "\ud800"}, "$.b is no JSON ('utf-8' codec can't encode"),
        ({"a": {1, 2}}, "$.a is no JSON (Object of type set"),
        ({"a": {(1, 2): 3}}, "$.a is no JSON (keys must be str"),
        (CIRCLE, "$[0][0]"),
    ],
)
def test_what_cannot_be_written_names_key_place_and_write_bytes(value: Any, where: str) -> None:
    with pytest.raises(CassetteError) as caught:
        cassettes.encode("a.json", value)
    assert str(caught.value).startswith(f"a.json: what is at {where}")
    assert str(caught.value).endswith("write_bytes takes bytes")


def test_nothing_is_written_under_a_name_of_yaml() -> None:
    with pytest.raises(CassetteError, match=r"a\.yml is YAML by its name, and read and write speak JSON: use write_by"):
        cassettes.encode("a.yml", {})
