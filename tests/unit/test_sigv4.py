"""AWS's published S3 examples, at every stage, and botocore as an oracle for all the rest.

Source: "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk" and
"Authenticating Requests: Using Query Parameters", Amazon S3 API Reference.
"""

from __future__ import annotations

import datetime
from datetime import timezone
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from timetrace.s3 import sigv4
from timetrace.s3.credentials import Credentials
from timetrace.s3.endpoint import Endpoint
from timetrace.s3.http import Request, canonical_query, encode_path, encode_query

CREDENTIALS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
ENDPOINT = Endpoint("https", "examplebucket.s3.amazonaws.com", None, "")
NOW = datetime.datetime(2013, 5, 24, tzinfo=timezone.utc)
STAMP = "20130524T000000Z"
SCOPE = "20130524/us-east-1/s3/aws4_request"
PUT_SHA256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"

EXAMPLES = {
    "get object": (
        Request("GET", ENDPOINT, "test.txt", headers={"range": "bytes=0-9"}),
        f"""GET
/test.txt

host:examplebucket.s3.amazonaws.com
range:bytes=0-9
x-amz-content-sha256:{sigv4.EMPTY_SHA256}
x-amz-date:20130524T000000Z

host;range;x-amz-content-sha256;x-amz-date
{sigv4.EMPTY_SHA256}""",
        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    "put object": (
        Request(
            "PUT",
            ENDPOINT,
            "test$file.text",
            headers={"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            body=b"Welcome to Amazon S3.",
        ),
        f"""PUT
/test%24file.text

date:Fri, 24 May 2013 00:00:00 GMT
host:examplebucket.s3.amazonaws.com
x-amz-content-sha256:{PUT_SHA256}
x-amz-date:20130524T000000Z
x-amz-storage-class:REDUCED_REDUNDANCY

date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class
{PUT_SHA256}""",
        "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    "get bucket lifecycle": (
        Request("GET", ENDPOINT, query=[("lifecycle", "")]),
        f"""GET
/
lifecycle=
host:examplebucket.s3.amazonaws.com
x-amz-content-sha256:{sigv4.EMPTY_SHA256}
x-amz-date:20130524T000000Z

host;x-amz-content-sha256;x-amz-date
{sigv4.EMPTY_SHA256}""",
        "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ),
    "list objects": (
        Request("GET", ENDPOINT, query=[("prefix", "J"), ("max-keys", "2")]),
        f"""GET
/
max-keys=2&prefix=J
host:examplebucket.s3.amazonaws.com
x-amz-content-sha256:{sigv4.EMPTY_SHA256}
x-amz-date:20130524T000000Z

host;x-amz-content-sha256;x-amz-date
{sigv4.EMPTY_SHA256}""",
        "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_stage_is_as_aws_publishes_it(name: str) -> None:
    request, canonical, canonical_hash, signature = EXAMPLES[name]
    headers = sigv4.sign(request, CREDENTIALS, "us-east-1", NOW)
    authorization = headers.pop("authorization")
    built, signed = sigv4.canonical_request(
        request.method, request.path, canonical_query(request.query), headers, sigv4.payload_hash(request)
    )
    assert built == canonical
    to_sign = sigv4.string_to_sign(STAMP, SCOPE, built)
    assert to_sign == f"AWS4-HMAC-SHA256\n{STAMP}\n{SCOPE}\n{canonical_hash}"
    key = sigv4.signing_key(CREDENTIALS.secret_key, "20130524", "us-east-1")
    assert sigv4.signature(key, to_sign) == signature
    assert authorization == (
        f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{SCOPE},SignedHeaders={signed},Signature={signature}"
    )


def test_a_presigned_url_is_as_aws_publishes_it() -> None:
    url = sigv4.presign(Request("GET", ENDPOINT, "test.txt"), CREDENTIALS, "us-east-1", NOW, 86400)
    assert url == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_the_signing_key_depends_on_day_region_and_secret() -> None:
    keys = {
        sigv4.signing_key(secret, day, region)
        for secret in ("s", "t")
        for day in ("20130524", "20130525")
        for region in ("us-east-1", "eu-west-1")
    }
    assert len(keys) == 8


def test_the_signing_key_is_derived_once_for_a_day_and_a_region() -> None:
    sigv4.signing_key.cache_clear()
    for number in range(10):
        sigv4.sign(Request("GET", ENDPOINT, f"{number}"), CREDENTIALS, "us-east-1", NOW)
    assert (sigv4.signing_key.cache_info().misses, sigv4.signing_key.cache_info().hits) == (1, 9)


def test_an_anonymous_request_has_no_signature() -> None:
    assert sigv4.sign(Request("GET", ENDPOINT, "a"), None, "us-east-1", NOW) == {"host": ENDPOINT.authority}


def test_a_body_that_is_not_bytes_must_bring_its_hash() -> None:
    with pytest.raises(TypeError, match="x-amz-content-sha256"):
        sigv4.payload_hash(Request("PUT", ENDPOINT, "a", body=_Large()))


class _Large:
    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Any:
        return iter((b"large",))


def test_space_in_a_query_is_percent_20_and_slash_percent_2f() -> None:
    assert canonical_query([("prefix", "a b/c=d"), ("delimiter", "/")]) == "delimiter=%2F&prefix=a%20b%2Fc%3Dd"


def test_a_query_is_sorted_by_its_encoded_form() -> None:
    assert canonical_query([("é", "1"), ("b", "2"), ("b", "1"), ("B", "0")]) == "%C3%A9=1&B=0&b=1&b=2"


def test_all_that_urllib3_would_leave_raw_is_encoded() -> None:
    assert encode_path("a/b !'()*:+%#?&=@$,;~-._") == "a/b%20%21%27%28%29%2A%3A%2B%25%23%3F%26%3D%40%24%2C%3B~-._"


def test_dots_and_double_slashes_stay_as_they_are() -> None:
    assert Request("GET", Endpoint("http", "h", None, "/b"), "a/../c//d/.").target == "/b/a/../c//d/."


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(
    key=TEXT,
    query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=4),
    metadata=st.dictionaries(
        st.from_regex(r"\A[a-z0-9-]{1,10}\Z"), st.lists(VALUE, min_size=1).map("  ".join), max_size=3
    ),
    token=st.none() | VALUE,
    body=st.binary(max_size=50),
    port=st.none() | st.integers(1025, 65535),
)
def test_headers_are_signed_as_botocore_signs_them(
    key: str, query: dict[str, str], metadata: dict[str, str], token: str | None, body: bytes, port: int | None
) -> None:
    endpoint = Endpoint("http", "s3.example", port, "/base/bucket")
    headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
    request = Request("PUT", endpoint, key, tuple(query.items()), headers, body)
    credentials = Credentials("AKID", "secret", token)
    now = datetime.datetime.now(timezone.utc)
    theirs = AWSRequest("PUT", f"http://{endpoint.authority}{request.path}", dict(headers), body, params=query)
    theirs.context["client_config"] = None
    theirs.context["payload_signing_enabled"] = True
    theirs.headers["X-Amz-Content-SHA256"] = sha256(body).hexdigest()
    S3SigV4Auth(BotocoreCredentials("AKID", "secret", token), "s3", "eu-west-1").add_auth(theirs)
    stamp = theirs.context["timestamp"]
    now = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    ours = sigv4.sign(request, credentials, "eu-west-1", now)["authorization"]
    assert ours.replace(",", ", ") == theirs.headers["Authorization"]


@given(key=TEXT.filter(bool), token=st.none() | VALUE, expires=st.integers(1, 604800))
def test_urls_are_signed_as_botocore_signs_them(key: str, token: str | None, expires: int) -> None:
    endpoint = Endpoint("https", "s3.example", None, "/bucket")
    theirs = AWSRequest("GET", f"https://{endpoint.authority}/bucket/{encode_path(key)}")
    S3SigV4QueryAuth(BotocoreCredentials("AKID", "secret", token), "s3", "eu-west-1", expires).add_auth(theirs)
    wanted = dict(parse_qsl(urlsplit(theirs.url).query, keep_blank_values=True))
    now = datetime.datetime.strptime(wanted["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    url = sigv4.presign(Request("GET", endpoint, key), Credentials("AKID", "secret", token), "eu-west-1", now, expires)
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == wanted


@given(TEXT)
def test_what_is_encoded_decodes_to_what_it_was(text: str) -> None:
    from urllib.parse import unquote

    assert unquote(encode_path(text)) == text
    assert unquote(encode_query(text)) == text
    assert encode_query(text).isascii()
