"""Every misbehaviour happens as its row says, in every dialect, at once and in streams, as a plain client sees it."""

from __future__ import annotations

import asyncio
import json
import zlib
from email.utils import parsedate_to_datetime

import httpx
import pytest

from ratatoskr._core import check_depth
from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import FAULTS, ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import ENDS, WIRES, joined

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

DOORS = {name for name, row in FAULTS.items() if row.listener}
STATUSES = {
    name: row.options["status"] for name, row in FAULTS.items() if "status" in row.options and name not in EXPECTED
} | {"no_content": 204}


def test_every_fault_has_an_expectation_here():
    told = set(EXPECTED) | set(SILENT) | DOORS | set(STATUSES)
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


@pytest.mark.parametrize("ending", ["reset", "end", "clean"])
@pytest.mark.parametrize("stream", [False, True], ids=["call", "stream"])
async def test_a_body_is_cut_at_any_byte(ending, stream, wire, client):
    async with ScriptedUpstream(TEXT) as upstream:
        address, body = wire.address(upstream, stream), wire.body(stream=stream)
        whole = (await client.post(address, json=body, headers=wire.headers)).content
        for at in (0, 1, 57, len(whole) - 1, -1, len(whole)):
            await upstream.use([fault(f"cut_{ending}", at=at, turn=ScriptedTurn(TEXT))])
            content = b""
            try:
                async with client.stream("POST", address, json=body, headers=wire.headers) as response:
                    async for chunk in response.aiter_raw():
                        content += chunk
            except httpx.HTTPError:
                assert ending != "clean"
            else:
                assert ending == "clean" or (not stream and at == len(whole))
            # ids differ from answer to answer, lengths do not
            assert len(content) == (at if at >= 0 else len(whole) + at)
            assert upstream.last.sent == len(content)


async def test_a_stream_is_cut_after_so_many_events(client):
    wire = WIRES["anthropic"]
    async with ScriptedUpstream([fault("cut_clean", events=3, turn=ScriptedTurn(TEXT))]) as upstream:
        response = await client.post(wire.address(upstream), json=wire.body(stream=True), headers=wire.headers)
    assert [name for name, _ in wire.events(response.content)] == ["message_start", "content_block_start", "ping"]


@pytest.mark.parametrize("status", [*range(300, 600, 7), 304, 404, 429, 529, 599])
async def test_any_status_comes_with_a_body_in_the_dialect(status, wire, ask):
    async with ScriptedUpstream([fault(f"status_{status}", message="So it is.")]) as upstream:
        response = await ask(upstream, wire)
    assert response.status_code == status
    if status != 304:
        assert "So it is." in str(response.json()["error"])


HINTS = {
    "rate_limited_seconds": "1",
    "rate_limited_fraction": "0.25",
    "rate_limited_zero": "0",
    "rate_limited_garbage": "soon, dear",
    "rate_limited_negative": "-5",
    "rate_limited_infinite": "inf",
    "rate_limited_nan": "nan",
    "rate_limited_huge": "1000000000",
    "rate_limited_empty": "",
    "rate_limited_twice": "1, 2",
    "rate_limited_past_date": None,
    "rate_limited_date": None,
    "rate_limited_ms": None,
    "rate_limited_hint": None,
}


@pytest.mark.parametrize("name", [name for name in FAULTS if name.startswith("rate_limited_")])
async def test_hints_when_to_come_back(name, wire, ask):
    async with ScriptedUpstream([fault(name)]) as upstream:
        response = await ask(upstream, wire)
    hint = response.headers.get("retry-after")
    if name == "rate_limited_hint":
        if wire.name == "gemini":
            assert hint is None
            assert response.json()["error"]["details"][0]["retryDelay"] == "1.500000000s"
        elif wire.name in {"anthropic", "ollama"}:
            assert hint == "1.5"
        else:
            assert response.headers["x-ratelimit-reset-requests"] == "1.5s"
        return
    if name == "rate_limited_ms":
        assert response.headers["retry-after-ms"] == "150"
    elif name.endswith("date"):
        assert parsedate_to_datetime(hint).tzinfo is not None
    else:
        assert hint == HINTS[name]


@pytest.mark.parametrize(
    ("name", "status"), [("error_in_200", 529), ("error_in_stream", 429), ("overloaded", 529), ("quota_exhausted", 429)]
)
async def test_errors_say_what_they_are_about(name, status, ask):
    kind = {"kind": "rate_limit", "status": status} if status == 429 and "stream" in name else {}
    said = {
        "chat": {529: "overloaded", 429: "rate_limit_exceeded"},
        "anthropic": {529: "overloaded_error", 429: "rate_limit_error"},
    }
    for wire in said:
        async with ScriptedUpstream([fault(name, **kind)]) as upstream:
            response = await ask(upstream, WIRES[wire], stream=True)
        word = "insufficient_quota" if (name, wire) == ("quota_exhausted", "chat") else said[wire][status]
        assert f'"{word}"' in response.text


async def test_a_redirect_leads_to_another_host_where_it_would_work(wire, client):
    async with ScriptedUpstream([fault("redirect_307")]) as upstream:
        address = wire.address(upstream)
        response = await client.post(address, json=wire.body(), headers=wire.headers)
        assert response.headers["location"] == address.replace("127.0.0.1", "localhost")
        followed = await client.post(response.headers["location"], json=wire.body(), headers=wire.headers)
        assert followed.status_code == 200


async def test_what_is_spoiled_can_be_scripted(ask):
    turn = ScriptedTurn(tool_calls=[ScriptedToolCall("look", '{"at": "the')])
    async with ScriptedUpstream([fault("no_end", turn=turn)]) as upstream:
        response = await ask(upstream, WIRES["chat"], stream=True)
    assert "look" in response.text
    assert "[DONE]" not in response.text


async def test_a_huge_line_has_its_size(client):
    async with ScriptedUpstream([fault("huge_line", size=300_000)]) as upstream:
        wire = WIRES["chat"]
        response = await client.post(wire.address(upstream), json=wire.body(stream=True))
    assert 300_000 <= max(map(len, response.content.split(b"\n"))) < 400_000


@pytest.mark.parametrize(("name", "layers"), [("gzip_bomb", 1), ("gzip_bomb_stacked", 2)])
async def test_a_bomb_is_small_and_unpacks_to_its_size(name, layers, client):
    size = 8 * 1024 * 1024
    async with ScriptedUpstream([fault(name, size=size)]) as upstream:
        wire = WIRES["chat"]
        async with client.stream("POST", wire.address(upstream), json=wire.body()) as response:
            content = b"".join([chunk async for chunk in response.aiter_raw()])
    assert len(content) < 20_000
    for _ in range(layers - 1):
        content = zlib.decompressobj(31).decompress(content)
    assert len(zlib.decompressobj(-15).decompress(content[10:])) == size


# the door


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


async def test_a_full_backlog_never_makes_the_connection(upstream):
    await upstream.use(fault("never_accept"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.open_connection("127.0.0.1", upstream.port)
    await upstream.use(TEXT)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert await read(client, upstream, WIRES["chat"], False) == "right"


async def test_a_door_that_nobody_knows_is_a_wrong_configuration():
    with pytest.raises(ConfigurationError, match="no TLS context named 'expired'"):
        async with ScriptedUpstream([fault("tls_expired")]):
            pass


@pytest.mark.parametrize(
    ("name", "options"), [("no_such_fault", {}), ("status_200", {}), ("status_x", {}), ("cut_reset", {"where": 3})]
)
def test_unknown_faults_and_options_are_told(name, options):
    with pytest.raises(ConfigurationError, match=name):
        fault(name, **options)
