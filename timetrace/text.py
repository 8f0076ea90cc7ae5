"""Text of strangers (keys, servers' messages, file names) as it may be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Controls, marks and overrides of writing direction, line and paragraph separators, lone surrogates,
# the byte-order mark and interlinear annotation. Joiners (U+200C, U+200D) stay: Persian and emoji need them.
# These patterns are compiled when they are first needed: few runs do.
_UNSEEN = "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"


def visible(text: str) -> str:
    r"""The text on one line, with what a terminal would act on or hide made visible.

    `\x1b` is a control character or, from `\x80` on, a byte that is not UTF-8; others are `\u202e`.
    """
    return text if text.isprintable() else re.sub(_UNSEEN, _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    point = ord(match[0])
    if 0xDC80 <= point <= 0xDCFF:  # os.fsdecode() keeps a byte that is not UTF-8 as U+DC00 + byte
        return f"\\x{point - 0xDC00:02x}"
    return f"\\x{point:02x}" if point < 0x80 else f"\\u{point:04x}"


REDACTED = "[redacted]"
# What is shorter is no secret, and may be part of any word: test servers take `test`.
_SHORTEST_SECRET = 8
_AUTHORIZATION = r"(?i)\b(Basic|Bearer)[ +]+[A-Za-z0-9+/=_.~-]{8,}"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without `secrets`, as they are, percent-encoded or escaped in XML: servers send back what they got."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = re.sub("".join(map(_either_form, secret)), REDACTED, text)
    return re.sub(_AUTHORIZATION, rf"\1 {REDACTED}", text)


def _either_form(sign: str) -> str:
    encoded = "".join([f"%{byte:02x}" for byte in sign.encode(errors="replace")])
    return sign if sign.isalnum() and sign.isascii() else rf"(?:{re.escape(sign)}|&#?\w+;|(?i:{encoded}))"
