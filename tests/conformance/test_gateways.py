"""What every gateway does alike, whatever its backend: in this process over HTTP, from a script, blocking or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest
from tests.conformance.faces import FACES, AsyncFace

from ratatoskr import (
    AuthenticationFailed,
    ChatOptions,
    ChatRequest,
    ContentDelta,
    Done,
    GatewayClosed,
    InvalidInput,
    Message,
    Ratatoskr,
    RatatoskrError,
    ReasoningDelta,
    ReasoningPart,
    TextPart,
    ToolCall,
    ToolCallEnd,
)
from ratatoskr.testing import ScriptedGateway, ScriptedToolCall, ScriptedTurn, ScriptedUpstream, fault

MODEL = "openrouter:anthropic/claude-sonnet-5"
TEXT = "Zwischen Ästen – 🐿️ runs,\u2028 up\u0085and down."


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer, or one failure, in the words of either kind of script."""

    text: str = ""
    reasoning: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()
    failed: bool = False

    def scripted(self) -> Any:
        if self.failed:
            return AuthenticationFailed("no", status=401)
        parts: list[Any] = [ReasoningPart(self.reasoning)] if self.reasoning else []
        parts += [TextPart(self.text)] if self.text else []
        return parts + [ToolCall(f"call-{i}", name, _json(arguments)) for i, (name, arguments) in enumerate(self.calls)]

    def upstream(self) -> Any:
        if self.failed:
            return fault("bad_key")
        calls = tuple(ScriptedToolCall(name, arguments) for name, arguments in self.calls)
        return ScriptedTurn(self.text, reasoning=self.reasoning, tool_calls=calls, deltas=4)


def _json(value: Any) -> str:
    import json

    return json.dumps(value)


@asynccontextmanager
async def gateway_of(backend: str, face: str, *turns: Turn) -> AsyncIterator[AsyncFace]:
    """Open a gateway that answers with these turns."""
    if backend == "scripted":
        async with ScriptedGateway(*(turn.scripted() for turn in turns)) as scripted:
            made = FACES[face](scripted)  # type: ignore[arg-type]
            try:
                yield made
            finally:
                await made.gateway.aclose()
        return
    async with ScriptedUpstream([turn.upstream() for turn in turns]) as upstream:
        builder = Ratatoskr.builder().openrouter("sk-x", base_url=upstream.base_url("openrouter")).retries(0)
        gateway = builder.build()
        made = FACES[face](gateway)
        try:
            yield made
        finally:
            await made.gateway.aclose()
            await gateway.aclose()


pytestmark = [
    pytest.mark.parametrize("face", FACES),
    pytest.mark.parametrize("backend", ["embedded", "scripted"]),
]


async def test_it_answers_and_streams_the_same(backend: str, face: str) -> None:
    turn = Turn(TEXT, reasoning="Let me see.")
    async with gateway_of(backend, face, turn, turn) as gateway:
        response = await gateway.call("chat", [Message.system("Be brief."), Message.user("Who?")], MODEL)
        events, streamed = await gateway.stream("Who?", MODEL)
        assert response.content == streamed.content == TEXT
        assert response.reasoning == streamed.reasoning == "Let me see."
        assert response.finish_reason == streamed.finish_reason == "stop"
        assert "".join(e.text for e in events if isinstance(e, ContentDelta)) == TEXT
        assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "Let me see."
        assert [e for e in events if isinstance(e, Done)] == events[-1:]
        assert [a.decision for a in response.attempts] == [a.decision for a in streamed.attempts] == ["answered"]


async def test_tools_make_a_round_trip(backend: str, face: str) -> None:
    def weather(city: str) -> str:
        """Return the weather."""
        return f"rain in {city}"

    calls = Turn(calls=[("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})])
    async with gateway_of(backend, face, calls, calls, Turn("Rain in both.")) as gateway:
        events, response = await gateway.stream("Weather?", MODEL, tools=[weather])
        assert tuple(e.call for e in events if isinstance(e, ToolCallEnd)) == response.tool_calls
        assert response.finish_reason == "tool_calls"
        final, messages = await gateway.call("run_tools", "Weather?", MODEL, tools=[weather])
        assert final.content == "Rain in both."
        assert [message.role for message in messages] == ["assistant", "tool", "assistant"]
        assert [part.text for part in messages[1].content] == ["rain in Oslo", "rain in Rome"]


async def test_the_events_of_every_round_of_tools_are_streamed(backend: str, face: str) -> None:
    def weather(city: str) -> str:
        """Return the weather."""
        return f"rain in {city}"

    async with gateway_of(backend, face, Turn(calls=[("weather", {"city": "Oslo"})]), Turn("Rain.")) as gateway:
        events, stream = await _tool_events(gateway, face, "Weather?", MODEL, tools=[weather])
        assert [event.finish_reason for event in events if isinstance(event, Done)] == ["tool_calls", "stop"]
        assert "".join(event.text for event in events if isinstance(event, ContentDelta)) == "Rain."
        assert [message.role for message in stream.messages] == ["assistant", "tool", "assistant"]
        assert stream.response.text == "Rain."


async def _tool_events(gateway: AsyncFace, face: str, *arguments: Any, **keywords: Any) -> tuple[list[Any], Any]:
    if type(gateway) is not AsyncFace:
        import asyncio

        blocking = gateway.gateway.sync().run_tools_stream(*arguments, **keywords)
        return await asyncio.to_thread(list, blocking), blocking
    stream = gateway.gateway.run_tools_stream(*arguments, **keywords)
    return [event async for event in stream], stream


async def test_output_is_typed_and_prompts_are_continued(backend: str, face: str) -> None:
    class Squirrel(pydantic.BaseModel):
        name: str

    async with gateway_of(backend, face, Turn('{"name": "R"}'), Turn('{"value": [1]}'), Turn("and down")) as gateway:
        assert (await gateway.call("chat", "Who?", MODEL, output=Squirrel)).parsed == Squirrel(name="R")
        assert (await gateway.stream("Which?", MODEL, output=list[int]))[1].parsed == [1]
        assert (await gateway.call("generate", "Up", MODEL)).text == "and down"


async def test_many_are_answered_with_their_errors_among_them(backend: str, face: str) -> None:
    async with gateway_of(backend, face, Turn("one"), Turn(failed=True), Turn("three")) as gateway:
        requests = [ChatRequest((Message.user(text),), options=ChatOptions(MODEL)) for text in "abc"]
        found = dict(await _collect(gateway, face, requests))
        assert sorted(found) == [0, 1, 2]
        assert [type(found[i]).__name__ for i in range(3)] == ["ChatResponse", "AuthenticationFailed", "ChatResponse"]


async def _collect(gateway: AsyncFace, face: str, requests: list[ChatRequest]) -> list[tuple[int, Any]]:
    if type(gateway) is not AsyncFace:
        import asyncio

        return await asyncio.to_thread(lambda: list(gateway.gateway.sync().chat_many(requests, concurrency=1)))
    return [item async for item in gateway.gateway.chat_many(requests, concurrency=1)]


async def test_failures_are_raised_from_calls_and_streams(backend: str, face: str) -> None:
    async with gateway_of(backend, face, Turn(failed=True), Turn(failed=True)) as gateway:
        with pytest.raises(AuthenticationFailed):
            await gateway.call("chat", "Who?", MODEL)
        with pytest.raises(AuthenticationFailed):
            await gateway.stream("Who?", MODEL)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "x", "temperature": 99}, "temperature"),
        ({"messages": "x", "tool_choice": "f"}, "tool_choice"),
        ({"messages": "x", "output": int, "response_format": "json"}, "response_format"),
        ({"messages": "x", "timeout": -1}, "timeout.total"),
    ],
)
async def test_wrong_arguments_are_refused_by_name(
    backend: str, face: str, arguments: dict[str, Any], field: str
) -> None:
    async with gateway_of(backend, face) as gateway:
        for call in (gateway.call("chat", model=MODEL, **arguments), gateway.stream(model=MODEL, **arguments)):
            with pytest.raises(InvalidInput) as caught:
                await call
            assert caught.value.field == field


async def test_a_closed_gateway_refuses_everything(backend: str, face: str) -> None:
    async with gateway_of(backend, face, Turn("x")) as gateway:
        assert (await gateway.call("health")).healthy is True
        assert "chat" in await gateway.call("capabilities")
        await gateway.gateway.aclose()
        for call in (
            gateway.call("chat", "Who?", MODEL),
            gateway.stream("Who?", MODEL),
            gateway.call("generate", "Up", MODEL),
            gateway.call("list_models"),
        ):
            with pytest.raises(GatewayClosed):
                await call


async def test_what_would_be_asked_can_be_explained_without_asking(backend: str, face: str) -> None:
    async with gateway_of(backend, face) as gateway:
        explanation = await gateway.call("explain", MODEL, timeout=5)
        assert explanation.plans
        assert explanation.deadlines["total"] == 5
        with pytest.raises(RatatoskrError):
            await gateway.call("explain", MODEL, [])
