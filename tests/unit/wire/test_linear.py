"""The work of a decoder grows as its input does: eight times the input costs about eight times the CPU, not 64."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ratatoskr.types.accumulator import ResponseBuilder
from ratatoskr.wire import anthropic, chat_completions, gemini, ollama, responses
from ratatoskr.wire.dialect import Target
from ratatoskr.wire.turn import TurnBuilder

DIALECTS: dict[str, Any] = {
    "anthropic": anthropic,
    "chat_completions": chat_completions,
    "gemini": gemini,
    "ollama": ollama,
    "responses": responses,
}
FLAGS = frozenset({"openrouter", "no_done"})


def piece(index: int | None, name: str | None, arguments: str | None, id: str | None = None) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}


def chunks(*deltas: Any) -> list[Any]:
    return [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]


def gem(*parts: Any, **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, **candidate}], "responseId": "r"}


def block(index: int, **content: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def block_delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def item(index: int, kind: str, **rest: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, "item_id": f"i{index}", **rest}


def added(index: int, **rest: Any) -> dict[str, Any]:
    return item(index, "output_item.added", item={"id": f"i{index}", **rest})


def opened(n: int) -> list[Any]:
    """Return a call whose arguments are open, and n pieces of them that say neither index nor id nor name."""
    return chunks(piece(0, "f", "{}", "a"), piece(1, "g", '{"a":"', "b"), *[piece(None, None, "x")] * n)


def grounding(n: int, text: str, indices: list[list[int]]) -> list[Any]:
    """Return a text of n pieces, and the supports whose indices are wrong, each with these sources."""
    supports = [
        {"segment": {"startIndex": i, "endIndex": i + 2, "text": text[:2]}, "groundingChunkIndices": one}
        for i, one in enumerate(indices)
    ]
    sources = [{"web": {"uri": f"https://{i}.example"}} for i in range(n)]
    metadata = {"groundingChunks": sources, "groundingSupports": supports}
    return [*[gem({"text": text})] * n, gem(groundingMetadata=metadata, finishReason="STOP")]


STREAMS: dict[str, tuple[str, Callable[[int], list[Any]]]] = {
    "tiny arguments": ("chat_completions", lambda n: chunks(piece(0, "f", '{"a":"', "a"), *[piece(0, None, "x")] * n)),
    "arguments, the name again": (
        "chat_completions",
        lambda n: chunks(piece(0, "f", '{"a":"', "a"), *[piece(0, "f", "x", "a")] * n),
    ),
    "arguments without index and id": ("chat_completions", opened),
    "arguments under new indices": (
        "chat_completions",
        lambda n: chunks(piece(0, "f", '{"a":"', "a"), *[piece(i + 1, None, "x") for i in range(n)]),
    ),
    "calls without a name": ("chat_completions", lambda n: chunks(*[piece(i, None, '{"') for i in range(n)])),
    "calls": ("chat_completions", lambda n: chunks(*[piece(i, "f", "{}", f"c{i}") for i in range(n)])),
    "calls, then pieces of new indices": (
        "chat_completions",
        lambda n: chunks(
            *[piece(i, "f", "{}", f"c{i}") for i in range(n)],
            piece(n, "g", "", "z"),
            *[piece(n + 1 + i, None, " ") for i in range(n)],
        ),
    ),
    "a whole message in every chunk": (
        "chat_completions",
        lambda n: [{"choices": [{"index": 0, "message": {"content": "x"}}]}] * n,
    ),
    "encrypted thinking": (
        "chat_completions",
        lambda n: chunks(*[{"reasoning_details": [{"type": "reasoning.encrypted", "index": 0, "data": "x" * 20}]}] * n),
    ),
    "Mistral's thinking": (
        "chat_completions",
        lambda n: chunks(*[{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}]}] * n),
    ),
    "Mistral's parts": (
        "chat_completions",
        lambda n: chunks(*[{"content": [{"type": "text", "text": "x"}, {"type": "thinking", "thinking": "y"}]}] * n),
    ),
    "annotations": (
        "chat_completions",
        lambda n: chunks(
            *[{"content": "x", "annotations": [{"type": "url_citation", "url": f"https://{i}.x"}]} for i in range(n)]
        ),
    ),
    "odd logprobs": (
        "chat_completions",
        lambda n: [{"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": []}]}] * (n // 4),
    ),
    "anthropic: tiny arguments": (
        "anthropic",
        lambda n: [
            block(0, type="tool_use", id="a", name="f", input={}),
            *[block_delta(0, type="input_json_delta", partial_json="x")] * n,
        ],
    ),
    "anthropic: calls": (
        "anthropic",
        lambda n: [block(i, type="tool_use", id=f"a{i}", name="f", input={}) for i in range(n)],
    ),
    "anthropic: the same call": (
        "anthropic",
        lambda n: [
            event
            for _ in range(n)
            for event in (
                block(0, type="tool_use", id="a", name="f", input={}),
                {"type": "content_block_stop", "index": 0},
            )
        ],
    ),
    "anthropic: an unknown block": (
        "anthropic",
        lambda n: [block(0, type="new", text=""), *[block_delta(0, type="new_delta", text="x" * 9)] * n],
    ),
    "anthropic: citations": (
        "anthropic",
        lambda n: [
            block(0, type="text", text=""),
            *[block_delta(0, type="citations_delta", citation={"url": f"https://{i}.x"}) for i in range(n)],
        ],
    ),
    "gemini: tiny arguments": (
        "gemini",
        lambda n: [
            gem({"functionCall": {"name": "f", "willContinue": True}}),
            *[
                gem(
                    {
                        "functionCall": {
                            "partialArgs": [{"jsonPath": "$.a", "stringValue": "x" * 9, "willContinue": True}],
                            "willContinue": True,
                        }
                    }
                )
            ]
            * n,
        ],
    ),
    "gemini: parts in one response": (
        "gemini",
        lambda n: [gem(*[{"executableCode": {"code": "1"}}, {"codeExecutionResult": {}}] * (n // 4))],
    ),
    "gemini: metadata": (
        "gemini",
        lambda n: [
            gem({"text": "x"}, urlContextMetadata={"urlMetadata": [{"retrievedUrl": str(i)}]}) for i in range(n)
        ],
    ),
    "gemini: citations": ("gemini", lambda n: grounding(n, "äbc", [[i] for i in range(n)])),
    "gemini: one support of many sources": ("gemini", lambda n: grounding(n, "abc", [list(range(n))])),
    "responses: tiny arguments": (
        "responses",
        lambda n: [
            added(0, type="function_call", call_id="c", name="f", arguments=""),
            *[item(0, "function_call_arguments.delta", delta="x")] * n,
        ],
    ),
    "responses: texts that end again and again": (
        "responses",
        lambda n: [
            item(0, kind, delta="x", text="x") for _ in range(n) for kind in ("output_text.delta", "output_text.done")
        ],
    ),
    "responses: calls": (
        "responses",
        lambda n: [added(i, type="function_call", call_id=f"c{i}", name="f", arguments="") for i in range(n)],
    ),
    "responses: texts": ("responses", lambda n: [item(i, "output_text.delta", delta="x") for i in range(n)]),
    "responses: annotations": (
        "responses",
        lambda n: [
            item(0, "output_text.annotation.added", annotation={"type": "url_citation", "url": f"https://{i}.x"})
            for i in range(n)
        ],
    ),
    "ollama: calls": (
        "ollama",
        lambda n: [
            {"message": {"tool_calls": [{"id": f"c{i}", "function": {"name": "f", "arguments": {}}}]}} for i in range(n)
        ],
    ),
    "ollama: one call again": (
        "ollama",
        lambda n: [{"message": {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}}] * n,
    ),
}


def encoded(events: list[Any]) -> list[bytes]:
    known: dict[int, bytes] = {}
    return [known.get(id(one)) or known.setdefault(id(one), json.dumps(one).encode()) for one in events]


def decode(dialect: str, events: list[bytes]) -> TurnBuilder:
    decoder = DIALECTS[dialect].StreamDecoder(Target("host", "m", dialect, flags=FLAGS))
    builder = ResponseBuilder()
    for data in events:
        for event in decoder.feed("", data):
            builder.add(event)
    turn: TurnBuilder = decoder.turn
    for event in [*decoder.end(), *turn.take()]:
        builder.add(event)
    builder.response()
    if not turn.done:
        turn.complete()
    turn.parts()
    return turn


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()  # its work depends on what other tests have left
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def growth(work: Callable[[int], Callable[[], object]], n: int) -> float:
    """Return how many times longer eight times the work takes; the least of some tries, as others use the machine."""
    few, many = work(n), work(8 * n)
    ratios = []
    for _ in range(5):
        ratios.append(seconds(many) / min(seconds(few) for _ in range(3)))
        if ratios[-1] < 12:
            break
    return min(ratios)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_eight_times_the_events(name: str) -> None:
    dialect, make = STREAMS[name]

    def work(n: int) -> Callable[[], object]:
        events = encoded(make(n))
        return lambda: decode(dialect, events)

    assert growth(work, 1000) < 20


def bodies(n: int) -> dict[str, dict[str, Any]]:
    """Return whole answers with n calls, texts and sources, and one argument of n characters."""
    arguments = json.dumps({"a": "x" * n})
    return {
        "anthropic": {
            "content": [
                {"type": "tool_use", "id": "a", "name": "f", "input": {"a": "x" * n}},
                *[{"type": "tool_use", "id": f"a{i}", "name": "f", "input": {}} for i in range(n)],
                *[{"type": "text", "text": "x", "citations": [{"url": "https://x"}]}] * n,
            ],
            "stop_reason": "end_turn",
        },
        "chat_completions": {
            "choices": [
                {
                    "message": {
                        "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": "https://x"}] * n,
                        "tool_calls": [{"id": str(i), "function": {"name": "f", "arguments": "{}"}} for i in range(n)]
                        + [{"function": {"name": "f", "arguments": arguments}}],
                        "annotations": [{"type": "url_citation", "url": "https://x"}] * n,
                    },
                    "finish_reason": "stop",
                    "logprobs": {"content": [{"token": "x", "logprob": -1}] * n + [7]},
                }
            ],
            "citations": [f"https://{i}.x" for i in range(n)],
        },
        "gemini": grounding(n, "äx", [[i] for i in range(n)])[-1]
        | {
            "candidates": [
                gem(*[{"text": "x"}, {"executableCode": {}}] * n, finishReason="MAX_TOKENS")["candidates"][0]
            ]
        },
        "ollama": {
            "message": {"content": "x" * n, "tool_calls": [{"function": {"name": "f", "arguments": {}}}] * n},
            "done": True,
            "logprobs": [{"token": "x", "logprob": -1}] * n,
        },
        "responses": {
            "status": "completed",
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "x", "annotations": [{}] * n}] * 2},
                *[{"type": "function_call", "call_id": f"c{i}", "name": "f", "arguments": "{}"} for i in range(n)],
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments},
            ],
        },
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_body_of_eight_times_the_size(dialect: str) -> None:
    def work(n: int) -> Callable[[], object]:
        body = json.dumps(bodies(n)[dialect]).encode()
        return lambda: DIALECTS[dialect].decode_response(body, Target("host", "m", dialect)).parts()

    assert growth(work, 1000) < 20
