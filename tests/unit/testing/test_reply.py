"""A reply has a head that fits its framing, and a body that can be cut."""

from __future__ import annotations

import pytest

from ratatoskr.testing import Reply


@pytest.mark.parametrize(
    ("reply", "head"),
    [
        (Reply(200, {"x-a": "1"}, [b"ab", b"c"]), b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 3\r\n\r\n"),
        (Reply(599, framing="chunked"), b"HTTP/1.1 599 Unknown\r\ntransfer-encoding: chunked\r\n\r\n"),
        (Reply(204, framing="none"), b"HTTP/1.1 204 No Content\r\n\r\n"),
        (Reply(framing="close"), b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
        (Reply(length=7, close=True), b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n"),
        (Reply(None, body=[b"x"]), b""),
        (Reply(head=b"SSH-2.0"), b"SSH-2.0"),
    ],
)
def test_a_head_states_the_framing(reply, head):
    assert reply.head_bytes() == head


def test_pauses_are_no_part_of_the_content():
    reply = Reply(body=[b"a", 0.5, b"b"])
    assert (reply.events, reply.content) == ([b"a", b"b"], b"ab")


@pytest.mark.parametrize(
    ("cut", "pieces"),
    [
        (None, [b"abc", 0.5, b"de"]),
        (0, []),
        (2, [b"ab"]),
        (4, [b"abc", 0.5, b"d"]),
        (-1, [b"abc", 0.5, b"d"]),
        (-9, []),
    ],
)
def test_a_body_is_cut_after_so_many_bytes(cut, pieces):
    assert list(Reply(body=[b"abc", 0.5, b"de"], cut=cut).pieces()) == pieces
