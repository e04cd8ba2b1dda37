"""Ollama's own `/api/chat` and `/api/generate`.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.testing.dialects.dialect import (
    IdSequence,
    Problem,
    RequestRefused,
    ScriptedDialect,
    require_field,
    text_of,
)
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import OfferedTool, ParsedRequest, ScriptedTurn, encode_json, join_text, split_text

_AT = "2026-11-01T12:00:00.000001Z"
_DONE = {"tool_calls": "stop", "refusal": "stop", "content_filter": "stop", "paused": "stop"}


class OllamaDialect(ScriptedDialect):
    """`POST /api/chat` and `/api/generate`; streams by default."""

    name = "ollama"
    stream_type = "application/x-ndjson"
    json_type = "application/json; charset=utf-8"
    keep_alive = b"\n"  # an empty line; the daemon itself sends none

    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request."""
        model = require_field(body, "model", str, "model is required")
        generate = path.endswith("/api/generate")
        if not generate and not isinstance(body.get("messages"), list):
            raise RequestRefused(Problem(400, message="messages must be a list"))
        prompt, results = (str(body.get("prompt", "")), ()) if generate else _last_prompt(body["messages"])
        form = body.get("format")
        functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
        return ParsedRequest(
            provider,
            model,
            stream=body.get("stream", True) is not False,
            prompt=prompt,
            results=results,
            tools=tuple(OfferedTool(f.get("name", ""), f.get("parameters") or {}) for f in functions),
            schema=form if isinstance(form, Mapping) else None,
            json_mode=form == "json",
            thinking=bool(body.get("think")),
            variant="generate" if generate else "chat",
            body=body,
        )

    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn as lines or one document."""
        base = {"model": turn.model or request.model, "created_at": _AT}
        calls = [self._call(index, call, ids) for index, call in enumerate(turn.tool_calls)]
        done = {
            "done": True,
            "done_reason": _DONE.get(turn.finish_reason, turn.finish_reason),
            **_counts(turn, request),
        }
        make_part = _generate_part if request.variant == "generate" else _chat_part
        text, thinking = turn.text or turn.refusal, turn.reasoning
        if not request.stream:
            value = {**base, **make_part(join_text(text), join_text(thinking), calls), **done}
            return self.document_reply(turn, request, ids, value)
        parts = [make_part("", piece) for piece in split_text(thinking, turn.deltas)]
        parts += [make_part(piece) for piece in split_text(text, turn.deltas)]
        parts += [make_part("", "", [call]) for call in calls]
        lines = [encode_json({**base, **one, "done": False}) + b"\n" for one in parts]
        last = len(lines)
        lines.append(encode_json({**base, **make_part(""), **done}) + b"\n")
        return self.stream_reply(turn, request, ids, lines, first=0, last=last)

    def _call(self, index: int, call: Any, ids: IdSequence) -> dict[str, Any]:
        return {
            "id": call.id or ids.new("call_"),
            "function": {"index": index, "name": call.name, "arguments": call.arguments},
        }

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: IdSequence) -> dict[str, str]:
        """Return the header of a given request id; Ollama itself sends none."""
        return {"x-request-id": turn.request_id} if turn is not None and turn.request_id else {}

    def error_body(self, problem: Problem, provider: str, ids: IdSequence) -> dict[str, Any]:
        """Return an error body with a text."""
        text = "model 'the-one-that-was-asked-for' not found" if problem.kind == "unknown_model" else problem.text()
        return {"error": problem.message or text}

    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return a line with an error."""
        return encode_json(self.error_body(problem, request.provider, ids)) + b"\n"

    def unknown_event(self) -> bytes:
        """Return a line with unknown keys."""
        return encode_json({"novelty": "unknown", "done": False}) + b"\n"

    def frame(self, text: bytes) -> bytes:
        """Return text as one line."""
        return text + b"\n"

    def event_line(self) -> tuple[bytes, bytes]:
        """Return how a line begins and ends."""
        return b'{"message":{"content":"', b"\n"


def _chat_part(text: str, thinking: str = "", calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a part of a response of `/api/chat`."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def _generate_part(text: str, thinking: str = "", calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return a part of a response of `/api/generate`, which has no tools."""
    return {"response": text, **({"thinking": thinking} if thinking else {})}


def _counts(turn: ScriptedTurn, request: ParsedRequest) -> dict[str, Any]:
    """Return counts and durations (nanoseconds); cached tokens are not reported."""
    spent = turn.usage_for(request)
    counts = {"total_duration": 50_000_000, "load_duration": 1_000_000}
    if spent.total_input:
        counts |= {"prompt_eval_count": spent.total_input, "prompt_eval_duration": 9_000_000}
    return {**counts, "eval_count": spent.total_output, "eval_duration": 40_000_000}


def _last_prompt(messages: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the text of the user's last message and the tool results after it."""
    prompt = ""
    results: list[str] = []
    for message in messages:
        if message.get("role") == "user":
            prompt, results = text_of(message.get("content")), []
        elif message.get("role") == "tool":
            results.append(text_of(message.get("content")))
    return prompt, tuple(results)
