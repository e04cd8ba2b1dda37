"""Ollama's own `/api/chat` and `/api/generate`.

Follows https://github.com/ollama/ollama/blob/main/docs/api.md (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ratatoskr.testing.dialects.dialect import Dialect, Ids, Problem, Refused, need, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, Offered, ScriptedTurn, encode_json, pieces, whole

_AT = "2026-11-01T12:00:00.000001Z"
_DONE = {"tool_calls": "stop", "refusal": "stop", "content_filter": "stop", "paused": "stop"}


class Ollama(Dialect):
    """`POST /api/chat` and `/api/generate`; streams unless told not to."""

    name = "ollama"
    stream_type = "application/x-ndjson"
    json_type = "application/json; charset=utf-8"
    keep_alive = b"\n"  # a line without anything; the daemon itself sends none

    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request."""
        model = need(body, "model", str, "model is required")
        generate = path.endswith("/api/generate")
        if not generate and not isinstance(body.get("messages"), list):
            raise Refused(Problem(400, message="messages must be a list"))
        prompt, results = (str(body.get("prompt", "")), ()) if generate else _heard(body["messages"])
        form = body.get("format")
        functions = [tool.get("function") or {} for tool in body.get("tools") or ()]
        return Asked(
            provider,
            model,
            stream=body.get("stream", True) is not False,
            prompt=prompt,
            results=results,
            tools=tuple(Offered(f.get("name", ""), f.get("parameters") or {}) for f in functions),
            schema=form if isinstance(form, Mapping) else None,
            json_mode=form == "json",
            thinking=bool(body.get("think")),
            variant="generate" if generate else "chat",
            body=body,
        )

    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into lines or one document."""
        base = {"model": turn.model or asked.model, "created_at": _AT}
        calls = [self._call(index, call, ids) for index, call in enumerate(turn.tool_calls)]
        done = {"done": True, "done_reason": _DONE.get(turn.finish_word, turn.finish_word), **_counts(turn, asked)}
        spell = _generated if asked.variant == "generate" else _said
        text, thought = turn.text or turn.refusal, turn.reasoning
        if not asked.stream:
            value = {**base, **spell(whole(text), whole(thought), calls), **done}
            return self.document(turn, asked, ids, value)
        told = [spell("", piece) for piece in pieces(thought, turn.deltas)]
        told += [spell(piece) for piece in pieces(text, turn.deltas)]
        told += [spell("", "", [call]) for call in calls]
        lines = [encode_json({**base, **one, "done": False}) + b"\n" for one in told]
        last = len(lines)
        lines.append(encode_json({**base, **spell(""), **done}) + b"\n")
        return self.stream(turn, asked, ids, lines, first=0, last=last)

    def _call(self, index: int, call: Any, ids: Ids) -> dict[str, Any]:
        return {
            "id": call.id or ids.new("call_"),
            "function": {"index": index, "name": call.name, "arguments": call.arguments},
        }

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: Ids) -> dict[str, str]:
        """Return no id: Ollama gives none; a given one is sent all the same."""
        return {"x-request-id": turn.request_id} if turn is not None and turn.request_id else {}

    def error(self, problem: Problem, provider: str, ids: Ids) -> dict[str, Any]:
        """Return an error body: a text."""
        text = "model 'the-one-that-was-asked-for' not found" if problem.kind == "unknown_model" else problem.text()
        return {"error": problem.message or text}

    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return a line with an error."""
        return encode_json(self.error(problem, asked.provider, ids)) + b"\n"

    def unknown_event(self) -> bytes:
        """Return a line with keys that nobody knows."""
        return encode_json({"novelty": "nobody knows me", "done": False}) + b"\n"

    def frame(self, text: bytes) -> bytes:
        """Return text as one line."""
        return text + b"\n"

    def event_line(self) -> tuple[bytes, bytes]:
        """Return how a line opens and ends."""
        return b'{"message":{"content":"', b"\n"


def _said(text: str, thought: str = "", calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Spell a message of `/api/chat`."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thought:
        message["thinking"] = thought
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def _generated(text: str, thought: str = "", calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Spell a piece of `/api/generate`, which knows no tools."""
    return {"response": text, **({"thinking": thought} if thought else {})}


def _counts(turn: ScriptedTurn, asked: Asked) -> dict[str, Any]:
    """Return counts and durations (nanoseconds); what was cached is not told."""
    spent = turn.spent(asked)
    counts = {"total_duration": 50_000_000, "load_duration": 1_000_000}
    if spent.prompt:
        counts |= {"prompt_eval_count": spent.prompt, "prompt_eval_duration": 9_000_000}
    return {**counts, "eval_count": spent.completion, "eval_duration": 40_000_000}


def _heard(messages: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the last words of the user and the tool results after them."""
    prompt = ""
    results: list[str] = []
    for message in messages:
        if message.get("role") == "user":
            prompt, results = text_of(message.get("content")), []
        elif message.get("role") == "tool":
            results.append(text_of(message.get("content")))
    return prompt, tuple(results)
