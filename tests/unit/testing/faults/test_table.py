"""Every misbehaviour happens as its row says, in every dialect, at once and in streams, as a plain client sees it."""

from __future__ import annotations

import asyncio
import json
import zlib

import httpx
import pytest

from ratatoskr._core import check_depth
from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import FAULTS, ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import ENDS, joined

TEXT = "Up the tree and down."
FLOOD = 2_000_000  # bytes after which nobody reads on

# What comes of a fault: for a call, then for a stream. Several words mean that timing decides which.
BROKEN = {"ReadError", "RemoteProtocolError", "WriteError"}
CUT = {"no end", "unreadable"}
HARMLESS = (
    "byte_order_mark crlf cr duplicate_start duplicate_end unknown_events many_keep_alives trailers close_after stale"
)
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "accept_reset": (BROKEN, BROKEN),
    "accept_end": (BROKEN, BROKEN),
    "reset_before_head": ({"ReadError"}, {"ReadError"}),
    "end_before_head": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "cut_head": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "garbage_head": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "huge_head": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "interim": ({"right"}, {"right"}),
    "html": ({"unreadable"}, CUT),
    "empty_body": ({"unreadable"}, {"no end"}),
    "wrong_content_type": ({"right"}, {"right"}),
    "other_form": ({"unreadable", "other"}, {"no end", "right"}),
    "error_in_200": ({"told"}, {"told"}),
    "error_in_stream": ({"told"}, {"told"}),
    "bad_json": ({"unreadable"}, {"unreadable"}),
    "bad_json_late": ({"unreadable"}, {"unreadable"}),
    "wrong_shape": ({"other"}, {"unreadable"}),
    "truncated_json": ({"unreadable"}, {"unreadable"}),
    "deep_json": ({"unreadable"}, {"unreadable"}),
    "cut_reset": ({"ReadError"}, {"ReadError"}),
    "cut_end": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "cut_clean": ({"unreadable"}, CUT),
    "no_end": ({"unreadable"}, {"no end"}),
    "byte_by_byte": ({"right"}, {"right"}),
    "length_too_long": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "length_too_short": ({"unreadable"}, CUT),
    "bad_chunk": ({"RemoteProtocolError"}, {"RemoteProtocolError"}),
    "broken_utf8": ({"unreadable"}, {"other"}),
    "nul": ({"unreadable"}, {"unreadable"}),
    "split_utf8": ({"Grüße 🐿️ 日本"}, {"Grüße 🐿️ 日本"}),
    "split_surrogates": ({"up 🐿 down"}, {"up 🐿 down"}),
    "lone_surrogate": ({"a \ufffd b"}, {"a \ufffd b"}),
    "odd_separators": ({"a\u2028b\u0085c\x0bd\x1ce"}, {"a\u2028b\u0085c\x0bd\x1ce"}),
    "events_after_end": ({"right"}, {"right", "other"}),
    "gzip_bomb": ({"bomb"}, {"bomb"}),
    "gzip_bomb_stacked": ({"bomb"}, {"bomb"}),
    "unasked_gzip": ({"right"}, {"right"}),
    "unknown_encoding": ({"right"}, {"right"}),
    **dict.fromkeys(HARMLESS.split(), ({"right"}, {"right"})),
    **{name: ({"flood"}, {"flood"}) for name in ("endless_line", "endless_event", "endless_empty", "huge_line")},
}
SILENT = {
    "accept_ignore": "",
    "stall_before_head": "",
    "drip_head": "",
    "stall_after_head": "head",
    "stall_in_stream": "content",
    "only_keep_alives": "head",
    "keep_alives_in_stream": "content",
    "slow_drip": "head",
}
"""Faults that never come to an end, and how far they come."""

LISTENER_FAULTS = {name for name, row in FAULTS.items() if row.listener}
STATUSES = {
    name: row.options["status"] for name, row in FAULTS.items() if "status" in row.options and name not in EXPECTED
} | {"no_content": 204}


def test_every_fault_has_an_expectation_here():
    told = set(EXPECTED) | set(SILENT) | LISTENER_FAULTS | set(STATUSES)
    assert told == set(FAULTS)
    assert all(row.about.endswith(".") and len(row.about) < 90 for row in FAULTS.values())


async def read(client, upstream, wire, stream):
    """Return what comes of one request, in a word."""
    content = b""
    try:
        async with client.stream(
            "POST", wire.address(upstream, stream), json=wire.body(stream=stream), headers=wire.headers
        ) as response:
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > FLOOD:
                    return "flood"
    except httpx.HTTPError as error:
        return type(error).__name__
    for encoding in reversed(response.headers.get("content-encoding", "").replace("snappy", "").split(", ")):
        if encoding:
            content = zlib.decompressobj(31).decompress(content, FLOOD)
    if len(content) >= FLOOD:
        return "bomb"
    return judge(wire, content, stream)


def judge(wire, content, stream):
    """Return what a body says, in a word or in its own words."""
    if not check_depth(content):
        return "unreadable"  # and json.loads would only find out by recursion
    try:
        found = wire.events(content) if stream else [("", json.loads(content))]
        errors = [data for _, data in found if isinstance(data, dict) and data.get("error")]
        if errors or any(name == "error" for name, _ in found):
            return "told"
        found = [(name, data) for name, data in found if "novelty" not in str(data)]
        if stream and not any(ENDS[wire.name](name, data) for name, data in found):
            return "no end"
        text = joined(wire, found, "text") if stream else TEXT if TEXT in str(found) else document_text(found[0][1])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unreadable"
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "right" if whole == TEXT else whole if whole in HARD else "other"


HARD = {word for name in EXPECTED for words in EXPECTED[name] for word in words if not word.isascii() or "\x0b" in word}


def document_text(document):
    """Return the text of an answer that is no stream."""
    if isinstance(document, dict):
        for key in ("content", "text"):
            if isinstance(document.get(key), str) and document[key]:
                return document[key]
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return next(filter(None, map(document_text, inner)), "")


@pytest.mark.parametrize("name", sorted(set(EXPECTED) | set(STATUSES)))
@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
async def test_a_fault_happens_once_and_then_all_is_well(name, stream, wire, client):
    async with ScriptedUpstream([fault(name, turn=ScriptedTurn(TEXT)), TEXT]) as upstream:
        if name in STATUSES:
            response = await client.post(
                wire.address(upstream, stream), json=wire.body(stream=stream), headers=wire.headers
            )
            assert response.status_code == STATUSES[name] or (name, wire.name) == ("bad_key", "gemini")
        else:
            assert await read(client, upstream, wire, stream) in EXPECTED[name][stream]
        assert await read(client, upstream, wire, stream) == "right"
        assert [request.answered for request in upstream.requests][-2:] in ([name, "turn"], ["turn"])


@pytest.mark.parametrize("name", sorted(SILENT))
@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
async def test_a_fault_without_an_end_is_ended_by_the_client(name, stream, wire, client):
    came = asyncio.Queue()

    async def go():
        async with client.stream(
            "POST", wire.address(upstream, stream), json=wire.body(stream=stream), headers=wire.headers, timeout=None
        ) as response:
            came.put_nowait("head")
            async for _ in response.aiter_raw():
                came.put_nowait("content")

    async with ScriptedUpstream([fault(name, turn=ScriptedTurn(TEXT)), TEXT]) as upstream:
        task = asyncio.create_task(go())
        if SILENT[name]:
            assert await came.get() == "head"
        if SILENT[name] == "content":
            assert await came.get() == "content"
        if name == "accept_ignore":
            await upstream.until(lambda: upstream.open_connections == 1)
        else:
            await upstream.until(lambda: upstream.count == 1 and upstream.last.answered == name)
            assert not upstream.last.finished
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        await upstream.until(lambda: upstream.open_connections == 0)
        if name != "accept_ignore":
            assert upstream.last.closed_at is not None
        assert await read(client, upstream, wire, stream) == "right"


# the listening socket


async def test_a_closed_port_refuses_and_opens_again(wire, client):
    async with ScriptedUpstream([fault("refuse")]) as upstream:
        port = upstream.port
        assert await read(client, upstream, wire, True) == "ConnectError"
        await upstream.use(TEXT)
        assert upstream.port == port
        assert await read(client, upstream, wire, True) == "right"
        await upstream.use(fault("refuse"))
        assert upstream.open_connections == 0
        assert await read(client, upstream, wire, True) == "ConnectError"


@pytest.mark.parametrize(
    ("name", "options"), [("no_such_fault", {}), ("status_200", {}), ("status_x", {}), ("cut_reset", {"where": 3})]
)
def test_unknown_faults_and_options_are_told(name, options):
    with pytest.raises(ConfigurationError, match=name):
        fault(name, **options)
