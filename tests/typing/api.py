"""Never run: what a type checker has to make of the public names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_never, assert_type

import pydantic

from ratatoskr import (
    ChatEvent,
    ChatResponse,
    ChatStream,
    CitationDelta,
    ContentDelta,
    Device,
    Done,
    Embed,
    EmbeddedGateway,
    Embedding,
    Embeddings,
    Message,
    ModelGateway,
    OutputInvalid,
    Part,
    ProviderEvent,
    Ratatoskr,
    RatatoskrError,
    ReasoningDelta,
    SyncChatStream,
    SyncGateway,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageEvent,
)


class Answer(pydantic.BaseModel):
    """A typed answer."""

    text: str


def tool(city: str) -> str:
    """Be a tool."""
    return city


async def gateways(gateway: EmbeddedGateway, blocking: SyncGateway) -> None:
    """Types follow from `output`."""
    assert_type(await gateway.chat("Hi", "m"), ChatResponse[None])
    assert_type(await gateway.chat("Hi", "m", output=Answer), ChatResponse[Answer])
    assert_type((await gateway.chat("Hi", "m", output=Answer)).parsed, Answer)
    assert_type((await gateway.chat("Hi", "m", output=list[int])).parsed, list[int])
    assert_type(gateway.chat_stream("Hi", "m"), ChatStream[None])
    assert_type(gateway.chat_stream("Hi", "m", output=Answer), ChatStream[Answer])
    assert_type(blocking.chat("Hi", "m", output=Answer).parsed, Answer)
    assert_type(blocking.chat_stream("Hi", "m", output=Answer), SyncChatStream[Answer])
    async with gateway.chat_stream("Hi", "m", output=Answer) as stream:
        assert_type((await stream.collect()).parsed, Answer)


async def tools(gateway: EmbeddedGateway, blocking: SyncGateway) -> None:
    """The loop of tools gives the last response and the new messages."""
    response, messages = await gateway.run_tools("Hi", "m", tools=[tool], max_rounds=3)
    assert_type(response, ChatResponse[None])
    assert_type(messages, tuple[Message, ...])
    typed, _ = await gateway.run_tools("Hi", "m", tools=[tool], output=Answer, retries_on_invalid=2)
    assert_type(typed.parsed, Answer)
    assert_type(blocking.run_tools("Hi", "m", tools=[tool], output=Answer)[0].parsed, Answer)
    async with gateway.run_tools_stream("Hi", "m", tools=[tool], output=Answer) as stream:
        async for event in stream:
            assert_type(event, ChatEvent)
        assert_type(stream.response.parsed, Answer)
        assert_type(stream.messages, tuple[Message, ...])
    assert_type(blocking.run_tools_stream("Hi", "m", tools=[tool]).response, ChatResponse[None])


async def many(gateway: EmbeddedGateway, blocking: SyncGateway) -> None:
    """Each outcome is a response of the output's type, or an error."""
    assert_type(
        gateway.chat_many(["Hi"], "m", output=Answer, retries_on_invalid=1),
        AsyncIterator[tuple[int, ChatResponse[Answer] | RatatoskrError]],
    )
    assert_type(
        blocking.chat_many(["Hi"], "m", ordered=True), Iterator[tuple[int, ChatResponse[None] | RatatoskrError]]
    )
    for _, outcome in blocking.chat_many(["Hi"], "m", output=list[int]):
        if not isinstance(outcome, RatatoskrError):
            assert_type(outcome.parsed, list[int])


async def messages(gateway: EmbeddedGateway) -> None:
    """Dicts in the form of Chat Completions are messages, beside `Message`s."""
    history: list[Message | dict[str, Any]] = [{"role": "user", "content": "Hi"}]
    response = await gateway.chat(history, "m")
    history.append(response.message)
    await gateway.chat([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "m")
    await gateway.chat({"role": "user", "content": "Hi"}, "m")
    assert_type(response.text, str)
    await gateway.chat([3], "m")  # type: ignore[list-item]


def invalid(error: OutputInvalid) -> str:
    """The response is there."""
    return error.response.text


async def arguments(gateway: EmbeddedGateway) -> None:
    """Wrong arguments are seen."""
    await gateway.chat("Hi", "m", tools=[tool], temperature=0.5, reasoning="high", stop=["x"])
    await gateway.chat("Hi", ["a", "b"], timeout=3)
    await gateway.chat("Hi", "m", tools=[[tool]])  # type: ignore[list-item]
    await gateway.chat("Hi", "m", temprature=1)  # type: ignore[call-overload]
    await gateway.chat("Hi", "m", reasoning="hard")  # type: ignore[call-overload]
    await gateway.chat("Hi", "m", output={"type": "object"})  # type: ignore[call-overload]
    await gateway.chat("Hi", "m", retries_on_invalid=1)  # type: ignore[call-overload]
    gateway.chat_stream("Hi", "m", output=Answer, retries_on_invalid=1)  # type: ignore[call-overload]


def events(event: ChatEvent) -> str:
    """A match over all events is exhaustive."""
    match event:
        case ContentDelta(text) | ReasoningDelta(text):
            return text
        case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
            return str(event.index)
        case CitationDelta() | ProviderEvent() | UsageEvent():
            return event.type
        case Done(finish_reason):
            return finish_reason
        case _:
            assert_never(event)


def parts(part: Part) -> str | None:
    """The type's word tells the class."""
    if part.type == "text_part":
        return part.text
    if part.type == "tool_call":
        return part.arguments
    return None


async def vectors(gateway: EmbeddedGateway, blocking: SyncGateway) -> None:
    """Embedding has one shape on both faces."""
    assert_type(await gateway.embed("Hi", "m"), Embedding)
    assert_type(await gateway.embed_batch(["Hi"], "m", input_type="query", dimensions=3, timeout=2), Embeddings)
    assert_type(blocking.embed("Hi", "m", truncate=False), Embedding)
    assert_type(blocking.embed_batch(["Hi"], "m"), Embeddings)
    assert_type([one async for one in gateway.embed_iter(iter(["Hi"]), "m")], list[Embedding])
    assert_type(list(blocking.embed_iter(["Hi"], "m")), list[Embedding])
    protocol: Embed = gateway
    whole: ModelGateway = gateway
    assert protocol is whole
    await gateway.embed("Hi", ["a", "b"])  # type: ignore[arg-type]
    await gateway.embed_batch(["Hi"], "m", input_type="passage")  # type: ignore[arg-type]
    Ratatoskr.builder().local_embeddings("m", "int8").device(Device.cuda(0)).cache_dir("d").ram_budget(1 << 30)
    Ratatoskr.builder().local_embeddings("m", "fp16")  # type: ignore[arg-type]
