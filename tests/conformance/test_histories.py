"""Whatever a provider answered goes back to it and to every other: each stop reason, each kind of part.

The scripted upstream answers in the form of provider A. The message that the gateway makes of it is put into a history
with a next turn of the user, which is sent to provider B; its request has to follow what B's vendor documents, and
everything that is left out has to be named in a notice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from conformance import request_rules
from conformance.faces import gateway_to
from ratatoskr import (
    AudioPart,
    ChatResponse,
    ContentFiltered,
    EmbeddedGateway,
    ImagePart,
    InvalidInput,
    Message,
    ProviderPart,
    ReasoningPart,
    ServerToolCall,
    ServerToolResult,
    TextPart,
    ToolCall,
    dump_messages,
    load_messages,
)
from ratatoskr.testing import ScriptedToolCall, ScriptedTurn, ScriptedUpstream

MODELS = {
    "anthropic": "anthropic:claude-sonnet-4-5",
    "chat_completions": "openai:gpt-4.1",
    "responses": "openai:gpt-5.4",
    "openrouter": "openrouter:anthropic/claude-sonnet-5",
    "gemini": "google:gemini-3-flash",
    "ollama": "ollama:qwen3:4b",
    "compatible": "house:any-model",
    "mistral": "mistral:mistral-large-latest",
}
"""A model for each dialect, and for each kind of host that has rules of its own."""

_check_chat = request_rules.check_chat_completions
CHECKS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "anthropic": request_rules.check_anthropic,
    "chat_completions": request_rules.check_openai,
    "responses": request_rules.check_responses,
    "openrouter": partial(_check_chat, own_members=frozenset({"reasoning", "reasoning_details"})),
    "gemini": request_rules.check_gemini,
    "ollama": request_rules.check_ollama,
    "compatible": partial(_check_chat, own_members=frozenset({"reasoning_content"})),
    "mistral": partial(request_rules.check_mistral, own_members=frozenset({"reasoning_content"})),
}

CUT = '{"path": "a.txt", "text": "once upon'
WRITE = ScriptedToolCall("write", {"path": "a.txt", "é": [1.5]})
KINDS: dict[str, dict[str, Any]] = {
    "text": {"text": "Once upon a time"},
    "nothing": {"text": ""},
    "white space": {"text": "\n\n"},
    "thinking": {"reasoning": "Let me think."},
    "thinking and text": {"reasoning": "Let me think.", "text": "Once"},
    "call": {"tool_calls": [WRITE]},
    "calls and all": {"reasoning": "Hm.", "text": "So:", "tool_calls": [WRITE, ScriptedToolCall("read", {})]},
    "cut call": {"text": "So:", "tool_calls": [ScriptedToolCall("write", CUT)]},
    "cut call behind a whole one": {"tool_calls": [WRITE, ScriptedToolCall("write", CUT)]},
    "blank arguments": {"tool_calls": [ScriptedToolCall("write", " ")]},
    "calls of one id": {"tool_calls": [ScriptedToolCall("write", {}, id="x"), ScriptedToolCall("read", {}, id="x")]},
    "long id": {"tool_calls": [ScriptedToolCall("write", {}, id=f"functions.write:0{'x' * 70}")]},
    "refusal": {"refusal": "I will not."},
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tales"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
OWN_KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "anthropic": {
        "search": {"blocks": [SEARCH, FOUND], "text": "Once"},
        "search that was cut off": {"blocks": [SEARCH]},
        "redacted thinking": {"blocks": [{"type": "redacted_thinking", "data": "cmVk"}]},
        "blank text before a call": {"text": "\n", "tool_calls": [WRITE]},
        "unknown block": {"blocks": [{"type": "novelty", "a": 1}], "text": "Once"},
    },
    "responses": {
        "thinking alone": {"blocks": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "RU5D"}]},
        "picture": {"blocks": [{"type": "image_generation_call", "id": "ig_1", "result": PICTURE}]},
        "search": {"blocks": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}], "text": "Once"},
        "unknown item": {"blocks": [{"type": "novelty", "id": "n_1"}], "text": "Once"},
    },
    "gemini": {
        "picture": {"blocks": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]},
        "sound": {"blocks": [{"inlineData": {"mimeType": "audio/wav", "data": PICTURE}}], "text": "Once"},
        "code": {
            "blocks": [
                {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            ],
            "text": "Once",
        },
    },
}
"""Parts that one provider alone sends."""

STOPS = ("stop", "length", "tool_calls", "content_filter", "refusal", "paused")
FOREIGN = "foreign_state_dropped"
NO_OBJECTS = {"cut call", "cut call behind a whole one", "blank arguments"}
"""Kinds that Gemini and Ollama cannot send: they send arguments as an object, not as text."""

SYSTEM, USER, NEXT = Message.system("Be brief."), Message.user("Write"), Message.user("Go on.")


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
async def gateway(upstream: ScriptedUpstream) -> AsyncIterator[EmbeddedGateway]:
    async with gateway_to(upstream, retries=0) as gateway:
        yield gateway


async def answers(
    gateway: EmbeddedGateway, upstream: ScriptedUpstream, dialect: str
) -> AsyncIterator[tuple[str, str, ChatResponse]]:
    """Yield the answer of each kind with each stop reason, whole or streamed by turns."""
    kinds = KINDS | OWN_KINDS.get(dialect, {})
    for number, (kind, stop) in enumerate((kind, stop) for kind in kinds for stop in STOPS):
        if dialect in ("gemini", "ollama") and kind in NO_OBJECTS:
            continue
        await upstream.use([ScriptedTurn(**kinds[kind], finish=stop)])
        try:
            if number % 2:
                response = await gateway.chat([USER], MODELS[dialect])
            else:
                response = await (await gateway.chat_stream([USER], MODELS[dialect])).collect()
        except ContentFiltered:
            continue  # there is no turn to send back
        yield kind, stop, response


def is_whole(call: ToolCall) -> bool:
    return not call.arguments.strip() or not call.arguments.startswith(CUT)


def unnamed(message: Message, body: Any, response: ChatResponse) -> Iterator[str]:
    """Yield what of a message is neither in the body nor named in a notice."""
    sent = "\n".join(strings(body))
    codes = {notice.code for notice in response.warnings}
    own = any(part.state for part in message.content)
    for part in message.content:
        match part:
            case TextPart(text) if text not in sent and not (text.isspace() and "blank_text_dropped" in codes):
                yield f"text {text!r}"
            case ToolCall(_, name) if name not in sent:
                yield f"call of {name}"
            case ToolCall() if not is_whole(part) and "arguments_replaced" not in codes:
                yield "arguments were replaced"
            case ReasoningPart(text) if text not in sent and not codes & {FOREIGN, "reasoning_dropped"}:
                if not (own and "thoughtSignature" in sent):
                    yield f"thinking {text!r}"
            case ImagePart() | AudioPart() if PICTURE not in sent and not codes & {"media_dropped", FOREIGN}:
                yield part.type
            case ServerToolCall() | ServerToolResult() | ProviderPart():
                if not ({*names(part)} <= {*strings(body)} or codes & {FOREIGN, "server_call_dropped"}):
                    yield part.type


def names(part: ServerToolCall | ServerToolResult | ProviderPart) -> Iterator[str]:
    """Yield the names of the members that a part has on the wire."""
    for data in [part.data] if isinstance(part, ProviderPart) else [state.data for state in part.state]:
        yield from json.loads(data)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("source", MODELS)
async def test_every_answer_goes_back_everywhere(
    source: str, gateway: EmbeddedGateway, upstream: ScriptedUpstream
) -> None:
    wrong: list[str] = []
    tried = 0
    async for kind, stop, answer in answers(gateway, upstream, source):
        message = load_messages(dump_messages([answer.message]))[0]
        results = [call.result("written") for call in message.tool_calls if is_whole(call)]
        history = [SYSTEM, USER, message, *([Message.tool_results(*results)] if results else []), NEXT]
        for target, model in MODELS.items():
            await upstream.use(["hi"])
            response = await gateway.chat(history, model)
            body = json.loads(upstream.requests[-1].raw)
            problems = [*CHECKS[target](body), *unnamed(message, body, response)]
            wrong += [f"{kind}, {stop}, to {target}: {problem}" for problem in problems]
            tried += 1
    assert wrong == []
    assert tried > 8 * 25


@pytest.mark.parametrize("source", MODELS)
async def test_what_has_come_of_a_stream_goes_back_everywhere(
    source: str, gateway: EmbeddedGateway, upstream: ScriptedUpstream
) -> None:
    await upstream.use([ScriptedTurn(**KINDS["calls and all"], deltas=2)])
    async with gateway.chat_stream([USER], MODELS[source]) as stream:
        partial_messages = [stream.partial.message async for _ in stream]
    assert len(partial_messages) > 3
    for message in partial_messages:
        results = [call.result("written") for call in message.tool_calls]
        history = [USER, message, *([Message.tool_results(*results)] if results else []), NEXT]
        for target, model in MODELS.items():
            await upstream.use(["hi"])
            response = await gateway.chat(history, model)
            body = json.loads(upstream.requests[-1].raw)
            assert [*CHECKS[target](body), *unnamed(message, body, response)] == [], target


@pytest.mark.parametrize("source", MODELS)
async def test_a_whole_call_without_a_result_is_refused_by_name(
    source: str, gateway: EmbeddedGateway, upstream: ScriptedUpstream
) -> None:
    async with gateway_to(upstream, retries=0, parameter_policy="drop") as dropping:
        await upstream.use([ScriptedTurn(**KINDS["calls and all"])])
        message = (await gateway.chat([USER], MODELS[source])).message
        for target, model in MODELS.items():
            count = len(upstream.requests)
            with pytest.raises(InvalidInput) as refused:
                await gateway.chat([USER, message, NEXT], model)
            assert refused.value.field is not None
            assert refused.value.field.startswith("messages[1].content[")
            assert repr(message.tool_calls[0].id) in refused.value.message
            assert len(upstream.requests) == count
            await upstream.use(["hi"])
            response = await dropping.chat([USER, message, NEXT], model)
            assert list(CHECKS[target](json.loads(upstream.requests[-1].raw))) == []
            assert [notice.code for notice in response.warnings].count("result_added") == 2


@pytest.mark.parametrize("target", MODELS)
async def test_odd_histories(target: str, gateway: EmbeddedGateway, upstream: ScriptedUpstream) -> None:
    """Histories without a turn of the user, with an answer at the end, and with texts that UTF-8 cannot encode."""
    foreign = Message.assistant([ReasoningPart("Hm.")])
    call = ToolCall("a", "read", '{"a": "\\ud800"}')
    half = [USER, Message.assistant(["a\ud800", call]), Message.tool_results(call.result("b\udfff")), NEXT]
    for history in (
        [SYSTEM],
        [SYSTEM, USER, foreign, NEXT],
        [SYSTEM, foreign, NEXT],
        [USER, NEXT],
        [Message.system(""), USER],
        [Message.user(["", "Write", ""])],
        half,
    ):
        await upstream.use(["hi"])
        await gateway.chat(history, MODELS[target])
        body = json.loads(upstream.requests[-1].raw)
        assert list(CHECKS[target](body)) == [], history
    with pytest.raises(InvalidInput) as refused:
        await gateway.chat([Message.user("a\ud800")], MODELS[target])
    assert refused.value.field == "messages[0].content[0]"
