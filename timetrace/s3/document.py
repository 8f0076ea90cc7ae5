"""XML from a server is hostile input: no DOCTYPE, few bytes, little depth (and so no entities)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timetrace.errors import ResponseError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_DEPTH = 16
MAX_TAGS = 200_000


def parse(body: bytes, tag: str, *others: str) -> Element:
    """The document's root, a `tag` or one of `others`.

    Every tag is stripped of its namespace, which some servers leave out.
    """
    from xml.etree.ElementTree import ParseError, XMLParser  # what moves objects only never needs it

    # The parser is told the encoding, and UTF-16, which it finds out by itself, has NULs in all its tags:
    # so no DOCTYPE hides from this search.
    if b"\0" in body:
        raise ResponseError("the answer is no XML (it has a NUL)")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ResponseError("the answer's XML has a DOCTYPE, which no S3 server sends")
    if body.count(b"<") > MAX_TAGS:
        raise ResponseError("the answer's XML has too many elements")
    parser = XMLParser(encoding="utf-8")
    try:
        parser.feed(body)
        root = parser.close()
    except (ParseError, ValueError) as error:
        raise ResponseError(f"the answer is no XML ({error})") from error
    level = [root]
    for _ in range(MAX_DEPTH):
        for element in level:
            element.tag = element.tag.rpartition("}")[2]
        level = [child for element in level for child in element]
        if not level:
            if root.tag not in (tag, *others):
                raise ResponseError(f"the answer's XML is no {tag}")
            return root
    raise ResponseError("the answer's XML is nested too deeply")


def text(element: Element, tag: str, default: str = "") -> str:
    """The text of the child `tag`, or `default` where there is none."""
    return element.findtext(tag) or default


def escape(text: str) -> str:
    """`text` as an element's content. Characters that XML cannot carry at all are the caller's to keep out."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Unescaped, a parser would read a line end of its own choice.
    return text.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")
