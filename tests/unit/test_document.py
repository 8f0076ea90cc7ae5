from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timetrace.errors import ResponseError
from timetrace.s3 import document


def test_tags_lose_their_namespace() -> None:
    root = document.parse(b'<?xml version="1.0"?><A xmlns="http://s3.example/doc/"><B>x</B></A>')
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
        document.parse(body)


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<a>", b"<a></b>", b"<html><p></html>", b"\xff\xfe", b"<a>&k;</a>", b"<a>\x01</a>"]
)
def test_what_is_no_xml_is_an_error(body: bytes) -> None:
    with pytest.raises(ResponseError):
        document.parse(body)


def test_deep_xml_is_refused() -> None:
    with pytest.raises(ResponseError, match="deep"):
        document.parse(b"<a>" * 5000 + b"</a>" * 5000)


def test_endless_elements_are_refused() -> None:
    with pytest.raises(ResponseError, match="too many"):
        document.parse(b"<a>" + b"<b/>" * 300_000 + b"</a>")


@given(st.binary(max_size=100) | st.text(max_size=100).map(lambda text: f"<a>{text}</a>".encode("utf-8", "ignore")))
def test_whatever_comes_is_a_tree_or_our_error(body: bytes) -> None:
    try:
        assert isinstance(document.parse(body).tag, str)
    except ResponseError:
        pass
