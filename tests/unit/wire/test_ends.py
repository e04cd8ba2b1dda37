"""An answer is whole only if its end has come and nothing after it: by the body's bytes and by the dialect's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratatoskr import ChatResponse, MalformedResponse, Ratatoskr, StreamInterrupted, TextPart, ToolCall
from ratatoskr.testing import Reply, ScriptedUpstream
from ratatoskr.wire import gemini
from ratatoskr.wire.dialect import Target

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
MODELS = {
    "anthropic": "anthropic:claude-sonnet-5",
    "gemini": "google:gemini-3-flash",
    "ollama": "ollama:qwen3:4b",
    "openai": "openai:gpt-5.5",
    "huggingface": "huggingface:Qwen/Qwen3-4B-Instruct-2507",
    "compatible": "house:m",
}
"""`huggingface` has the quirk `usage_or_done`."""


async def collect(dialect: str, body: bytes) -> ChatResponse[Any]:
    """Return the answer of a stream with this body, which ends cleanly."""
    reply = Reply(headers={"content-type": NDJSON if dialect == "ollama" else SSE}, body=[body])
    async with ScriptedUpstream() as upstream:
        builder = Ratatoskr.builder().retries(0)
        url = upstream.base_url
        match dialect:
            case "anthropic":
                builder = builder.anthropic("k", base_url=url("anthropic"))
            case "gemini":
                builder = builder.google("k", base_url=url("google"))
            case "ollama":
                builder = builder.ollama(base_url=url("ollama"))
            case "openai":
                builder = builder.openai("k", base_url=url("openai"))
            case "huggingface":
                builder = builder.huggingface("k", base_url=url("huggingface"))
            case _:
                builder = builder.compatible("house", base_url=url("openai"))
        async with builder.build() as gateway:
            await upstream.use([reply])
            return await (await gateway.chat_stream("x", MODELS[dialect])).collect()


def sse(*events: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % (e if isinstance(e, bytes) else json.dumps(e).encode()) for e in events)


def gem(*parts: Any, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], **rest}


def chunk(delta: Any, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest}


CODE = {"executableCode": {"language": "PYTHON", "code": "print(6*7)"}}
RESULT = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}}
HI, MORE = {"text": "Hi"}, {"text": " there"}
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
DONE = b"[DONE]"
START = {"type": "message_start", "message": {"type": "message", "id": "m", "content": [], "model": "claude-sonnet-5"}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
STOP = {"type": "content_block_stop", "index": 0}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
LAST = {"type": "message_stop"}
ITEM = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "Hi"}]}
COMPLETED = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [ITEM]}}
OUTPUT_DELTA = {"type": "response.output_text.delta", "output_index": 0, "item_id": "i", "delta": "Hi"}
LINE = b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n'
LAST_LINE = b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}'

CUT: dict[str, tuple[str, bytes]] = {
    "code without its result": ("gemini", sse(gem(HI, CODE, finish="STOP"))),
    "code, then only usage": ("gemini", sse(gem(HI, CODE, finish="STOP"), {"usageMetadata": {"promptTokenCount": 1}})),
    "a result without another end": ("gemini", sse(gem(HI, CODE, finish="STOP"), gem(RESULT))),
    "a second code without its result": (
        "gemini",
        sse(gem(HI, CODE, finish="STOP"), gem(RESULT, finish="STOP"), gem(CODE, finish="STOP")),
    ),
    "text after the end": ("gemini", sse(gem(HI, finish="STOP"), gem(MORE))),
    "text after a limit": ("gemini", sse(gem(HI, finish="MAX_TOKENS"), gem(MORE))),
    "half an event after the end": ("gemini", sse(gem(HI, finish="STOP")) + b'data: {"candi'),
    "half a field after the end": ("gemini", sse(gem(HI, finish="STOP")) + b"da"),
    "a name after the end": ("gemini", sse(gem(HI, finish="STOP")) + b"event: message\n"),
    "half an event of code": ("gemini", sse(gem(HI, CODE, finish="STOP")) + b'data: {"candidates": [{"content": {'),
    "an array of responses": ("gemini", sse([gem(HI, finish="STOP"), gem(MORE)])),
    "no usage and no [DONE]": ("huggingface", sse(chunk({"content": "Hi"}), chunk({}, "stop"))),
    "text after the end, with usage": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), USAGE, chunk({"content": "x"})),
    ),
    "text after the end, then usage": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), chunk({"content": "x"}), USAGE),
    ),
    "a call after the end": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), USAGE, chunk({"tool_calls": [{"index": 0, "function": {"name": "f"}}]})),
    ),
    "half an event after usage": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), USAGE) + b'data: {"choices": [{"de',
    ),
    "half a [DONE] after usage": ("huggingface", sse(chunk({"content": "Hi"}, "stop"), USAGE) + b"data: [DON"),
    "no [DONE]": ("compatible", sse(chunk({"content": "Hi"}), chunk({}, "stop"))),
    "half a [DONE]": ("compatible", sse(chunk({"content": "Hi"}), chunk({}, "stop")) + b"data: [DONE"),
    "[DONE] without a finish reason": ("compatible", sse(chunk({"content": "Hi"}), DONE)),
    "no message_stop": ("anthropic", sse(START, TEXT, DELTA, STOP, END)),
    "half a message_stop": ("anthropic", sse(START, TEXT, DELTA, STOP, END) + b'data: {"type":"message_stop"'),
    "only the name of message_stop": ("anthropic", sse(START, TEXT, DELTA, STOP, END) + b"event: message_stop\n"),
    "no terminal event": ("openai", sse(OUTPUT_DELTA)),
    "half a terminal event": ("openai", sse(OUTPUT_DELTA) + b"data: " + json.dumps(COMPLETED).encode()[:-1]),
    "no done": ("ollama", LINE),
    "half of done": ("ollama", LINE + LAST_LINE[:-1]),
    "half a line": ("ollama", LINE + LINE[:-2]),
}


@pytest.mark.parametrize("name", CUT)
async def test_an_answer_that_is_cut_off_is_an_error(name: str) -> None:
    dialect, body = CUT[name]
    with pytest.raises(StreamInterrupted) as interrupted:
        await collect(dialect, body)
    assert isinstance(interrupted.value.cause, MalformedResponse)
    assert interrupted.value.partial is not None
    assert interrupted.value.partial.content.startswith("Hi")


WHOLE: dict[str, tuple[str, bytes, str, str]] = {
    "two ends with code": (
        "gemini",
        sse(gem(HI, CODE, finish="STOP"), gem(RESULT, MORE, finish="STOP")),
        "Hi there",
        "stop",
    ),
    "an end with code and a limit": (
        "gemini",
        sse(gem(HI, CODE, finish="STOP"), gem(RESULT, finish="MAX_TOKENS")),
        "Hi",
        "length",
    ),
    "a limit before the result": ("gemini", sse(gem(HI, CODE, finish="MAX_TOKENS")), "Hi", "length"),
    "two codes": (
        "gemini",
        sse(gem(HI, CODE, finish="STOP"), gem(RESULT, CODE, finish="STOP"), gem(RESULT), gem(finish="STOP")),
        "Hi",
        "stop",
    ),
    "the end again": ("gemini", sse(gem(HI, finish="MAX_TOKENS"), gem(finish="STOP")), "Hi", "length"),
    "usage after the end": (
        "gemini",
        sse(gem(HI, finish="STOP"), {"usageMetadata": {"promptTokenCount": 1}}),
        "Hi",
        "stop",
    ),
    "no blank line": ("gemini", sse(gem(HI, finish="STOP"))[:-2], "Hi", "stop"),
    "no blank line, CR": ("gemini", sse(gem(HI, finish="STOP")).replace(b"\n", b"\r")[:-1], "Hi", "stop"),
    "a comment at the end": ("gemini", sse(gem(HI, finish="STOP")) + b": bye", "Hi", "stop"),
    "[DONE] of a proxy": ("gemini", sse(gem(HI, finish="STOP"), DONE), "Hi", "stop"),
    "a mark of byte order": ("gemini", b"\xef\xbb\xbf" + sse(gem(HI, finish="STOP")), "Hi", "stop"),
    "usage in place of [DONE]": ("huggingface", sse(chunk({"content": "Hi"}), chunk({}, "stop"), USAGE), "Hi", "stop"),
    "usage without its blank line": (
        "huggingface",
        sse(chunk({"content": "Hi"}), chunk({}, "stop"), USAGE)[:-2],
        "Hi",
        "stop",
    ),
    "a role after the end": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), chunk({"role": "assistant"}), USAGE),
        "Hi",
        "stop",
    ),
    "an empty delta after the end": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), chunk({"content": ""}), USAGE),
        "Hi",
        "stop",
    ),
    "two ends": (
        "huggingface",
        sse(chunk({"content": "Hi"}, "stop"), chunk({"content": " there"}, "length"), USAGE),
        "Hi there",
        "length",
    ),
    "stop after length": (
        "compatible",
        sse(chunk({"content": "Hi"}, "length"), chunk({}, "stop"), DONE),
        "Hi",
        "length",
    ),
    "stop after length and text": (
        "compatible",
        sse(chunk({"content": "Hi"}, "length"), chunk({"content": "!"}), chunk({}, "stop"), DONE),
        "Hi!",
        "stop",
    ),
    "length after stop": (
        "compatible",
        sse(chunk({"content": "Hi"}, "stop"), chunk({}, "length"), DONE),
        "Hi",
        "length",
    ),
    "text between the end and [DONE]": (
        "compatible",
        sse(chunk({"content": "Hi"}, "stop"), chunk({"content": "!"}), DONE),
        "Hi!",
        "stop",
    ),
    "text after [DONE]": (
        "compatible",
        sse(chunk({"content": "Hi"}, "stop"), DONE, chunk({"content": "!"})),
        "Hi",
        "stop",
    ),
    "half an event after [DONE]": (
        "compatible",
        sse(chunk({"content": "Hi"}, "stop"), DONE) + b'data: {"',
        "Hi",
        "stop",
    ),
    "[DONE] without its line end": (
        "compatible",
        sse(chunk({"content": "Hi"}, "stop")) + b"data: [DONE]",
        "Hi",
        "stop",
    ),
    "[DONE] with CR": ("compatible", sse(chunk({"content": "Hi"}, "stop")) + b"data: [DONE]\r", "Hi", "stop"),
    "message_stop without its line end": ("anthropic", sse(START, TEXT, DELTA, STOP, END, LAST)[:-2], "Hi", "stop"),
    "text after message_stop": ("anthropic", sse(START, TEXT, DELTA, STOP, END, LAST, DELTA), "Hi", "stop"),
    "the terminal event without its line end": ("openai", sse(OUTPUT_DELTA, COMPLETED)[:-2], "Hi", "stop"),
    "text after the terminal event": ("openai", sse(OUTPUT_DELTA, COMPLETED, OUTPUT_DELTA), "Hi", "stop"),
    "done without its line end": ("ollama", LINE + LAST_LINE, "Hi", "stop"),
    "text after done": ("ollama", LINE + LAST_LINE + b"\n" + LINE, "Hi", "stop"),
    "half a line after done": ("ollama", LINE + LAST_LINE + b"\n" + LINE[:9], "Hi", "stop"),
}


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_whose_end_has_come_is_whole(name: str) -> None:
    dialect, body, text, finish = WHOLE[name]
    response = await collect(dialect, body)
    assert (response.content, response.finish_reason) == (text, finish)


NOTHING: dict[str, tuple[str, bytes]] = {
    "an empty body": ("gemini", b""),
    "a mark of byte order": ("gemini", b"\xef\xbb\xbf"),
    "half a mark of byte order": ("gemini", b"\xef\xbb"),
    "comments": ("gemini", b": a\n\n: b\n"),
    "empty objects": ("compatible", sse({}, {}, DONE)),
    "[DONE]": ("compatible", sse(DONE)),
    "message_stop": ("anthropic", sse(LAST)),
    "an empty event": ("openai", sse({})),
    "an empty line": ("ollama", b"\n\n"),
    "an empty object": ("ollama", b"{}\n"),
}


@pytest.mark.parametrize("name", NOTHING)
async def test_a_stream_without_an_answer_is_no_empty_answer(name: str) -> None:
    with pytest.raises(MalformedResponse):
        await collect(*NOTHING[name])


def test_a_whole_body_of_code_without_its_result_does_not_claim_to_be_complete() -> None:
    target = Target("google", "m", "generate_content")
    turn = gemini.decode_response(json.dumps(gem(HI, CODE, finish="STOP")).encode(), target)
    assert (turn.finish_reason, turn.native_finish_reason, turn.done) == ("unknown", "STOP", True)
    assert len(turn.parts()) == 2
    with pytest.raises(MalformedResponse, match="incomplete"):
        gemini.decode_response(json.dumps([gem(HI, finish="STOP"), gem(MORE)]).encode(), target)


def test_positions_stay_right_after_a_repeated_call() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}}
    decoder = gemini.StreamDecoder(Target("google", "m", "generate_content"))
    for one in (gem(HI, call), gem(call), gem(MORE, finish="STOP")):
        decoder.feed("", json.dumps(one).encode())
    events = decoder.end()
    assert decoder.turn.parts() == (TextPart("Hi"), ToolCall("x", "f", '{"a": 1}'), TextPart(" there"))
    assert [event.type for event in events] == ["done"]
