from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ResponseError
from timetrace.s3 import document


def test_tags_lose_their_namespace() -> None:
    root = document.parse(b'<?xml version="1.0"?><A xmlns="http://s3.example/doc/"><B>x</B></A>', "A")
    assert (root.tag, document.text(root, "B"), document.text(root, "C", "none")) == ("A", "x", "none")


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY k "../evil">]><a>&k;</a>',
        b'<?xml version="1.0"?><!DOCTYPE a><a/>',
        '<!DOCTYPE a [<!ENTITY k "../evil">]><a>&k;</a>'.encode("utf-16"),
        b'<a><!ENTITY k "v"></a>',
    ],
)
def test_a_doctype_is_refused_in_any_encoding(body: bytes) -> None:
    with pytest.raises(ResponseError):
        document.parse(body, "a")


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<a>", b"<a></b>", b"<html><p></html>", b"\xff\xfe", b"<a>&k;</a>", b"<a>\x01</a>"]
)
def test_what_is_no_xml_is_an_error(body: bytes) -> None:
    with pytest.raises(ResponseError):
        document.parse(body, "a")


def test_deep_xml_is_refused() -> None:
    with pytest.raises(ResponseError, match="deep"):
        document.parse(b"<a>" * 5000 + b"</a>" * 5000, "a")


def test_endless_elements_are_refused() -> None:
    with pytest.raises(ResponseError, match="too many"):
        document.parse(b"<a>" + b"<b/>" * 300_000 + b"</a>", "a")


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: f"<a>{text}</a>".encode("utf-8", "ignore")))
def test_whatever_comes_is_a_tree_or_our_error(body: bytes) -> None:
    try:
        assert isinstance(document.parse(body, "a").tag, str)
    except ResponseError:
        pass


def test_another_root_is_an_error() -> None:
    with pytest.raises(ResponseError, match="no ListBucketResult"):
        document.parse(b"<Else/>", "ListBucketResult")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\r\n", max_codepoint=0xD7FF))
)
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    root = document.parse(f"<a><b>{document.escape(text)}</b></a>".encode(), "a")
    assert document.text(root, "b") == text
