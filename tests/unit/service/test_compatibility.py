"""Clients and daemons that know only the listed fields, as messages by hand: numbers and octets, none of our code."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.unit.service.serving import client_of, field, fields, path, read, serve

from ratatoskr import (
    ChatResponse,
    ContentDelta,
    Done,
    ImagePart,
    InvalidInput,
    Message,
    ModelNotAvailable,
    NoProvider,
    RateLimited,
    ReasoningDelta,
    ReasoningPart,
    ServiceClient,
    TextPart,
    ToolCall,
    ToolCallEnd,
    Usage,
)
from ratatoskr.testing import ScriptedGateway

USER, ASSISTANT, TOOL = 2, 3, 4
TEXT = "Zwischen Ästen – 🐿️"
ANSWER = (ReasoningPart("Hm."), TextPart(TEXT), ToolCall("c1", "weather", '{"city":"Oslo"}'))


async def ask(backend: Any, method: str, message: bytes) -> dict[int, list[Any]]:
    """Return the fields of the answer to a message."""
    async with serve(backend) as served, served.channel() as channel:
        return read(await channel.unary_unary(path(method))(message, timeout=10))


async def ask_stream(backend: Any, method: str, message: bytes) -> list[dict[int, list[Any]]]:
    """Return the fields of each message of a stream."""
    async with serve(backend) as served, served.channel() as channel:
        return [read(one) async for one in channel.unary_stream(path(method))(message, timeout=10)]


def chat(*options: tuple[int, Any]) -> bytes:
    tool = fields((1, "weather"), (2, "the weather"), (3, '{"type":"object","properties":{}}'))
    asked = fields((1, USER), (2, "Weather?"))
    called = fields((1, ASSISTANT), (3, fields((1, "c0"), (2, "weather"), (3, "{}"))))
    told = fields((1, TOOL), (2, "rain"), (4, "weather"), (5, "c0"))
    return fields((1, asked), (1, called), (1, told), (2, tool), (3, fields((1, "a-model"), *options)))


async def test_a_chat() -> None:
    answer = ChatResponse(Message.assistant(ANSWER), Usage(10, 5), finish_reason="tool_calls", model="a-model")
    async with ScriptedGateway(answer) as gateway:
        told = await ask(
            gateway.backend, "Chat", chat((2, 0.5), (3, 100), (5, "END"), (8, 2**63), (9, fields((3, True))))
        )
    assert [octets.decode() for octets in (told[1][0], told[2][0])] == [TEXT, "Hm."]
    call = read(told[3][0])
    assert (call[1], call[2], json.loads(call[3][0])) == ([b"c1"], [b"weather"], {"city": "Oslo"})
    assert read(told[4][0]).items() >= {1: [10], 2: [5], 3: [15]}.items()
    assert told[5] == [b"a-model"]
    assert told[6] == [3]  # called tools
    request = gateway.requests[0]
    assert [(message.role, message.text) for message in request.messages[:2]] == [
        ("user", "Weather?"),
        ("assistant", ""),
    ]
    assert request.messages[1].tool_calls == (ToolCall("c0", "weather", "{}"),)
    result = request.messages[2].content[0]
    assert (result.tool_call_id, result.text, result.name) == ("c0", "rain", "weather")  # type: ignore[union-attr]
    assert request.tools[0].name == "weather"  # type: ignore[union-attr]
    options = request.options
    assert (options.model, options.temperature, options.max_tokens, options.stop) == ("a-model", 0.5, 100, ("END",))
    assert (options.seed, request.tool_choice) == (2**63, "required")


async def test_a_float_of_32_bits_is_the_decimal_that_was_meant() -> None:
    async with ScriptedGateway("a") as gateway:
        await ask(gateway.backend, "Chat", chat((2, 0.7), (4, 0.1)))
    assert (gateway.requests[0].options.temperature, gateway.requests[0].options.top_p) == (0.7, 0.1)


async def test_a_stream_of_a_chat() -> None:
    async with ScriptedGateway(ANSWER) as gateway:
        events = await ask_stream(gateway.backend, "ChatStream", chat())
    assert all(len(event) == 1 or set(event) & set(range(1, 8)) for event in events), "each has one listed event"
    assert b"".join(event[1][0] for event in events if 1 in event).decode() == TEXT
    assert b"".join(event[2][0] for event in events if 2 in event) == b"Hm."
    assert [read(event[3][0])[3] for event in events if 3 in event] == [[b"weather"]]
    assert json.loads(b"".join(read(event[4][0])[2][0] for event in events if 4 in event)) == {"city": "Oslo"}
    assert len([event for event in events if 7 in event]) == 1
    assert [index for index, event in enumerate(events) if 6 in event] == [len(events) - 1]


async def test_a_prompt_and_its_stream() -> None:
    message = fields((1, "Up"), (2, fields((1, "a-model"), (2, 10), (3, 0.25), (5, "."), (9, 7))))
    async with ScriptedGateway("and down.", "and down.") as gateway:
        told = await ask(gateway.backend, "Generate", message)
        events = await ask_stream(gateway.backend, "GenerateStream", message)
    assert (told[1], told[4]) == ([b"and down."], [1])
    assert b"".join(event[1][0] for event in events if 1 in event) == b"and down."
    assert events[-1] == {2: [1]}
    options = gateway.requests[0].options
    assert (options.max_tokens, options.temperature, options.stop, options.seed) == (10, 0.25, (".",), 7)


async def test_embeddings() -> None:
    async with ScriptedGateway(vectors={"a": [0.5, -1.5], "b": [0.25, 2.0]}) as gateway:
        one = await ask(gateway.backend, "Embed", fields((1, "a"), (2, "a-model")))
        batch = await ask(gateway.backend, "EmbedBatch", fields((1, "a"), (1, "b"), (2, "a-model")))
    assert struct.unpack("<2f", one[1][0]) == (0.5, -1.5)
    assert one[3] == [2]
    rows = [read(row) for row in batch[1]]
    assert [struct.unpack("<2f", row[1][0]) for row in rows] == [(0.5, -1.5), (0.25, 2.0)]
    assert [row[3] for row in rows] == [[2], [2]]


async def test_what_is_told_of_models_and_health() -> None:
    async with ScriptedGateway() as gateway:
        models = await ask(gateway.backend, "ListModels", b"")
        status = await ask(gateway.backend, "ModelStatus", fields((1, "a-model")))
        health = await ask(gateway.backend, "Health", b"")
        able = await ask(gateway.backend, "GetCapabilities", b"")
    assert [read(model)[1] for model in models[1]] == [[b"scripted"]]
    assert status[1][0] in {1, 2, 3}
    assert health[1] == [1]
    assert health[2][0].decode()
    numbers = able[1][0] if isinstance(able[1][0], bytes) else bytes(able[1])
    assert {1, 2, 3, 7} <= set(numbers)


WRONG: dict[str, tuple[str, bytes, str]] = {
    "no model": ("Chat", fields((1, fields((1, USER), (2, "Hi")))), "model"),
    "an empty model": ("Chat", fields((1, fields((1, USER), (2, "Hi"))), (3, fields((1, " ")))), "model"),
    "no role": ("Chat", fields((1, fields((2, "Hi"))), (3, fields((1, "m")))), "role"),
    "a role of tomorrow": ("Chat", fields((1, fields((1, 9), (2, "Hi"))), (3, fields((1, "m")))), "role"),
    "a schema that is no JSON": ("Chat", chat((10, fields((3, "{")))), "response_format"),
    "a schema that is a list": ("Chat", chat((10, fields((3, "[]")))), "response_format"),
    "a schema that is deep": ("Chat", chat((10, fields((3, '{"a":' * 70 + "1" + "}" * 70)))), "response_format"),
    "raw options that are no JSON": ("Chat", chat((14, "nope")), "raw_provider_options"),
    "an effort of tomorrow": ("Chat", chat((12, fields((1, 99)))), "reasoning"),
    "a prompt without a model": ("Generate", fields((1, "Up")), "model"),
    "a text without a model": ("Embed", fields((1, "a")), "model"),
    "texts without a model": ("EmbedBatch", fields((1, "a")), "model"),
    "no message at all": ("Chat", b"\xff\xff\xff", "request"),
    "a text that is not UTF-8": ("Embed", field(1, b"\xff\xfe") + field(2, "m"), "request"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_understood_names_its_field(name: str) -> None:
    method, message, about = WRONG[name]
    async with ScriptedGateway("a") as gateway:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(gateway.backend, method, message)
        assert gateway.requests == []
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert about in (caught.value.details() or "")


# a daemon that knows only the listed fields


@asynccontextmanager
async def client_of_listed(**answers: Any) -> AsyncIterator[tuple[ServiceClient, list[Any]]]:
    """Open a client of a daemon that answers with these octets, and the list of what it was asked."""
    asked: list[Any] = []

    def handler(answer: Any) -> Any:
        async def unary(octets: bytes, context: Any) -> bytes:
            asked.append(read(octets))
            if isinstance(answer, tuple):
                await context.abort(*answer)
            assert isinstance(answer, bytes)
            return answer

        async def stream(octets: bytes, context: Any) -> AsyncIterator[bytes]:
            asked.append(read(octets))
            for one in answer:
                yield one

        make: Callable[[Any], Any] = grpc.unary_stream_rpc_method_handler
        return make(stream) if isinstance(answer, list) else grpc.unary_unary_rpc_method_handler(unary)

    server = grpc.aio.server()
    handlers = {name: handler(answer) for name, answer in answers.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("ratatoskr.v1.Ratatoskr", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with ServiceClient(f"http://127.0.0.1:{port}") as client:
            yield client, asked
    finally:
        await server.stop(None)


USAGE = fields((1, 10), (2, 5), (3, 15), (4, 2))
CALL = fields((1, "c1"), (2, "weather"), (3, '{"city":"Oslo"}'))


async def test_our_client_chats_with_it() -> None:
    answer = fields((1, TEXT), (2, "Hm."), (3, CALL), (4, USAGE), (5, "a-model"), (6, 3))
    async with client_of_listed(Chat=answer) as (client, asked):
        history = [Message.system("Be brief."), Message.user("Weather?")]
        response = await client.chat(history, "a-model", temperature=0.7, max_tokens=9)
    assert (response.content, response.reasoning, response.model) == (TEXT, "Hm.", "a-model")
    assert response.tool_calls == (ToolCall("c1", "weather", '{"city":"Oslo"}'),)
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.reasoning_tokens) == (10, 5, 15, 2)
    assert response.finish_reason == "tool_calls"
    messages = [read(message) for message in asked[0][1]]
    assert [(message[1], message[2]) for message in messages] == [([1], [b"Be brief."]), ([2], [b"Weather?"])]
    options = read(asked[0][3][0])
    assert (options[1], options[3]) == ([b"a-model"], [9])
    assert options[2] == pytest.approx([0.7])


async def test_our_client_streams_from_it() -> None:
    events = [
        field(2, "Hm."),
        field(1, "up"),
        field(1, " down"),
        field(3, fields((1, 0), (2, "c1"), (3, "weather"))),
        field(4, fields((1, 0), (2, '{"city":'))),
        field(4, fields((1, 0), (2, '"Oslo"}'))),
        field(7, fields((1, 0))),
        field(5, USAGE),
        field(6, True),
    ]
    async with client_of_listed(ChatStream=events) as (client, _):
        async with client.chat_stream("Weather?", "a-model") as stream:
            read_events = [event async for event in stream]
        response = stream.response
    assert [event.text for event in read_events if isinstance(event, ContentDelta)] == ["up", " down"]
    assert [event.text for event in read_events if isinstance(event, ReasoningDelta)] == ["Hm."]
    call = ToolCall("c1", "weather", '{"city":"Oslo"}')
    assert [event.call for event in read_events if isinstance(event, ToolCallEnd)] == [call]
    assert type(read_events[-1]) is Done
    assert (response.content, response.reasoning, response.tool_calls) == ("up down", "Hm.", (call,))
    assert response.usage.total_tokens == 15


async def test_what_it_does_not_read_is_told() -> None:
    answer, events = fields((1, "A squirrel?"), (6, 1)), [field(1, "A squirrel?"), field(6, True)]
    message = Message.user(["What is this?", ImagePart(b"\x89PNG\r\n\x1a\n", media_type="image/png")])
    async with client_of_listed(Chat=answer, ChatStream=events) as (client, _):
        response = await client.chat([message], "a-model", user="u-1")
        (notice,) = response.warnings
        assert notice.code == "not_read_by_daemon"
        assert notice.message.endswith("is older than this client and has not read: image, user")
        async with client.chat_stream([message], "a-model") as stream:
            streamed = await stream.collect()
        assert [one.message.rpartition(": ")[2] for one in streamed.warnings] == ["image"]
        assert (await client.chat("Hi", "a-model")).warnings == ()
        async with client.chat_stream("Hi", "a-model") as stream:
            assert (await stream.collect()).warnings == ()
    async with ScriptedGateway("Yes.", "Yes.") as gateway, client_of(gateway.backend) as ours:
        assert (await ours.chat([message], "a-model", user="u-1")).warnings == ()
        async with ours.chat_stream([message], "a-model") as stream:
            assert (await stream.collect()).warnings == ()


async def test_our_client_continues_prompts_by_it() -> None:
    unary, stream = (
        fields((1, "down"), (2, USAGE), (3, "a-model"), (4, 2)),
        [field(1, "do"), field(1, "wn"), field(2, True)],
    )
    async with client_of_listed(Generate=unary, GenerateStream=stream) as (client, asked):
        response = await client.generate("Up", "a-model", stop=["."])
        async with client.generate_stream("Up", "a-model") as events:
            text = "".join([one async for one in events.text()])
    assert (response.text, text, response.finish_reason, response.usage.total_tokens) == ("down", "down", "length", 15)
    assert asked[0][1] == [b"Up"]
    assert read(asked[0][2][0])[5] == [b"."]


async def test_our_client_embeds_by_it() -> None:
    packed = struct.pack("<2f", 0.5, -1.5)
    row = fields((1, packed), (2, "a-model"), (3, 2))
    async with client_of_listed(Embed=row, EmbedBatch=fields((1, row), (1, row))) as (client, _):
        one = await client.embed("a", "a-model")
        batch = await client.embed_batch(["a", "b"], "a-model")
    assert one.vector.tolist() == [0.5, -1.5]
    assert batch.vectors.tolist() == [[0.5, -1.5]] * 2
    assert batch.model == "a-model"


async def test_our_client_reads_what_it_tells_of_itself() -> None:
    model = fields((1, "openai:gpt"), (2, "openai"), (3, bytes([1, 7])), (4, 8192), (5, 384))
    answers = {
        "ListModels": fields((1, model)),
        "ModelStatus": fields((1, 4), (2, "gone")),
        "Health": fields((1, True), (2, "0.9")),
        "GetCapabilities": field(1, bytes([1, 3])),
    }
    async with client_of_listed(**answers) as (client, _):
        found = (await client.list_models())[0]
        assert (found.id, found.provider, found.name, found.context_window) == ("openai:gpt", "openai", "gpt", 8192)
        assert found.capabilities == ("chat", "chat_stream")
        status = await client.model_status("openai:gpt")
        assert (status.status, status.reason) == ("unavailable", "gone")
        health = await client.health()
        assert (health.healthy, health.version) == (True, "0.9")
        assert await client.capabilities() == {"chat", "embed"}


async def test_our_client_reads_its_errors() -> None:
    refusals = {
        "Chat": (grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down, retry in 2500ms"),
        "Embed": (grpc.StatusCode.UNAVAILABLE, "the model is not loaded"),
        "EmbedBatch": (grpc.StatusCode.UNAVAILABLE, "the model is not loaded"),
        "Generate": (grpc.StatusCode.INVALID_ARGUMENT, "prompt is empty"),
    }
    async with client_of_listed(**refusals) as (client, _):
        with pytest.raises(RateLimited) as limited:
            await client.chat("Hi", "a-model")
        assert limited.value.retry_after == 2.5
        with pytest.raises(ModelNotAvailable):
            await client.embed("a", "a-model")
        with pytest.raises(InvalidInput, match="prompt is empty"):
            await client.generate("Up", "a-model")
        with pytest.raises(NoProvider, match="does not serve"):
            await client.list_models()
