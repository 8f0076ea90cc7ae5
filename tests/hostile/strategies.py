"""Shaped input: near enough to what is right that it gets past the first check."""

from __future__ import annotations

from hypothesis import strategies as st

SIGNS = st.sampled_from(
    [*"ab./\\:%+ -_~*?<>|\"'", "..", "//", "\0", "\x1b[2J", "\r\n", "é", "e\u0301", "\u202e", "CON", "\udcff"]
)
NAMES = st.lists(SIGNS | st.characters(), max_size=12).map("".join)
DEVICES = st.sampled_from(["CON", "nul", "Aux.json", "COM1", "lpt9.txt", "COM¹", "conin$", "CLOCK$", "prn .x"])
PARTS = st.sampled_from(
    ["", ".", "..", "...", " ", "a", "a.", "a ", "C:", "\\", "..\\..", ".timetrace-0123456789abcdef.tmp"]
)
KEYS = st.lists(PARTS | DEVICES | NAMES, min_size=1, max_size=5).map("/".join)

TAGS = st.sampled_from(
    [
        *("Error", "Code", "Message", "Region", "ListBucketResult", "Contents", "Key", "Size", "ETag", "LastModified"),
        *("IsTruncated", "NextContinuationToken", "EncodingType", "DeleteResult", "UploadId", "x:Key"),
        *("InitiateMultipartUploadResult", "CompleteMultipartUploadResult"),
        *("ListMultipartUploadsResult", "Upload", "Initiated", "NextKeyMarker", "NextUploadIdMarker"),
    ]
)
TEXTS = st.one_of(
    st.sampled_from(
        ["p/a.json", "p/..%2Fx", "true", "url", "12", "-1", "²", "9" * 40, "AccessDenied", "t", "n", "%ff", "%00"]
    ),
    st.sampled_from(["2026-01-15T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-13-01"]),
    st.sampled_from(["&k;", "&#27;", "&#x110000;", "&amp;", "<![CDATA[p/]]>", "<!-- p/ -->", "<?p x?>", "&lt;"]),
    NAMES.map(lambda name: name.replace("&", "&amp;").replace("<", "&lt;")),
)


def _element(tag: str, inner: list[str]) -> str:
    return f"<{tag}>{''.join(inner)}</{tag}>"


XML = st.builds(
    lambda before, told, cut, codec: (before + told).encode(codec, "surrogatepass")[: cut or None],
    st.sampled_from(
        [
            *(
                "",
                '<?xml version="1.0"?>',
                '<?xml version="1.0" encoding="UTF-16"?>',
                '<?xml version="1.1"?>',
                "\ufeff",
            ),
            *('<!DOCTYPE Error [<!ENTITY k "vvvvvvvvvvvvvvvvvvvvvvvv">]>', '<!doctype x SYSTEM "file:///etc/passwd">'),
        ]
    ),
    st.builds(
        _element,
        TAGS,
        st.lists(
            st.recursive(
                st.builds(_element, TAGS, st.lists(TEXTS, max_size=2)),
                lambda inner: st.builds(_element, TAGS, st.lists(inner, max_size=3)),
                max_leaves=8,
            ),
            max_size=6,
        ),
    ),
    st.just(0) | st.integers(-9, -1),
    st.sampled_from(["utf-8"] * 8 + ["utf-16"]),
)

_HEADER_NAMES = st.sampled_from(
    [
        *("Content-Length", "Transfer-Encoding", "Connection", "ETag", "Date", "Retry-After", "x-amz-request-id"),
        *("x-amz-bucket-region", "x-amz-meta-timetrace-sha256", "Content-Range", "", " x", "x\0y", "é"),
    ]
)
_HEADER_VALUES = st.sampled_from(
    [
        *("0", "2", "2, 2", "2, 3", "-1", "+2", "1e3", "9" * 30, "²", "chunked", "gzip, chunked", "close", "", "\t x"),
        *("Thu, 15 Jan 2026 10:00:00 GMT", "bytes 0-1/2", "\x1b]0;x\x07", "a\rb"),
    ]
)
_CHUNKS = st.lists(
    st.sampled_from(
        [
            b"2\r\n{}\r\n",
            b"0\r\n",
            b"\r\n",
            b"0;x=y\r\n\r\n",
            b"fffffffffffffff\r\n",
            b"-1\r\n",
            b"2\r\n{}}\r\n",
            b"a: b\r\n",
        ]
    )
    | st.binary(max_size=20),
    max_size=12,
).map(b"".join)
HEADS = st.builds(
    lambda first, pairs: "\r\n".join([first, *(f"{name}: {value}" for name, value in pairs)]).encode("latin-1"),
    st.sampled_from(
        [
            *(
                "HTTP/1.1 200 OK",
                "HTTP/1.0 200 OK",
                "HTTP/1.1 100 Continue",
                "HTTP/1.1 206",
                "HTTP/1.1 503 ",
                "HTTP/2 200",
            ),
            *("HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 000 x", "", "SSH-2.0-x", "HTTP/1.1 ²00 x"),
        ]
    ),
    st.lists(st.tuples(_HEADER_NAMES, _HEADER_VALUES), max_size=5),
)
ANSWERS = st.builds(
    lambda size, heads, body: bytes([size]) + b"".join(head + b"\r\n\r\n" for head in heads) + body,
    st.integers(0, 255),
    st.lists(HEADS, min_size=1, max_size=3),
    _CHUNKS,
)

_LINES = st.lists(
    st.sampled_from(
        [
            *(
                "[default]",
                "[profile default]",
                '[profile "default"]',
                "[]",
                "[ ]",
                "[default",
                "[services x]",
                "services = x",
            ),
            *(
                "aws_access_key_id = AKID",
                "aws_secret_access_key = SECRETmarked/x",
                "aws_session_token = SECRETmarked y",
            ),
            *(
                "aws_secret_access_key =",
                "  SECRETmarked",
                "SECRETmarked",
                "aws_secret_access_key SECRETmarked",
                "= x",
                "; x",
            ),
            *(
                "role_arn = SECRETmarked",
                "region = \x1b[2J",
                "s3 =",
                "  addressing_style = virtual",
                "max_attempts = 0",
            ),
            *("endpoint_url = http://u:SECRETmarked@h", "ca_bundle = x", "\x85", "\u2028", "\0", "%(x)s = %(y)s"),
        ]
    )
    | NAMES,
    max_size=8,
)
FILES = st.builds(
    lambda lines, end: end.join(lines).encode("utf-8", "surrogatepass"),
    _LINES,
    st.sampled_from(["\n", "\r\n", "\r", "\x85"]),
)

ARGUMENTS = st.lists(
    st.sampled_from(
        [
            *(
                "s3",
                "upload",
                "download",
                "list",
                "sync",
                "cat",
                "rm",
                "url",
                "up",
                "down",
                "-d",
                "-b",
                "-p",
                "-n",
                "-o",
            ),
            *(
                "--key",
                "--json",
                "-q",
                "-v",
                "--debug",
                "--long",
                "--yes",
                "--expires",
                "--",
                "-",
                "",
                "--prefix",
                "--help",
            ),
            *(
                "--profile",
                "--region",
                "--version",
                "--no-sign-request",
                "--path-style",
                "--virtual-host",
                "5",
                "-5",
                "²",
            ),
            *("--bucket=b", "--lon", "-bx", "-vq", "@x", "%s", "\x1b[2J", "--\x1b[2J", "-h"),
        ]
    )
    | NAMES.filter(lambda name: "\n" not in name),
    max_size=9,
).map(lambda argv: "\n".join(argv))
URLS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "socks5://", "", "HTTP:", "//", "file://", "http:/"]),
    st.sampled_from(
        ["", "u:SECRETmarked@", "SECRETmarked@", "u:SECRETmarked#@", "u%00:SECRETmarked@", "u:SECRETmarked@@"]
    ),
    st.sampled_from(["h", "[::1]", "[::1", "127.0.0.1", "a..b", "-", "é", "h\n", "%68", "a b", "[v1.x]", "1.2.3"]),
    st.sampled_from(["", ":", ":0", ":9000", ":99999", ":x", ":²", ":-1", ":9000:1"]),
    st.sampled_from(["", "/", "/base", "/a/../b", "/é", "?q", "#f", "/%2e%2e", "/\r\n", "\\x"]),
)
