"""Many deletions: by DeleteObjects where that goes, and never more than was checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.bucket import Bucket, Stored
from tests.scripted import Answer, answer, error, reset
from timetrace import errors
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Response
from timetrace.s3.operations import DeleteObjects
from timetrace.storage import S3Store, SyncItem, deletion
from timetrace.storage.deletion import Deleter

ENDPOINT = Endpoint("http", "h", None, "/b")
ODD = ["a&b<c>\"'.json", "a b+%20.json", "tab\there.json", "line\nend.json", "cr\rhere.json", " blanks ", "é漢😀.json"]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as bucket:
        yield bucket


@pytest.fixture
def store(bucket: Bucket) -> Iterator[S3Store]:
    with bucket.store() as store:
        yield store


def delete(store: S3Store, bucket: Bucket, keys: list[str]) -> dict[str, Any]:
    bucket.objects.update({key: Stored(b"x") for key in keys})
    return dict(Deleter(store._objects).delete(keys))


def test_keys_go_in_one_request_with_a_checksum(bucket: Bucket, store: S3Store) -> None:
    assert delete(store, bucket, ["a", "b"]) == {"a": None, "b": None}
    [request] = bucket.requests
    assert request.line == "POST /bucket?delete= HTTP/1.1"
    assert request.headers["content-md5"] == "AA3CcUMcya5yIVeADrtuTA=="
    assert request.body == (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>'
        b"<Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>"
    )
    assert bucket.objects == {}


def test_odd_keys_are_escaped(bucket: Bucket, store: S3Store) -> None:
    assert delete(store, bucket, ODD) == dict.fromkeys(ODD)
    assert (bucket.objects, bucket.asked()) == ({}, ["POST "])


def test_keys_that_xml_cannot_carry_go_singly(bucket: Bucket, store: S3Store) -> None:
    keys = ["a", "bell\x07", "nul\0", "b", "\uffff"]
    assert delete(store, bucket, keys) == dict.fromkeys(keys)
    assert bucket.objects == {}
    assert bucket.asked() == ["POST ", "DELETE bell\x07", "DELETE nul\0", "DELETE \uffff"]


def test_a_thousand_keys_go_in_a_request() -> None:
    keys = [str(number) for number in range(2_500)]
    assert [len(batch) for batch in deletion.batches(keys)] == [1000, 1000, 500]
    assert [*deletion.batches([])] == []


def test_the_error_of_one_key_is_told_for_it_alone(bucket: Bucket, store: S3Store) -> None:
    bucket.kept = {"b&c"}
    outcomes = delete(store, bucket, ["a", "b&c", "d"])
    assert (outcomes["a"], outcomes["d"], sorted(bucket.objects)) == (None, None, ["b&c"])
    assert str(outcomes["b&c"]) == "DELETE s3://bucket/b&c: 200 AccessDenied: kept"


@pytest.mark.parametrize("refusal", [error(501, "NotImplemented"), error(405, "MethodNotAllowed"), answer(200, b"<p>")])
def test_where_a_server_cannot_do_many_they_go_singly_from_then_on(
    bucket: Bucket, store: S3Store, refusal: bytes
) -> None:
    bucket.misbehave(refusal, method="POST")
    bucket.objects = {key: Stored(b"x") for key in "abcd"}
    deleter = Deleter(store._objects)
    assert dict(deleter.delete(["a", "b"])) == {"a": None, "b": None}
    assert dict(deleter.delete(["c", "d"])) == {"c": None, "d": None}
    assert bucket.asked() == ["POST ", "DELETE a", "DELETE b", "DELETE c", "DELETE d"]
    assert bucket.objects == {}


def test_a_passing_trouble_of_one_key_is_tried_again_singly(bucket: Bucket, store: S3Store) -> None:
    told = b"<DeleteResult><Error><Key>b</Key><Code>InternalError</Code></Error></DeleteResult>"
    bucket.misbehave(answer(200, told), method="POST")
    assert delete(store, bucket, ["a", "b"]) == {"a": None, "b": None}
    assert bucket.asked() == ["POST ", "DELETE b"]


def test_an_error_for_a_key_that_nobody_named_is_not_passed_over(bucket: Bucket, store: S3Store) -> None:
    told = b"<DeleteResult><Error><Key>A</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    bucket.misbehave(answer(200, told), method="POST")
    bucket.kept = {"a"}
    outcomes = delete(store, bucket, ["a", "b"])
    assert (type(outcomes["a"]), outcomes["b"]) == (errors.AccessDeniedError, None)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (error(403, "AccessDenied"), errors.AccessDeniedError),
        (error(500, "InternalError"), errors.S3Error),
        (reset, errors.ConnectionClosedError),
    ],
    ids=["denied", "broken", "reset"],
)
def test_a_request_that_fails_is_told_for_each_of_its_keys(
    bucket: Bucket, store: S3Store, told: Answer, kind: type[Exception]
) -> None:
    bucket.misbehave(told, method="POST")
    assert {key: type(found) for key, found in delete(store, bucket, ["a", "b"]).items()} == {"a": kind, "b": kind}
    bucket.misbehave(told, method="DELETE")
    assert [type(found) for found in delete(store, bucket, ["bell\x07"]).values()] == [kind]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_what_all_keys_would_meet_is_raised(bucket: Bucket, store: S3Store, method: str) -> None:
    bucket.misbehave(error(403, "SignatureDoesNotMatch"), method=method)
    with pytest.raises(errors.SignatureError):
        delete(store, bucket, ["a", "bell\x07"])


def test_what_was_deleted_is_told_although_what_comes_next_ends_all(bucket: Bucket, store: S3Store) -> None:
    bucket.objects = {"\x01.json": Stored(b""), "a.json": Stored(b"")}
    bucket.misbehave(error(404, "NoSuchBucket"), method="DELETE")
    told: list[SyncItem] = []
    with pytest.raises(errors.NoSuchBucketError):
        store.delete_files(["\x01.json", "a.json"], on_result=told.append)
    assert [(item.action, item.key) for item in told] == [("delete", "a.json")]


def test_an_answer_that_lists_no_errors_means_that_all_are_gone() -> None:
    asked = DeleteObjects(["a"], ("content-md5", "x"))
    assert asked.parse(Response(200, {}, b'<DeleteResult xmlns="x"></DeleteResult>')) == {}


# The check


@pytest.mark.parametrize(
    ("extras", "kept", "sources", "force", "told"),
    [
        (0, 0, 0, False, None),
        (1, 1, 1, False, None),
        (2, 1, 5, False, "2 would be deleted and only 1 kept"),
        (1, 0, 0, False, "here has no cassettes, and 1 would be deleted"),
        (1, 0, 1, False, "1 would be deleted and only 0 kept"),
        (9, 0, 0, True, None),
        (9, 1, 3, True, None),
    ],
)
def test_a_plan_that_deletes_much_needs_force(
    extras: int, kept: int, sources: int, force: bool, told: str | None
) -> None:
    keys = [str(number) for number in range(extras)]
    if told is None:
        deletion.check(keys, kept, sources, "here", force=force)
        return
    with pytest.raises(errors.DeletionRefusedError, match=told) as refused:
        deletion.check(keys, kept, sources, "here", force=force)
    assert refused.value.keys == keys


def test_what_lies_below_something_left_out_is_protected() -> None:
    left_out = {"linked", "x/y", "z.json"}
    protected = ["linked/a.json", "linked/b/c.json", "x/y/d.json", "x/y", "z.json"]
    others = ["linked2/a.json", "x/yy.json", "x/a.json", "a/linked/b.json", "z.json2"]
    assert [key for key in protected + others if deletion.protected(key, left_out)] == protected
