"""Provider JSON that is not quite valid."""

from __future__ import annotations

import msgspec
import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.json import decode


class Message(msgspec.Struct):
    """An object with a text."""

    text: str


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'\xef\xbb\xbf{"text": "a"}', "a"),
        (b'{"text": "a\xff\xfeb"}', "a\ufffd\ufffdb"),
        (b'\xef\xbb\xbf{"text": "\xc3"}', "\ufffd"),
        (b'{"text": "\xff\\ud83d."}', "\ufffd\ufffd."),
    ],
    ids=["mark", "invalid", "both", "invalid and a lone surrogate"],
)
def test_a_byte_order_mark_and_invalid_utf8_are_replaced(data: bytes, text: str) -> None:
    assert decode(Message, data).text == text


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf", b"\xff\xfe", b'\xef\xbb\xbf{"text": "a"', b"\xef\xbb\xbf\xef\xbb\xbf"]
)
def test_other_invalid_json_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        decode(Message, data)
