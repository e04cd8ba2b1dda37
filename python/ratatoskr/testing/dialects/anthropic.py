"""Anthropic Messages.

Follows https://docs.anthropic.com/en/api/messages-streaming and …/errors (read November 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ratatoskr.testing.dialects.dialect import Dialect, Ids, Problem, Refused, need, sse, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, Offered, ScriptedTurn, Texts, encode_json, pieces, whole

_STOP = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "paused": "pause_turn",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    "bad_key": "invalid x-api-key",
    "no_key": "x-api-key header is required",
    "context_length": "prompt is too long: 210000 tokens > 200000 maximum",
    "quota": "Your credit balance is too low to access the Anthropic API.",
}
VERSIONS = frozenset({"2023-06-01", "2026-10-21"})


class Messages(Dialect):
    """`POST /v1/messages`."""

    name = "anthropic"
    keep_alive = sse({"type": "ping"}, "ping")

    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request; the version header and `max_tokens` are required here."""
        version = headers.get("anthropic-version")
        if version not in VERSIONS:
            problem = "anthropic-version: header is required" if version is None else "anthropic-version: unknown"
            raise Refused(Problem(400, message=problem))
        model = need(body, "model", str, "model: Field required")
        messages = need(body, "messages", list, "messages: Field required")
        if not isinstance(body.get("max_tokens"), int):
            raise Refused(Problem(400, message="max_tokens: Field required"))
        if version == "2026-10-21":
            for name in ("temperature", "top_p", "top_k"):
                if name in body:
                    raise Refused(Problem(400, message=f"{name}: Extra inputs are not permitted"))
        prompt, results = _heard(messages)
        choice = body.get("tool_choice") or {}
        form = (body.get("output_config") or {}).get("format") or {}
        return Asked(
            provider,
            model,
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(Offered(t["name"], t["input_schema"]) for t in body.get("tools") or () if "input_schema" in t),
            choice={"none": "none", "any": "required", "tool": choice.get("name")}.get(choice.get("type", "")),
            schema=form.get("schema"),
            thinking=(body.get("thinking") or {}).get("type") in {"adaptive", "enabled", "between_tools"},
            body=body,
        )

    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into events or a `message`."""
        blocks = list(self._blocks(turn, ids))
        stop = _STOP.get(turn.finish_word, turn.finish_word)
        base = {"model": turn.model or asked.model, "id": ids.new("msg_"), "type": "message", "role": "assistant"}
        start, end = _usage(turn, asked)
        ending = {"stop_reason": stop, "stop_sequence": None, "stop_details": None}
        if not asked.stream:
            return self.document(turn, asked, ids, {**base, "content": blocks, **ending, "usage": {**start, **end}})
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
        events = [sse({"type": "message_start", "message": {**base, **empty, "usage": start}}, "message_start")]
        for index, block in enumerate(blocks):
            events += self._told(index, block, turn)
        events.insert(min(2, len(events)), self.keep_alive)
        last = len(events)
        events.append(sse({"type": "message_delta", "delta": ending, "usage": end}, "message_delta"))
        events.append(sse({"type": "message_stop"}, "message_stop"))
        starts_with_call = bool(blocks) and blocks[0]["type"] == "tool_use"
        return self.stream(turn, asked, ids, events, first=1 if starts_with_call else min(3, last), last=last)

    def _blocks(self, turn: ScriptedTurn, ids: Ids) -> Iterator[dict[str, Any]]:
        """Spell the finished blocks."""
        if turn.reasoning or turn.signature:
            signature = ids.blob("signature") if turn.signature is None else turn.signature
            yield {"type": "thinking", "thinking": whole(turn.reasoning), "signature": signature}
        yield from (dict(block) for block in turn.blocks)
        if turn.text or turn.refusal:
            yield {"type": "text", "text": whole(turn.text) or turn.refusal}
        for call in turn.tool_calls:
            made = {"type": "tool_use", "id": call.id or ids.new("toolu_"), "name": call.name}
            yield {**made, "input": dict(call.arguments) if isinstance(call.arguments, Mapping) else call.arguments}

    def _told(self, index: int, block: dict[str, Any], turn: ScriptedTurn) -> Iterator[bytes]:
        """Tell one block from start to stop."""
        deltas: list[dict[str, Any]] = []
        match block["type"]:
            case "thinking":
                deltas = [
                    {"type": "thinking_delta", "thinking": t} for t in _cut(block["thinking"], turn.reasoning, turn)
                ]
                deltas += [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case "text":
                deltas = [{"type": "text_delta", "text": t} for t in _cut(block["text"], turn.text, turn)]
                cited = block.get("citations") or ()
                deltas += [{"type": "citations_delta", "citation": citation} for citation in cited]
                block = {**({"citations": []} if cited else {}), "type": "text", "text": ""}
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                given = block["input"]
                told = pieces(encode_json(given).decode() if isinstance(given, Mapping) else given, turn.deltas)
                deltas = [{"type": "input_json_delta", "partial_json": t} for t in ["", *told]]
                block = {**block, "input": {}}
        start = {"type": "content_block_start", "index": index, "content_block": block}
        yield sse(start, "content_block_start")
        for delta in deltas:
            yield sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: Ids) -> dict[str, str]:
        """Return the header with the request's id."""
        given = turn.request_id if turn is not None else None
        return {"request-id": given or ids.new("req_")}

    def error(self, problem: Problem, provider: str, ids: Ids) -> dict[str, Any]:
        """Return an error body."""
        kind = _TYPES.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
        message = problem.message or _MESSAGES.get(problem.kind) or problem.text()
        if problem.kind == "unknown_model" and not problem.message:
            message = "model: the one that was asked for"
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": ids.new("req_")}

    def refuse(self, problem: Problem, provider: str, ids: Ids) -> Reply:
        """Return a whole error response, whose head and body name the same request."""
        body = self.error(problem, provider, ids)
        headers = {"content-type": self.json_type, "request-id": body["request_id"]}
        return Reply(problem.status, headers, [encode_json(body)])

    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return an `error` event."""
        return sse(self.error(problem, asked.provider, ids), "error")

    def unknown_event(self) -> bytes:
        """Return an event of a type that nobody knows."""
        return sse({"type": "content_block_novelty", "index": 0, "novelty": "nobody knows me"}, "content_block_novelty")

    def frame(self, text: bytes) -> bytes:
        """Return text as one named event."""
        return b"event: content_block_delta\ndata: " + text + b"\n\n"


def _cut(text: str, scripted: Texts, turn: ScriptedTurn) -> list[str]:
    """Cut a block's text into deltas: those that the script gave, where it is the script's text."""
    return pieces(scripted if whole(scripted) == text else text, turn.deltas)


def _usage(turn: ScriptedTurn, asked: Asked) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return usage as it stands at the start and the totals at the end, which overwrite it."""
    spent = turn.spent(asked)
    inside = {
        "input_tokens": spent.input,
        "cache_creation_input_tokens": spent.cache_write,
        "cache_read_input_tokens": spent.cache_read,
    }
    written = {"ephemeral_5m_input_tokens": spent.cache_write, "ephemeral_1h_input_tokens": 0}
    start = {**inside, "cache_creation": written, "output_tokens": 1}
    start |= {"service_tier": "standard", "inference_geo": "global"}
    details = {"output_tokens_details": {"thinking_tokens": spent.reasoning}} if spent.reasoning else {}
    return start, {**inside, "output_tokens": spent.completion, **details}


def _heard(messages: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the last words of the user and the tool results after them."""
    prompt, results = "", []
    for message in messages:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        answers = [text_of(block.get("content")) for block in blocks if block.get("type") == "tool_result"]
        if answers:
            results += answers
        else:
            prompt, results = text_of([b for b in blocks if b.get("type") == "text"]), []
    return prompt, tuple(results)
