"""Recordings are played over real HTTP: whole, cut anew at random, cut short."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recordings
from ratatoskr._core import SseParser
from ratatoskr.errors import ConfigurationError
from ratatoskr.testing import Replay, ScriptedUpstream, load_recordings
from ratatoskr.testing.replay import body_of

STREAM = "".join(f'event: e\ndata: {{"n": {n}, "text": "Grüße 🐿️"}}\n\n' for n in range(5))
SSE = {
    "id": "made-up",
    "provider": "anthropic",
    "tags": ["stream"],
    "response": {"status": 200, "headers": {"Content-Type": "text/event-stream", "X-A": "b"}, "framing": "sse"},
}
SSE["response"]["body_text"] = STREAM
JSON = {"provider": "openai", "response": {"status": 429, "headers": {"retry-after": "3"}, "body": {"error": {"a": 1}}}}
TEXT = {"provider": "openai", "response": {"status": 502, "headers": {}, "body": "<html>"}}
PAYLOADS = {"response": {"framing": "payload_lines", "payloads": [{"type": "a", "n": 1}, {"n": 2}, "three"]}}


async def test_recordings_are_played_in_order_whatever_is_asked(client):
    async with ScriptedUpstream(Replay([SSE, JSON, TEXT, PAYLOADS])) as upstream:
        stream, error, page, payloads = [
            await client.post(upstream.base_url("openai") + "/anywhere", content=b"anything") for _ in range(4)
        ]
    assert (stream.status_code, stream.text) == (200, STREAM)
    assert (stream.headers["content-type"], stream.headers["x-a"]) == ("text/event-stream", "b")
    assert stream.headers["transfer-encoding"] == "chunked"
    assert (error.status_code, error.json(), error.headers["retry-after"]) == (429, {"error": {"a": 1}}, "3")
    assert error.headers["content-type"] == "application/json"
    assert (page.status_code, page.text, page.headers["content-type"]) == (502, "<html>", "text/plain")
    assert payloads.text == 'event: a\ndata: {"type":"a","n":1}\n\ndata: {"n":2}\n\ndata: three\n\n'
    assert [request.answered for request in upstream.requests] == ["replay"] * 4


async def test_when_all_are_played_the_test_hears_of_it(client):
    upstream = ScriptedUpstream(Replay([SSE]))
    await upstream.start()
    assert (await client.post(upstream.base_url("openai"))).status_code == 200
    assert (await client.post(upstream.base_url("openai"))).status_code == 500
    with pytest.raises(LookupError, match="all 1 recordings"):
        await upstream.aclose()


async def test_they_are_played_again_if_wanted(client):
    async with ScriptedUpstream(Replay([SSE, JSON], repeat=True)) as upstream:
        statuses = [(await client.post(upstream.base_url("openai"))).status_code for _ in range(5)]
    assert statuses == [200, 429, 200, 429, 200]


@given(seed=st.integers(0, 1000), cuts=st.integers(0, 60))
def test_cuts_change_the_pieces_and_never_the_bytes(seed, cuts):
    replay = Replay([SSE], seed=seed, cuts=cuts)
    pieces = replay.reply(SSE).events
    assert b"".join(pieces) == STREAM.encode()
    assert len(pieces) == cuts + 1
    assert all(pieces)
    assert Replay([SSE], seed=seed, cuts=cuts).reply(SSE).events == pieces


async def test_each_piece_is_a_chunk_of_its_own():
    async with ScriptedUpstream(Replay([SSE], cuts=30)) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(b"POST / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        chunks = 0
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
            chunks += 1
        writer.close()
        await writer.wait_closed()
    assert chunks == 31


@pytest.mark.parametrize("ending", ["reset", "end", "clean"])
@pytest.mark.parametrize("recording", [SSE, JSON], ids=["stream", "document"])
@pytest.mark.parametrize("at", [0, 1, 10, -1, -3])
async def test_a_body_ends_at_a_byte(ending, recording, at, client):
    body, _ = body_of(recording)
    content = b""
    async with ScriptedUpstream(Replay([recording], at=at, ending=ending, cuts=5)) as upstream:
        try:
            async with client.stream("POST", upstream.base_url("openai")) as response:
                async for chunk in response.aiter_raw():
                    content += chunk
        except httpx.HTTPError:
            assert ending != "clean"
        else:
            assert ending == "clean"
    assert content == body[:at]


def test_recordings_are_loaded_from_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.json").write_text(json.dumps(SSE))
    (tmp_path / "a.json").write_text(json.dumps(JSON))
    (tmp_path / "c.json").write_text('{"cases": []}')
    (tmp_path / "d.txt").write_text("no recording")
    assert load_recordings(tmp_path) == [JSON, SSE]
    assert load_recordings(tmp_path, provider="anthropic") == [SSE]
    assert load_recordings(tmp_path, tags=["stream"]) == [SSE]
    with pytest.raises(ConfigurationError, match="is not a folder"):
        load_recordings(tmp_path / "nowhere")


@recordings.needed
async def test_real_recordings_come_out_as_they_went_in(client):
    """All streams, cut in 20 random places each: the same events, and the same bytes."""
    found = [one for one in load_recordings(recordings.FOLDER) if "body_text" in one["response"]]
    assert len(found) > 50
    async with ScriptedUpstream(Replay(found, seed=11, cuts=20)) as upstream:
        for recording in found:
            wanted = recording["response"]["body_text"].encode()
            framing = recording["response"]["framing"]
            parser, events, content = SseParser(framing), [], b""
            async with client.stream("POST", upstream.base_url("openai")) as response:
                async for chunk in response.aiter_raw():
                    content += chunk
                    events += parser.feed(chunk)
            whole = SseParser(framing)
            assert content == wanted
            assert events + parser.finish() == whole.feed(wanted) + whole.finish()
