from __future__ import annotations

import ntpath
import os.path
import posixpath
import sys
from pathlib import PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from timetrace.errors import InvalidKeyError
from timetrace.storage import keys

# Everything that a key may hold and a path may take the wrong way, lone surrogates included.
PARTS = st.one_of(
    st.sampled_from(
        ["", ".", "..", "...", "a", "A", "con", "CON .txt", "nul.tar.gz", "c:", "é", "e\u0301", " ", "a.", "x\0"]
    ),
    st.text(st.characters(), max_size=6),
)
ANY_KEY = st.one_of(st.text(st.characters()), st.lists(PARTS, max_size=5).map("/".join))


class TestWhatS3CanHold:
    @pytest.mark.parametrize(
        "key", ["a", "/", "a//b", "../x", "~ * + % # ? & = : @ ! ' ( )", "é" * 512, "x" * 1024, "\0"]
    )
    def test_a_legal_key_passes(self, key: str) -> None:
        keys.check_key(key)
        assert keys.key_problem(key) is None

    @pytest.mark.parametrize(
        ("key", "told"),
        [
            ("", "an empty key"),
            ("x" * 1025, f"{'x' * 1025}: the key is 1025 bytes long, S3 takes 1024"),
            ("é" * 513, f"{'é' * 513}: the key is 1026 bytes long, S3 takes 1024"),
            ("caf\udce9", "caf\\xe9: the name is not valid UTF-8"),
        ],
    )
    def test_another_is_told_by_name(self, key: str, told: str) -> None:
        with pytest.raises(InvalidKeyError) as caught:
            keys.check_key(key)
        assert str(caught.value) == told


class TestPrefixes:
    def test_a_prefix_is_set_before_a_key_and_taken_off_again(self) -> None:
        assert keys.join("cassettes", "a.json") == "cassettes/a.json"
        assert keys.relative("cassettes", "cassettes/a.json") == "a.json"

    def test_no_prefix_leaves_the_key_as_it_is(self) -> None:
        assert keys.join("", "a.json") == "a.json"
        assert keys.relative("", "a.json") == "a.json"

    def test_a_key_of_a_longer_prefix_is_none_of_ours(self) -> None:
        with pytest.raises(InvalidKeyError) as caught:
            keys.relative("cassettes/a", "cassettes/ab")
        assert str(caught.value) == "cassettes/ab: not below the prefix cassettes/a/"

    @given(st.text(), st.text())
    def test_relative_is_the_inverse_of_join(self, prefix: str, key: str) -> None:
        assert keys.relative(prefix, keys.join(prefix, key)) == key


class TestDefaultKeys:
    @pytest.mark.parametrize(
        ("parts", "key"),
        [
            (["/", "home", "2026-01-15", "x.json"], "2026-01-15/x.json"),
            (["/", "home", "api", "x.json"], "x.json"),
            (["/", "2026-01-15", "api", "x.json"], "x.json"),
            (["x.json"], "x.json"),
            (["2024-02-29", "x.json"], "2024-02-29/x.json"),
            (["2026-02-29", "x.json"], "x.json"),
            (["2026-13-01", "x.json"], "x.json"),
            (["0000-01-01", "x.json"], "x.json"),
            (["2026-W03-4", "x.json"], "x.json"),
            (["20260115", "x.json"], "x.json"),
            (["2026-01-15-old", "x.json"], "x.json"),
            (["٢٠٢٦-01-15", "x.json"], "x.json"),
        ],
    )
    def test_a_folder_named_by_a_day_is_part_of_the_key(self, parts: list[str], key: str) -> None:
        assert keys.default_key(parts) == key


class TestUris:
    @pytest.mark.parametrize(
        ("text", "parsed"),
        [
            ("s3://traces/api/a.json", ("traces", "api/a.json")),
            ("s3://traces//a", ("traces", "/a")),
            ("s3://traces/a%20b?c#d", ("traces", "a%20b?c#d")),
            ("s3://traces/s3://x", ("traces", "s3://x")),
            ("api/a.json", None),
            ("s3:/traces/a", None),
            ("S3://traces/a", None),
            ("", None),
        ],
    )
    def test_bucket_and_key_are_taken_as_they_stand(self, text: str, parsed: tuple[str, str] | None) -> None:
        assert keys.parse_uri(text) == parsed

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("s3://", "s3://: no bucket in this URI: write s3://BUCKET/KEY"),
            ("s3:///a", "s3:///a: no bucket in this URI: write s3://BUCKET/KEY"),
            ("s3://traces", "s3://traces: no key in this URI: write s3://BUCKET/KEY"),
            ("s3://traces/", "s3://traces/: no key in this URI: write s3://BUCKET/KEY"),
            ("s3://traces/\udce9", "\\xe9: the name is not valid UTF-8"),
        ],
    )
    def test_half_a_uri_is_an_error(self, text: str, told: str) -> None:
        with pytest.raises(InvalidKeyError) as caught:
            keys.parse_uri(text)
        assert str(caught.value) == told


EVERYWHERE = [
    ("", "an empty key"),
    ("a\0b", "a NUL character in the key"),
    ("/etc/passwd", "a key that starts with '/' would leave the folder"),
    ("//host/share", "a key that starts with '/' would leave the folder"),
    ("a/", "a key that ends in '/' names a folder, not a file"),
    ("a//b", "an empty part ('//') has no place in a path"),
    ("..", "a part '..' would lead elsewhere"),
    ("a/../../b", "a part '..' would lead elsewhere"),
    ("a/./b", "a part '.' would lead elsewhere"),
    ("a/\ud800", "the name is not valid UTF-8"),
    ("a/.timetrace-0123456789abcdef.tmp", "a name that timetrace uses for its temporary files"),
    (".Timetrace-0123456789ABCDEF.tmp/b", "a name that timetrace uses for its temporary files"),
    (".timetrace-0123456789abcdefé.tmp", "a name that timetrace uses for its temporary files"),
    ("x" * 256, None),
]


class TestPosixRules:
    @pytest.mark.parametrize(("key", "reason"), EVERYWHERE[:-1])
    def test_what_leads_out_of_a_folder_is_refused(self, key: str, reason: str) -> None:
        assert keys.posix_refusal(key) == reason

    @pytest.mark.parametrize(
        "key", ["a", "a/b.json", "...", ".a", "..a/b", "C:\\x", "con", "a b ", "a.", "*?", "\n", "x" * 255, "é" * 127]
    )
    def test_any_other_is_a_path(self, key: str) -> None:
        assert keys.posix_refusal(key) is None

    def test_a_name_is_measured_in_bytes(self) -> None:
        assert keys.posix_refusal("a/" + "é" * 128) == "a name of 256 bytes, the file system takes 255"
        assert keys.posix_refusal("é" * 72, name_max=143) == "a name of 144 bytes, the file system takes 143"

    @given(ANY_KEY)
    @example("a/..\\b")
    def test_each_key_is_refused_or_lies_inside_and_maps_back(self, key: str) -> None:
        if keys.posix_refusal(key) is None:
            path = posixpath.normpath(posixpath.join("/srv/folder", key))
            assert path.startswith("/srv/folder/")
            assert posixpath.relpath(path, "/srv/folder") == key
            assert os.path.normpath(key) == key or sys.platform == "win32"
            assert max(len(part.encode()) for part in key.split("/")) <= 255
            assert "\0" not in key


class TestWindowsRules:
    @pytest.mark.parametrize(("key", "reason"), EVERYWHERE[:-1])
    def test_what_leads_out_of_a_folder_is_refused(self, key: str, reason: str) -> None:
        assert keys.windows_refusal(key) == reason

    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            ("C:/x", "Windows takes no ':' in a name"),
            ("c:x", "Windows takes no ':' in a name"),
            ("a.json:stream", "Windows takes no ':' in a name"),
            ("..\\x", "Windows takes no '\\\\' in a name"),
            ("\\\\host\\share", "Windows takes no '\\\\' in a name"),
            ("a/b<c", "Windows takes no '<' in a name"),
            ("a>b", "Windows takes no '>' in a name"),
            ('a"b', "Windows takes no '\"' in a name"),
            ("a|b", "Windows takes no '|' in a name"),
            ("what?.json", "Windows takes no '?' in a name"),
            ("*.json", "Windows takes no '*' in a name"),
            ("a\x1fb", "Windows takes no '\\\\x1f' in a name"),
            ("a./b", "Windows drops a dot or a blank at the end of a name"),
            ("a /b", "Windows drops a dot or a blank at the end of a name"),
            ("...", "Windows drops a dot or a blank at the end of a name"),
            ("con", "CON is the name of a device on Windows"),
            ("a/CON .txt", "CON is the name of a device on Windows"),
            ("Aux.tar.gz", "AUX is the name of a device on Windows"),
            ("nul/x", "NUL is the name of a device on Windows"),
            ("PRN.json", "PRN is the name of a device on Windows"),
            ("com1", "COM1 is the name of a device on Windows"),
            ("COM¹.json", "COM¹ is the name of a device on Windows"),
            ("lpt9.x", "LPT9 is the name of a device on Windows"),
            ("conin$", "CONIN$ is the name of a device on Windows"),
            ("ConOut$.json", "CONOUT$ is the name of a device on Windows"),
            ("x" * 256, "a name of 256 UTF-16 units, the file system takes 255"),
            ("😀" * 128, "a name of 256 UTF-16 units, the file system takes 255"),
        ],
    )
    def test_what_windows_would_take_for_something_else_is_refused(self, key: str, reason: str) -> None:
        assert keys.windows_refusal(key) == reason

    @pytest.mark.parametrize(
        "key", ["a", " a/b.json", "console", "com10", "com", "a.con", "é" * 255, "a'b!;~%#", "\x7f"]
    )
    def test_any_other_is_a_path(self, key: str) -> None:
        assert keys.windows_refusal(key) is None

    @given(ANY_KEY)
    @example("C:x")
    @example("//host/share/x")
    @example("\\\\?\\C:\\x")
    def test_each_key_is_refused_or_lies_inside_and_maps_back(self, key: str) -> None:
        if keys.windows_refusal(key) is None:
            root = "C:\\root\\folder"
            path = ntpath.normpath(ntpath.join(root, key))
            assert path.startswith(root + "\\")
            assert ntpath.relpath(path, root).replace("\\", "/") == key
            assert not ntpath.splitdrive(key)[0]
            assert key.split("/") == list(PureWindowsPath(key).parts)
            assert not _is_reserved(key)

    def test_the_system_decides_which_rules_hold(self) -> None:
        assert keys.refusal("con", windows=True) == "CON is the name of a device on Windows"
        assert keys.refusal("con", windows=False) is None


def _is_reserved(key: str) -> bool:
    if sys.version_info >= (3, 13):
        return ntpath.isreserved(key)
    return PureWindowsPath(key).is_reserved()


class TestNamesOfFiles:
    @pytest.mark.parametrize(
        ("key", "kind"),
        [
            ("a/b.json", "application/json"),
            ("b.json.gz", "application/gzip"),
            ("b.yaml", "application/yaml"),
            ("b.yml", "application/yaml"),
            ("b.txt", "application/octet-stream"),
            ("json", "application/octet-stream"),
        ],
    )
    def test_the_content_type_follows_the_ending(self, key: str, kind: str) -> None:
        assert keys.content_type(key) == kind

    @pytest.mark.parametrize(
        ("name", "ours"),
        [
            (".timetrace-0123456789abcdef.tmp", True),
            (".timetrace-0123456789abcdefe\u0301.tmp", True),
            (".timetrace-0123456789abcdef.tmp.json", False),
            (".timetrace-mine.tmp", False),
            ("timetrace-0123456789abcdef.tmp", False),
        ],
    )
    def test_a_temporary_file_is_known_by_its_name(self, name: str, ours: bool) -> None:
        assert keys.is_temporary(name) is ours


class TestVisible:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("plain é 日本 😀 \\x", "plain é 日本 😀 \\x"),
            ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
            ("two\nlines\r\t\x7f", "two\\x0alines\\x0d\\x09\\x7f"),
            ("\x9b31m", "\\u009b31m"),
            ("gnp\u202egpj.exe\u2066", "gnp\\u202egpj.exe\\u2066"),
            ("a\u2028b\u200fc\ufeff", "a\\u2028b\\u200fc\\ufeff"),
            ("caf\udce9 \ud800", "caf\\xe9 \\ud800"),
            ("می\u200cخواهم", "می\u200cخواهم"),
        ],
    )
    def test_what_a_terminal_would_act_on_or_hide_is_spelled_out(self, text: str, shown: str) -> None:
        assert keys.visible(text) == shown

    @given(st.text(st.characters()))
    def test_it_is_one_line_that_every_terminal_can_take(self, text: str) -> None:
        shown = keys.visible(text)
        assert shown.splitlines() == ([shown] if shown else [])
        shown.encode()
        assert keys.visible(shown) == shown
