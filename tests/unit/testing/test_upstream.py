"""The upstream follows its script, refuses what a provider refuses, and remembers what it saw."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from ratatoskr.testing import Reply, ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from ratatoskr.testing.dialects.dialect import IdSequence
from ratatoskr.testing.routes import DIALECTS
from unit.testing.wires import ENDS, WIRES, joined

CHAT = WIRES["chat"]
DIALECT = dict.fromkeys(("chat", "openrouter", "huggingface"), "chat_completions")


def text_of(response):
    return response.json()["choices"][0]["message"]["content"]


async def test_steps_are_taken_in_order_and_then_it_answers_sensibly(ask):
    script = ["one", ScriptedTurn("two"), lambda request: f"three: {request.asked.prompt}", fault("overloaded")]
    async with ScriptedUpstream(script) as upstream:
        answers = [text_of(await ask(upstream, CHAT)) for _ in range(3)]
        failed = await ask(upstream, CHAT)
        last = await ask(upstream, CHAT, prompt="Moin")
    assert answers == ["one", "two", "three: Hi"]
    assert failed.status_code == 529
    assert "Moin" in text_of(last)
    assert [request.answered for request in upstream.requests] == ["turn", "turn", "turn", "overloaded", "default"]


async def test_one_step_alone_serves_for_ever(ask):
    async with ScriptedUpstream("same") as upstream:
        assert [text_of(await ask(upstream, CHAT)) for _ in range(3)] == ["same"] * 3


async def test_a_fault_comes_as_often_as_it_says(ask):
    async with ScriptedUpstream([fault("overloaded", times=2), "well"]) as upstream:
        assert [(await ask(upstream, CHAT)).status_code for _ in range(4)] == [529, 529, 200, 200]
    async with ScriptedUpstream(fault("overloaded", times=None)) as upstream:
        assert [(await ask(upstream, CHAT)).status_code for _ in range(4)] == [529] * 4


async def test_each_provider_may_have_a_script_of_its_own(ask):
    script = {"openai": [fault("server_error")], "anthropic": ["from the tree"]}
    async with ScriptedUpstream(script) as upstream:
        assert (await ask(upstream, WIRES["anthropic"])).json()["content"][0]["text"] == "from the tree"
        assert (await ask(upstream, CHAT)).status_code == 500
        assert (await ask(upstream, WIRES["ollama"])).status_code == 200


async def test_a_function_may_wait_and_may_answer_with_anything(ask):
    async def decide(request):
        await asyncio.sleep(0)
        return ScriptedToolCall("look", {"at": request.asked.model})

    async with ScriptedUpstream(decide) as upstream:
        message = (await ask(upstream, CHAT)).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":"some-model"}'}


async def test_a_response_made_by_hand_goes_out_as_it_is(ask):
    made = Reply(418, {"x-tea": "pot"}, [b"short ", b"and stout"])
    async with ScriptedUpstream([made]) as upstream:
        response = await ask(upstream, CHAT)
    assert (response.status_code, response.headers["x-tea"], response.text) == (418, "pot", "short and stout")


async def test_a_mistake_in_a_script_reaches_the_test(ask):
    with pytest.raises(ZeroDivisionError):
        async with ScriptedUpstream(lambda request: 1 // 0) as upstream:
            assert (await ask(upstream, CHAT)).status_code == 500


async def test_use_replaces_the_script(ask):
    async with ScriptedUpstream(["old", "old"]) as upstream:
        assert text_of(await ask(upstream, CHAT)) == "old"
        await upstream.use(["new"])
        assert text_of(await ask(upstream, CHAT)) == "new"


async def test_a_request_is_remembered(ask, upstream):
    await ask(upstream, CHAT, headers={"X-Twice": "1"}, prompt="Grüße")
    seen = upstream.last
    assert (seen.method, seen.path, seen.provider, seen.dialect) == (
        "POST",
        "/v1/chat/completions",
        "openai",
        "chat_completions",
    )
    assert seen.headers["x-twice"] == "1"
    assert seen.json["messages"][0]["content"] == "Grüße"
    assert json.loads(seen.raw) == seen.json
    assert seen.finished
    assert seen.closed_at is None
    assert seen.sent > 0


async def test_it_forgets_what_it_may_not_keep(ask):
    async with ScriptedUpstream(keep=3) as upstream:
        for number in range(10):
            await ask(upstream, CHAT, prompt=str(number))
        assert upstream.count == 10
        assert len(upstream.requests) <= 6
        assert upstream.last.asked.prompt == "9"


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
    assert "in pieces" in text_of(response)


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


TURNS = {
    "text": ScriptedTurn("Hello, you."),
    "thinking": ScriptedTurn("Hello.", reasoning="They greet."),
    "calls": ScriptedTurn(tool_calls=[ScriptedToolCall("look", {"at": "it"})]),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
async def test_a_response_knows_where_content_and_end_begin(wire, turn):
    """Faults are placed by these two."""
    dialect = DIALECTS[DIALECT.get(wire.name, wire.name)]
    path = "/models/m:streamGenerateContent" if wire.name == "gemini" else wire.path
    request = dialect.parse(wire.provider, path, "alt=sse", {"anthropic-version": "2023-06-01"}, wire.body(stream=True))
    reply = dialect.reply(turn, request, IdSequence())

    def has_content(count):
        events = b"".join(reply.events[:count]).decode()
        said = [text for text in ("Hello", "They greet", "look", "Hel", "Th") if text in events]
        return bool(said)

    thinking_is_hidden = wire.name == "chat" and turn.reasoning
    assert has_content(reply.first + 1) or thinking_is_hidden
    assert reply.first <= reply.last < len(reply.events)
    assert not has_content(reply.first) or wire.name == "responses"
    told = [(number, *one) for number, event in enumerate(reply.events) for one in wire.events(event)]
    ends = [number for number, name, data in told if ENDS[wire.name](name, data)]
    assert ends
    assert all(n >= reply.last for n in ends)


async def test_a_head_is_sent_without_a_body(client, upstream):
    root = f"http://127.0.0.1:{upstream.port}/"
    for _ in range(2):
        response = await client.head(root)
        assert (response.status_code, response.content) == (200, b"")
    assert (await client.get(root)).text == "Ollama is running"
    assert upstream.connections == 1


async def test_many_at_once_leave_nothing_behind(tls):
    before = len(asyncio.all_tasks())
    async with (
        ScriptedUpstream() as upstream,
        httpx.AsyncClient(trust_env=False, verify=tls, limits=httpx.Limits(max_connections=50)) as client,
    ):
        posts = [client.post(CHAT.address(upstream), json=CHAT.body(str(n), stream=True)) for n in range(200)]
        for number, response in enumerate(await asyncio.gather(*posts)):
            assert joined(CHAT, CHAT.events(response.content), "text").endswith(f": {number}")
    assert upstream.open_connections == 0
    assert len(asyncio.all_tasks()) == before


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


# what a provider refuses

REFUSALS = {
    "chat": ("error.code", "invalid_api_key", 401),
    "openrouter": ("error.code", 401, 401),
    "huggingface": ("error", "Incorrect API key provided.", 401),
    "responses": ("error.code", "invalid_api_key", 401),
    "anthropic": ("error.type", "authentication_error", 401),
    "gemini": ("error.details", "API_KEY_INVALID", 400),
}
KEYS = {"gemini": lambda key: {"x-goog-api-key": key}, "anthropic": lambda key: {"x-api-key": key}}


async def test_keys_are_asked_for(wire, ask):
    carry = KEYS.get(wire.name, lambda key: {"authorization": f"Bearer {key}"})
    async with ScriptedUpstream(require_key="the-key") as upstream:
        good = await ask(upstream, wire, headers=carry("the-key"))
        bad = await ask(upstream, wire, headers=carry("another"))
        none = await ask(upstream, wire)
    assert good.status_code == 200
    if wire.name == "ollama":
        assert bad.status_code == none.status_code == 200
        return
    place, value, status = REFUSALS[wire.name]
    found = bad.json()
    for step in place.split("."):
        found = found[step]
    assert bad.status_code == status
    assert str(value) in str(found)
    assert none.status_code == (403 if wire.name == "gemini" else 401)


@pytest.mark.parametrize("provider", ["openai", "openrouter", "anthropic", "google", "ollama", "huggingface"])
async def test_unknown_addresses_are_refused_in_the_dialect(provider, client, upstream):
    response = await client.post(f"http://127.0.0.1:{upstream.port}/{provider}/v1/nowhere", json={})
    assert response.status_code == 404
    assert "error" in response.json()
    assert upstream.last.answered == "refused"


async def test_what_is_missing_is_refused(wire, client, upstream):
    response = await client.post(wire.address(upstream), json={}, headers=wire.headers)
    assert response.status_code == 400
    assert "error" in response.json()
    response = await client.post(wire.address(upstream), content=b"{oops", headers=wire.headers)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("headers", "more", "told"),
    [
        ({}, {}, "anthropic-version"),
        ({"anthropic-version": "2023-06-01"}, {"max_tokens": None}, "max_tokens: Field required"),
        ({"anthropic-version": "2026-10-21"}, {"temperature": 1}, "temperature: Extra inputs are not permitted"),
    ],
)
async def test_anthropic_insists_on_its_version_and_max_tokens(client, upstream, headers, more, told):
    wire = WIRES["anthropic"]
    response = await client.post(wire.address(upstream), json=wire.body(**more), headers=headers)
    assert response.status_code == 400
    assert told in response.json()["error"]["message"]


LISTS = {
    "openai": ("/models", "data", "id"),
    "openrouter": ("/models", "data", "id"),
    "anthropic": ("/v1/models", "data", "id"),
    "google": ("/v1beta/models", "models", "name"),
    "ollama": ("/api/tags", "models", "name"),
    "huggingface": ("/models", "data", "id"),
    "compatible": ("/models", "data", "id"),
}


@pytest.mark.parametrize("provider", list(LISTS))
async def test_models_are_listed(provider, client):
    path, key, name = LISTS[provider]
    headers = {"anthropic-version": "2023-06-01"} if provider == "anthropic" else {}
    async with ScriptedUpstream(["not used up"], models={provider: ["some/name"]}) as upstream:
        response = await client.get(upstream.base_url(provider) + path, headers=headers)
    assert [one[name].removeprefix("models/") for one in response.json()[key]] == ["some/name"]
    assert upstream.last.provider == provider


async def test_tokens_are_counted_and_ollama_says_who_it_is(client, upstream):
    root = f"http://127.0.0.1:{upstream.port}"
    assert (await client.get(root + "/")).text == "Ollama is running"
    assert "version" in (await client.get(root + "/api/version")).json()
    counted = await client.post(root + "/v1/messages/count_tokens", json=WIRES["anthropic"].body())
    assert counted.json()["input_tokens"] > 0


async def test_what_is_no_http_is_refused(upstream):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(garbage)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        await writer.wait_closed()
    assert upstream.count == 0


def test_blocking_code_has_it_in_a_thread():
    with ScriptedUpstream.in_thread(["Hello"]) as upstream, httpx.Client(trust_env=False) as client:
        response = client.post(CHAT.address(upstream), json=CHAT.body())
        upstream.until(lambda: upstream.open_connections == 1)
        assert text_of(response) == "Hello"
        assert upstream.last.asked.prompt == "Hi"
        upstream.use(["Again"])
        assert text_of(client.post(CHAT.address(upstream), json=CHAT.body())) == "Again"
        assert upstream.count == len(upstream.requests) == 2
