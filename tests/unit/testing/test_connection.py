"""Connections of the upstream: keep-alive, pipelining, chunks, early closes, back-pressure."""

from __future__ import annotations

import asyncio
import json

from ratatoskr.testing import ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import WIRES, document_text

CHAT = WIRES["chat"]


async def test_a_connection_is_used_again(ask, upstream):
    for _ in range(5):
        await ask(upstream, CHAT)
    assert upstream.connections == 1
    assert upstream.open_connections == 1


async def test_a_body_in_chunks_is_read(client, upstream):
    async def body():
        yield b'{"model": "m", "messages": [{"role"'
        yield b': "user", "content": "in pieces"}]}'

    response = await client.post(CHAT.address(upstream), content=body())
    assert "in pieces" in document_text(response)


async def test_two_requests_at_once_on_one_connection_are_answered_in_order(upstream):
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    for prompt in ("first", "second"):
        body = json.dumps(CHAT.body(prompt)).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    for prompt in (b"first", b"second"):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(dict(line.split(b": ") for line in head.split(b"\r\n")[1:-2])[b"content-length"])
        assert prompt in await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()


async def test_a_close_in_mid_stream_is_seen(client):
    async with ScriptedUpstream(ScriptedTurn("a b c d", gated=True)) as upstream:
        upstream.release(2)
        async with client.stream("POST", CHAT.address(upstream), json=CHAT.body(stream=True)) as response:
            await anext(response.aiter_bytes())
            assert not upstream.last.finished
            await response.aclose()
        await upstream.until(lambda: upstream.open_connections == 0)
        assert upstream.last.closed_at > upstream.last.started_at
        assert not upstream.last.finished


async def test_gated_events_come_one_by_one(client):
    turn = ScriptedTurn(["one ", "two ", "three"], gated=True)
    async with (
        ScriptedUpstream(turn) as upstream,
        client.stream("POST", WIRES["ollama"].address(upstream), json=WIRES["ollama"].body(stream=True)) as response,
    ):
        lines = response.aiter_lines()
        for word in turn.text:
            upstream.release()
            assert json.loads(await anext(lines))["message"]["content"] == word
        assert not upstream.last.finished
        upstream.release()
        assert json.loads(await anext(lines))["done"]
    assert upstream.last.finished


async def test_every_event_is_a_chunk_of_its_own():
    async with ScriptedUpstream(ScriptedTurn(["a", "b"])) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        body = json.dumps(CHAT.body(stream=True)).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"\r\n\r\n")
        chunks = []
        while size := int(await reader.readline(), 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        writer.close()
        await writer.wait_closed()
    assert len(chunks) == 5
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in chunks)


async def test_a_head_is_sent_without_a_body(client, upstream):
    root = f"http://127.0.0.1:{upstream.port}/"
    for _ in range(2):
        response = await client.head(root)
        assert (response.status_code, response.content) == (200, b"")
    assert (await client.get(root)).text == "Ollama is running"
    assert upstream.connections == 1


async def test_a_reader_that_stops_stops_the_upstream():
    async with ScriptedUpstream(fault("endless_line")) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, limit=1024)
        body = json.dumps(CHAT.body(stream=True)).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.readuntil(b"\r\n\r\n")
        sent = -1
        while sent != upstream.last.sent:  # until the buffers between us are full
            sent = upstream.last.sent
            for _ in range(100):
                await asyncio.sleep(0)
        assert sent < 64 * 1024 * 1024
        writer.transport.abort()
        await upstream.until(lambda: upstream.open_connections == 0)


async def test_what_is_no_http_is_refused(upstream):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(garbage)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await writer.wait_closed()
    assert upstream.count == 0
