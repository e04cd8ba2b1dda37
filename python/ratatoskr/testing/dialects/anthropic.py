"""Anthropic Messages.

Follows https://docs.anthropic.com/en/api/messages-streaming and …/errors (read November 2026).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ratatoskr.testing.dialects.dialect import (
    IdSequence,
    Problem,
    RequestRefused,
    ScriptedDialect,
    require_field,
    sse_event,
    text_of,
)
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import OfferedTool, ParsedRequest, ScriptedTurn, Texts, encode_json, join_text, split_text

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


class AnthropicDialect(ScriptedDialect):
    """`POST /v1/messages`."""

    name = "anthropic"
    keep_alive = sse_event({"type": "ping"}, "ping")

    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request; the version header and `max_tokens` are required."""
        version = headers.get("anthropic-version")
        if version not in VERSIONS:
            problem = "anthropic-version: header is required" if version is None else "anthropic-version: unknown"
            raise RequestRefused(Problem(400, message=problem))
        model = require_field(body, "model", str, "model: Field required")
        messages = require_field(body, "messages", list, "messages: Field required")
        if not isinstance(body.get("max_tokens"), int):
            raise RequestRefused(Problem(400, message="max_tokens: Field required"))
        if version == "2026-10-21":
            for name in ("temperature", "top_p", "top_k"):
                if name in body:
                    raise RequestRefused(Problem(400, message=f"{name}: Extra inputs are not permitted"))
        prompt, results = _last_prompt(messages)
        choice = body.get("tool_choice") or {}
        form = (body.get("output_config") or {}).get("format") or {}
        return ParsedRequest(
            provider,
            model,
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(
                OfferedTool(t["name"], t["input_schema"]) for t in body.get("tools") or () if "input_schema" in t
            ),
            choice={"none": "none", "any": "required", "tool": choice.get("name")}.get(choice.get("type", "")),
            schema=form.get("schema"),
            thinking=(body.get("thinking") or {}).get("type") in {"adaptive", "enabled", "between_tools"},
            body=body,
        )

    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn as events or a `message`."""
        blocks = list(self._content_blocks(turn, ids))
        stop = _STOP.get(turn.finish_reason, turn.finish_reason)
        base = {"model": turn.model or request.model, "id": ids.new("msg_"), "type": "message", "role": "assistant"}
        start, end = _usage(turn, request)
        ending = {"stop_reason": stop, "stop_sequence": None, "stop_details": None}
        if not request.stream:
            return self.document_reply(
                turn, request, ids, {**base, "content": blocks, **ending, "usage": {**start, **end}}
            )
        empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
        events = [sse_event({"type": "message_start", "message": {**base, **empty, "usage": start}}, "message_start")]
        for index, block in enumerate(blocks):
            events += self._block_events(index, block, turn)
        events.insert(min(2, len(events)), self.keep_alive)
        last = len(events)
        events.append(sse_event({"type": "message_delta", "delta": ending, "usage": end}, "message_delta"))
        events.append(sse_event({"type": "message_stop"}, "message_stop"))
        starts_with_call = bool(blocks) and blocks[0]["type"] == "tool_use"
        return self.stream_reply(turn, request, ids, events, first=1 if starts_with_call else min(3, last), last=last)

    def _content_blocks(self, turn: ScriptedTurn, ids: IdSequence) -> Iterator[dict[str, Any]]:
        """Yield the content blocks."""
        if turn.reasoning or turn.signature:
            signature = ids.blob("signature") if turn.signature is None else turn.signature
            yield {"type": "thinking", "thinking": join_text(turn.reasoning), "signature": signature}
        yield from (dict(block) for block in turn.blocks)
        if turn.text or turn.refusal:
            yield {"type": "text", "text": join_text(turn.text) or turn.refusal}
        for call in turn.tool_calls:
            made = {"type": "tool_use", "id": call.id or ids.new("toolu_"), "name": call.name}
            yield {**made, "input": dict(call.arguments) if isinstance(call.arguments, Mapping) else call.arguments}

    def _block_events(self, index: int, block: dict[str, Any], turn: ScriptedTurn) -> Iterator[bytes]:
        """Yield the events of one block, from start to stop."""
        deltas: list[dict[str, Any]] = []
        match block["type"]:
            case "thinking":
                deltas = [
                    {"type": "thinking_delta", "thinking": t}
                    for t in _split_block(block["thinking"], turn.reasoning, turn)
                ]
                deltas += [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case "text":
                deltas = [{"type": "text_delta", "text": t} for t in _split_block(block["text"], turn.text, turn)]
                cited = block.get("citations") or ()
                deltas += [{"type": "citations_delta", "citation": citation} for citation in cited]
                block = {**({"citations": []} if cited else {}), "type": "text", "text": ""}
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                given = block["input"]
                parts = split_text(encode_json(given).decode() if isinstance(given, Mapping) else given, turn.deltas)
                deltas = [{"type": "input_json_delta", "partial_json": t} for t in ["", *parts]]
                block = {**block, "input": {}}
        start = {"type": "content_block_start", "index": index, "content_block": block}
        yield sse_event(start, "content_block_start")
        for delta in deltas:
            yield sse_event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield sse_event({"type": "content_block_stop", "index": index}, "content_block_stop")

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: IdSequence) -> dict[str, str]:
        """Return the header with the request's id."""
        given = turn.request_id if turn is not None else None
        return {"request-id": given or ids.new("req_")}

    def error_body(self, problem: Problem, provider: str, ids: IdSequence) -> dict[str, Any]:
        """Return an error body."""
        kind = _TYPES.get(problem.status, "api_error" if problem.status >= 500 else "invalid_request_error")
        message = problem.message or _MESSAGES.get(problem.kind) or problem.text()
        if problem.kind == "unknown_model" and not problem.message:
            message = "model: the one that was asked for"
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": ids.new("req_")}

    def error_reply(self, problem: Problem, provider: str, ids: IdSequence) -> Reply:
        """Return an error response, with the same request id in head and body."""
        body = self.error_body(problem, provider, ids)
        headers = {"content-type": self.json_type, "request-id": body["request_id"]}
        return Reply(problem.status, headers, [encode_json(body)])

    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return an `error` event."""
        return sse_event(self.error_body(problem, request.provider, ids), "error")

    def unknown_event(self) -> bytes:
        """Return an event of an unknown type."""
        return sse_event({"type": "content_block_novelty", "index": 0, "novelty": "unknown"}, "content_block_novelty")

    def frame(self, text: bytes) -> bytes:
        """Return text as one named event."""
        return b"event: content_block_delta\ndata: " + text + b"\n\n"


def _split_block(text: str, scripted: Texts, turn: ScriptedTurn) -> list[str]:
    """Split a block's text into deltas: the ones in the script if it is the text of the script."""
    return split_text(scripted if join_text(scripted) == text else text, turn.deltas)


def _usage(turn: ScriptedTurn, request: ParsedRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the usage at the start and the totals at the end, which replace it."""
    spent = turn.usage_for(request)
    inside = {
        "input_tokens": spent.input,
        "cache_creation_input_tokens": spent.cache_write,
        "cache_read_input_tokens": spent.cache_read,
    }
    written = {"ephemeral_5m_input_tokens": spent.cache_write, "ephemeral_1h_input_tokens": 0}
    start = {**inside, "cache_creation": written, "output_tokens": 1}
    start |= {"service_tier": "standard", "inference_geo": "global"}
    details = {"output_tokens_details": {"thinking_tokens": spent.reasoning}} if spent.reasoning else {}
    return start, {**inside, "output_tokens": spent.total_output, **details}


def _last_prompt(messages: list[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the text of the user's last message and the tool results after it."""
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
