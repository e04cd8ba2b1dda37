"""The upstream follows its script, refuses what a provider refuses, and remembers what it saw."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from ratatoskr.testing import Reply, ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault
from unit.testing.wires import WIRES, document_text, joined

CHAT = WIRES["chat"]
DIALECT = dict.fromkeys(("chat", "openrouter", "huggingface"), "chat_completions")


async def test_steps_are_taken_in_order_and_then_it_answers_sensibly(ask):
    script = ["one", ScriptedTurn("two"), lambda request: f"three: {request.asked.prompt}", fault("overloaded")]
    async with ScriptedUpstream(script) as upstream:
        answers = [document_text(await ask(upstream, CHAT)) for _ in range(3)]
        failed = await ask(upstream, CHAT)
        last = await ask(upstream, CHAT, prompt="Moin")
    assert answers == ["one", "two", "three: Hi"]
    assert failed.status_code == 529
    assert "Moin" in document_text(last)
    assert [request.answered for request in upstream.requests] == ["turn", "turn", "turn", "overloaded", "default"]


async def test_one_step_alone_serves_for_ever(ask):
    async with ScriptedUpstream("same") as upstream:
        assert [document_text(await ask(upstream, CHAT)) for _ in range(3)] == ["same"] * 3


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
        assert document_text(await ask(upstream, CHAT)) == "old"
        await upstream.use(["new"])
        assert document_text(await ask(upstream, CHAT)) == "new"


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


async def test_many_at_once_leave_nothing_behind(tls):
    before = len(asyncio.all_tasks())
    async with (
        ScriptedUpstream() as upstream,
        httpx.AsyncClient(timeout=60, trust_env=False, verify=tls, limits=httpx.Limits(max_connections=50)) as client,
    ):
        posts = [client.post(CHAT.address(upstream), json=CHAT.body(str(n), stream=True)) for n in range(200)]
        for number, response in enumerate(await asyncio.gather(*posts)):
            assert joined(CHAT, CHAT.events(response.content), "text").endswith(f": {number}")
    assert upstream.open_connections == 0
    assert len(asyncio.all_tasks()) == before


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


async def test_what_is_missing_is_refused(wire, client, upstream):
    response = await client.post(wire.address(upstream), json={}, headers=wire.headers)
    assert response.status_code == 400
    assert "error" in response.json()
    response = await client.post(wire.address(upstream), content=b"{oops", headers=wire.headers)
    assert response.status_code == 400
