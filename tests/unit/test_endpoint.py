from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ConfigError
from timetrace.s3.endpoint import Endpoint, check_bucket, check_region, parse_endpoint_url, resolve_endpoint


@pytest.mark.parametrize(
    ("url", "endpoint", "authority"),
    [
        ("http://localhost:9000", Endpoint("http", "localhost", 9000, ""), "localhost:9000"),
        ("HTTPS://S3.Example/", Endpoint("https", "s3.example", None, ""), "s3.example"),
        ("https://s3.example:443", Endpoint("https", "s3.example", None, ""), "s3.example"),
        ("http://s3.example:443", Endpoint("http", "s3.example", 443, ""), "s3.example:443"),
        ("http://[::1]:9000/a/b/", Endpoint("http", "::1", 9000, "/a/b"), "[::1]:9000"),
        ("http://127.0.0.1", Endpoint("http", "127.0.0.1", None, ""), "127.0.0.1"),
        ("https://proxy/s3%20x", Endpoint("https", "proxy", None, "/s3%20x"), "proxy"),
        ("http://my_host:1", Endpoint("http", "my_host", 1, ""), "my_host:1"),
    ],
)
def test_an_endpoint_url_is_taken_apart(url: str, endpoint: Endpoint, authority: str) -> None:
    assert parse_endpoint_url(url) == endpoint
    assert parse_endpoint_url(url).authority == authority


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:9000", "no scheme"),
        ("", "no scheme"),
        ("http://h\n", "line end"),
        ("http://local\thost", "control character"),
        ("ftp://h", "neither http nor https"),
        ("http://", "no valid host"),
        ("http://h:x", "malformed"),
        ("http://h:99999", "malformed"),
        ("http://h:0", "no valid host"),
        ("http://[::1", "malformed"),
        ("http://[fe80::1%eth0]", "no valid host"),
        ("http://a b", "no valid host"),
        ("http://a..b", "no valid host"),
        ("http://-a", "no valid host"),
        ("http://h/?a=b", "query"),
        ("http://h/#a", "fragment"),
        ("http://h?", "query"),
        ("http://h/a b", "percent-encoded"),
        ("http://h/%zz", "percent-encoded"),
        ("http://h/a/../b", "dots"),
        ("http://user:hunter2@h", "must not hold a user"),
    ],
)
def test_a_malformed_endpoint_url_is_told(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        parse_endpoint_url(url)
    assert "hunter2" not in str(caught.value)


@given(
    st.text() | st.text().map(lambda text: "http://" + text) | st.text().map(lambda text: "http://u:hunter2@" + text)
)
def test_whatever_the_url_it_is_an_endpoint_or_a_config_error(url: str) -> None:
    told = ""
    try:
        assert parse_endpoint_url(url).authority.isascii()
    except ConfigError as error:
        told = str(error)
    assert "hunter2" not in told
    assert told.isprintable()


@pytest.mark.parametrize(
    ("bucket", "region", "url", "style", "expected"),
    [
        ("traces", "us-east-1", None, "auto", "https://traces.s3.us-east-1.amazonaws.com"),
        ("traces", "cn-north-1", None, "auto", "https://traces.s3.cn-north-1.amazonaws.com.cn"),
        ("my.traces", "us-east-1", None, "auto", "https://s3.us-east-1.amazonaws.com/my.traces"),
        ("My_Traces", "us-east-1", None, "auto", "https://s3.us-east-1.amazonaws.com/My_Traces"),
        ("traces", "us-east-1", None, "path", "https://s3.us-east-1.amazonaws.com/traces"),
        ("traces", "us-east-1", None, "virtual", "https://traces.s3.us-east-1.amazonaws.com"),
        ("traces", "us-east-1", "http://localhost:9000", "auto", "http://localhost:9000/traces"),
        ("traces", "us-east-1", "http://127.0.0.1:9000/s3/", "auto", "http://127.0.0.1:9000/s3/traces"),
        ("traces", "us-east-1", "https://s3.example", "virtual", "https://traces.s3.example"),
        ("my.traces", "us-east-1", "http://s3.example/x", "virtual", "http://my.traces.s3.example/x"),
    ],
)
def test_a_bucket_is_in_the_host_or_in_the_path(
    bucket: str, region: str, url: str | None, style: str, expected: str
) -> None:
    endpoint = resolve_endpoint(bucket, region=region, endpoint_url=url, addressing_style=style)
    assert f"{endpoint.scheme}://{endpoint.authority}{endpoint.base_path}" == expected


@pytest.mark.parametrize(
    ("bucket", "url", "style", "said"),
    [
        ("traces", "http://127.0.0.1:9000", "virtual", "is an address: use path style"),
        ("traces", "http://[::1]:9000", "virtual", "is an address"),
        ("my.traces", "https://s3.example", "virtual", "cannot be part of a host"),
        ("My_Traces", "http://s3.example", "virtual", "cannot be part of a host"),
        ("my.traces", None, "virtual", "cannot be part of a host"),
        ("traces", "https://traces.s3.example", "virtual", "names the bucket already"),
        ("traces", None, "odd", "none of auto, path, virtual"),
    ],
)
def test_a_style_that_cannot_work_is_an_error_before_any_request(
    bucket: str, url: str | None, style: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve_endpoint(bucket, region="us-east-1", endpoint_url=url, addressing_style=style)


@pytest.mark.parametrize("bucket", ["ab", "a" * 256, "-ab", "ab-", "a b", "a..b", "a\nbc", "", "äbc", "abc\n"])
def test_a_malformed_bucket_is_an_error(bucket: str) -> None:
    with pytest.raises(ConfigError, match="malformed"):
        check_bucket(bucket)


def test_an_arn_and_a_bucket_with_a_prefix_get_errors_of_their_own() -> None:
    with pytest.raises(ConfigError, match="is an ARN"):
        check_bucket("arn:aws:s3:::traces")
    with pytest.raises(ConfigError, match="as the prefix"):
        check_bucket("traces/api")


@pytest.mark.parametrize("region", ["", "us east", "us-east-1.", "evil.example", "-a", "a/b", "us-east-1\n", "a" * 64])
def test_a_malformed_region_is_an_error(region: str) -> None:
    with pytest.raises(ConfigError, match="region"):
        check_region(region)


def test_regions_of_other_servers_are_taken() -> None:
    check_region("RegionOne")
    check_region("default")
