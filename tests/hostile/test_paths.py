"""Keys as files, with the system itself as the judge of where they lie."""

from __future__ import annotations

import contextlib
import ntpath
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bucket import Bucket, Stored
from tests.hostile.strategies import KEYS
from timetrace.errors import RefusedKeyError
from timetrace.storage.folder import Folder
from timetrace.storage.keys import windows_refusal
from timetrace.storage.sync import Entry, plan


def below(folder: str) -> dict[str, bytes]:
    """Each file below `folder`, by its resolved path."""
    found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return {os.path.realpath(file): file.read_bytes() for file in found}


@settings(max_examples=300, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=4, unique=True))
def test_each_key_that_is_taken_is_a_file_of_its_own_inside_the_folder(keys: list[str]) -> None:
    with tempfile.TemporaryDirectory() as outer:
        root = os.path.join(os.path.realpath(outer), "middle", "root")
        written = {}
        with Folder(root) as folder:
            for number, key in enumerate(keys):
                with contextlib.suppress(RefusedKeyError), folder.create(key) as target:
                    target.write(str(number).encode())
                    target.commit()
                    written[os.path.realpath(folder.path(key))] = str(number).encode()
                    assert folder.stat(key) == len(str(number))
        assert all(place.startswith(root + os.sep) for place in written)
        assert below(outer) == written


@settings(max_examples=1000, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=6, unique=True))
def test_under_the_rules_of_windows_no_two_keys_of_a_sync_are_one_path(keys: list[str]) -> None:
    legal = sorted(key for key in keys if key.isprintable() or key.encode("utf-8", "ignore").decode() == key)
    steps = plan([Entry(key, 1) for key in legal], (), refuse=windows_refusal, fold=str.casefold)
    taken = [step.key for step in steps if step.kind == "copy"]
    places = [ntpath.normcase(ntpath.normpath(ntpath.join("D:\\x\\root", key))) for key in taken]
    assert len(set(places)) == len(taken)
    assert all(place.startswith("d:\\x\\root\\") for place in places)
    assert all(other == place or not other.startswith(place + "\\") for place in places for other in places)


OUTSIDE = ["../x.json", "a/../../x.json", "/absolute/x.json", "..", "a/./b.json", "./x.json", "a//b.json", "a\0b.json"]
ODD = ["..\\x.json", "C:\\x.json", "C:x.json", "\\\\host\\x.json", "\x1b[2J.json", " .json", "~/x.json", "-rf.json"]


def test_a_bucket_full_of_hostile_keys_fills_nothing_but_the_folder(tmp_path: Path) -> None:
    with Bucket() as bucket, bucket.store() as store:
        bucket.objects.update({key: Stored(b"1") for key in (*OUTSIDE, *ODD, "good.json")})
        report = store.sync_download(tmp_path / "root", include=["*"])
        many = store.download_files([*OUTSIDE, *ODD], tmp_path / "many")
    assert {item.key for item in report.refused} == {*OUTSIDE}
    assert {item.key for item in many.refused} == {*OUTSIDE}
    assert {path.parent.name for path in tmp_path.rglob("*") if path.is_file()} == {"root", "many", "~"}
    assert report.transferred == len(ODD) + 1
    assert many.transferred == len(ODD)


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_listing_that_leads_out_of_its_prefix_is_an_error_and_writes_nothing(tmp_path: Path, key: str) -> None:
    from tests.scripted import Scripted, answer
    from timetrace.errors import ResponseError
    from timetrace.storage import S3Config, S3Store

    shown = key.replace("\0", "%00")
    contents = f"<Contents><Key>{shown}</Key><Size>1</Size><ETag>x</ETag></Contents>"
    xml = f"<ListBucketResult><EncodingType>url</EncodingType>{contents}</ListBucketResult>"
    with Scripted([answer(body=xml.encode())]) as server:
        config = S3Config("bucket", "p", endpoint_url=server.url, access_key="A", secret_key="S", max_attempts=1)
        with S3Store(config) as store, pytest.raises(ResponseError, match="outside the prefix"):
            store.sync_download(tmp_path / "root")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
