"""Provider JSON that is not quite JSON and yet can be read."""

from __future__ import annotations

import msgspec
import pytest

from ratatoskr.errors import MalformedResponse
from ratatoskr.wire.json import decode


class Said(msgspec.Struct):
    """A text."""

    text: str


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'\xef\xbb\xbf{"text": "a"}', "a"),
        (b'{"text": "a\xff\xfeb"}', "a\ufffd\ufffdb"),
        (b'\xef\xbb\xbf{"text": "\xc3"}', "\ufffd"),
        (b'{"text": "\xff\\ud83d."}', "\ufffd\ufffd."),
    ],
    ids=["mark", "invalid", "both", "invalid and half a pair"],
)
def test_a_byte_order_mark_and_invalid_utf8_are_put_right(data: bytes, text: str) -> None:
    assert decode(Said, data).text == text


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf", b"\xff\xfe", b'\xef\xbb\xbf{"text": "a"', b"\xef\xbb\xbf\xef\xbb\xbf"]
)
def test_what_is_no_json_stays_malformed(data: bytes) -> None:
    with pytest.raises(MalformedResponse):
        decode(Said, data)
