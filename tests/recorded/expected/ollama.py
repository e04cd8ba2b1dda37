"""Ollama's API: the lines of a stream, or one complete response."""

from __future__ import annotations

from typing import Any

from recorded.expected.answer import Answer, Call, Failure, payloads, retry_after_of, status_of


def read(recording: dict[str, Any]) -> Answer | Failure:
    """Return the content of the recording."""
    lines = payloads(recording)
    failed = next((line["error"] for line in lines if line.get("error")), None)
    if failed is not None:
        return Failure(status_of(recording), failed, wait=retry_after_of(recording))
    answer, last = Answer(), lines[-1]
    for line in lines:
        message = line.get("message") or line
        answer.text += message.get("content") or message.get("response") or ""
        answer.reasoning += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            answer.calls.append(Call(call["function"]["name"], call["function"]["arguments"], call.get("id")))
        answer.tokens += [one["token"] for one in line.get("logprobs") or []]
    if answer.reasoning:
        answer.tokens = _text_tokens(answer.tokens, answer.text)
    assert last["done"] is True
    answer.prompt, answer.completion = last.get("prompt_eval_count"), last.get("eval_count")
    answer.finish, answer.model = last.get("done_reason"), last["model"]
    answer.reason = {"stop": "stop", "length": "length"}.get(answer.finish or "", "unknown")
    if answer.calls and answer.reason == "stop":
        answer.reason = "tool_calls"
    answer.wire = answer
    return answer


def _text_tokens(tokens: list[str], text: str) -> list[str]:
    """Return the last tokens, which are those of the text; the first are those of the thinking."""
    first, length = len(tokens), 0
    while first and length < len(text):
        first -= 1
        length += len(tokens[first])
    return tokens[first:]
