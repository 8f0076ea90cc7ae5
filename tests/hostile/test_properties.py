"""Whatever a server, a file, a name or an argument holds: a value or an error of ours, and each promise kept."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import strategies, targets
from timetrace.s3.failure import error_from
from timetrace.s3.http import Request, Response
from timetrace.storage import packing
from timetrace.text import visible

MANY = settings(max_examples=300, deadline=None)


@MANY
@given(strategies.XML | st.binary())
def test_xml_is_a_document_or_a_response_error_and_expands_nothing(data: bytes) -> None:
    targets.xml(data)


@MANY
@given(strategies.XML | st.binary())
def test_a_listing_has_no_key_outside_its_prefix(data: bytes) -> None:
    targets.listing(data)


@MANY
@given(strategies.XML)
def test_answers_to_multipart_uploads_and_deletions(data: bytes) -> None:
    targets.multipart(data)


@MANY
@given(strategies.XML)
def test_a_list_of_uploads_has_none_outside_its_prefix(data: bytes) -> None:
    targets.uploads(data)


@MANY
@given(st.sampled_from([b"403", b"301", b"503", b"0", b"x"]), st.lists(strategies.HEADS, max_size=1), strategies.XML)
def test_a_refusal_is_one_printable_line_without_the_secret(status: bytes, heads: list[bytes], xml: bytes) -> None:
    lines = [line for head in heads for line in head.split(b"\r\n")[1:]]
    secret = targets.SECRET.encode()
    targets.failure(b"\n".join([status, *lines]) + b"\n\n" + xml)
    echoed = xml.replace(b"AccessDenied", secret).replace(b"p/a.json", b"You sent " + secret + b".")
    targets.failure(b"\n".join([status, *lines, b"x-amz-request-id: " + secret]) + b"\n\n" + echoed)


@MANY
@given(strategies.HEADS | st.binary())
def test_a_head_is_parsed_or_refused(data: bytes) -> None:
    targets.head(data)


@MANY
@given(strategies.ANSWERS | st.binary())
def test_an_answer_in_pieces_of_any_size_stays_within_its_limit(data: bytes) -> None:
    targets.answer(data)


@MANY
@given(strategies.KEYS.map(lambda key: key.encode("utf-8", "surrogatepass")) | st.binary())
def test_a_key_that_is_taken_lies_in_the_folder_by_the_rules_of_both_systems(data: bytes) -> None:
    targets.path(data)


@MANY
@given(strategies.FILES | st.binary())
def test_a_credentials_file_is_understood_or_refused_without_a_word_of_it(data: bytes) -> None:
    targets.credentials(data)


@MANY
@given(strategies.FILES | st.binary())
def test_a_config_file_is_understood_or_refused_on_one_line(data: bytes) -> None:
    targets.profile(data)


@MANY
@given(st.sampled_from(["s3://", "S3://", "s3:/", ""]), strategies.KEYS)
def test_a_uri_is_taken_as_it_stands(scheme: str, rest: str) -> None:
    targets.uri((scheme + rest).encode("utf-8", "surrogatepass"))


@MANY
@given(strategies.URLS)
def test_an_endpoint_or_a_proxy_is_a_host_or_an_error_without_the_password(url: str) -> None:
    targets.url(url.encode())


@MANY
@given(strategies.ARGUMENTS)
def test_arguments_are_understood_or_end_in_exit_code_2(argv: str) -> None:
    targets.arguments(argv.encode("utf-8", "surrogatepass"))


@MANY
@given(st.lists(strategies.NAMES, min_size=1, max_size=4), strategies.KEYS)
def test_patterns_match_or_are_refused(patterns: list[str], key: str) -> None:
    targets.globs(("\n".join(patterns) + "\n\n" + key).encode("utf-8", "surrogatepass"))


@MANY
@given(st.binary(max_size=6000), st.integers(1, 3), st.integers(-9, 0), st.binary(max_size=3))
def test_gzip_of_several_members_is_what_the_standard_library_makes_of_it(
    content: bytes, members: int, cut: int, after: bytes
) -> None:
    whole = gzip.compress(content, mtime=0) * members
    targets.gunzip((whole[:cut] if cut else whole) + after)
    assert packing.gunzipped(whole + b"\0" * len(after)) == content * members


@MANY
@given(st.binary(), st.integers(0, 255))
def test_what_we_packed_is_unpacked_in_pieces_of_any_size(content: bytes, size: int) -> None:
    targets.unpack(bytes([size]) + content)
    targets.unpack(bytes([size]) + packing.packed(content * 50))


@MANY
@given(
    st.lists(
        st.sampled_from(
            ["Thu,", "15", "Jan", "2026", "10:00:00", "GMT", "99999999999999999999", "-1", "0:0:0", "²", "9999"]
        )
        | st.text(max_size=4),
        min_size=6,
        max_size=6,
    ).map(" ".join)
    | st.text()
)
def test_a_time_is_one_or_none(text: str) -> None:
    targets.date(text.encode("latin-1", "replace"))


@MANY
@given(st.datetimes(timezones=st.just(timezone.utc)), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_retry_after_as_a_date_counts_from_the_servers_own_time(now: datetime, wait: timedelta) -> None:
    now = now.replace(microsecond=0)
    wait = timedelta(seconds=int(wait.total_seconds()))
    if now > datetime.max.replace(tzinfo=timezone.utc) - wait:
        return
    told = Response(503, {"date": written(now), "retry-after": written(now + wait)}, b"")
    error = error_from(Request("GET", targets.ENDPOINT, "k"), told)
    assert error.retry_after == wait.total_seconds()


def written(when: datetime) -> str:
    return format_datetime(when, usegmt=True)


@MANY
@given(strategies.NAMES)
def test_a_name_is_shown_on_one_line_without_what_a_terminal_acts_on(name: str) -> None:
    targets.shown(name.encode("utf-8", "surrogatepass"))
    assert "\x1b" not in visible(name)
