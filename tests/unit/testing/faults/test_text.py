"""Faults of the text: what they put into the body, and that documents keep their form."""

from __future__ import annotations

import json

import pytest

from ratatoskr.testing import ScriptedUpstream, fault
from unit.testing.wires import WIRES, document_text

CHAT = WIRES["chat"]


async def body_of(ask, name, *, stream):
    async with ScriptedUpstream([fault(name)]) as upstream:
        return (await ask(upstream, CHAT, stream=stream)).content


@pytest.mark.parametrize(("name", "content"), [("broken_utf8", b"\xff\xfe\xc3"), ("nul", b"\x00")])
async def test_bytes_stand_in_the_middle_of_the_text(name, content, ask):
    for stream in (False, True):
        assert b"Before " + content + b" after." in await body_of(ask, name, stream=stream)


async def test_lines_end_as_the_fault_says_and_a_mark_comes_first(ask):
    crlf, cr = [await body_of(ask, name, stream=True) for name in ("crlf", "cr")]
    assert crlf.endswith(b"data: [DONE]\r\n\r\n")
    assert (cr.endswith(b"data: [DONE]\r\r"), b"\n" in cr) == (True, False)
    assert (await body_of(ask, "byte_order_mark", stream=False)).startswith(b"\xef\xbb\xbf{")


async def test_events_are_repeated_or_put_between_the_others(ask):
    right = (await body_of(ask, "byte_order_mark", stream=True)).count(b"data: ")
    assert (await body_of(ask, "duplicate_end", stream=True)).count(b"[DONE]") == 2
    assert (await body_of(ask, "duplicate_start", stream=True)).count(b'"role"') == 2
    assert (await body_of(ask, "events_after_end", stream=True)).rpartition(b"[DONE]")[2].count(b"data: ") == 1
    assert (await body_of(ask, "many_keep_alives", stream=True)).count(b": keep-alive\n\n") == right
    assert (await body_of(ask, "unknown_events", stream=True)).count(b"novelty") == 2 * right


@pytest.mark.parametrize("name", ["crlf", "cr", "duplicate_start", "duplicate_end", "unknown_events"])
async def test_a_document_stays_as_it_is(name, ask):
    async with ScriptedUpstream([fault(name)]) as upstream:
        assert document_text(await ask(upstream, CHAT)).endswith(": Hi")


async def test_the_text_of_the_options_replaces_the_turn(ask):
    document = json.loads(await body_of(ask, "odd_separators", stream=False))
    assert document["choices"][0]["message"]["content"] == "a\u2028b\u0085c\x0bd\x1ce"
