"""OpenAI Chat Completions, and the variants of OpenRouter, the HuggingFace router and compatible hosts.

Follows https://platform.openai.com/docs/api-reference/chat and https://openrouter.ai/docs (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.testing.dialects.dialect import (
    CREATED,
    IdSequence,
    Problem,
    ScriptedDialect,
    require_field,
    sse_event,
    text_of,
)
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import OfferedTool, ParsedRequest, ScriptedToolCall, ScriptedTurn, join_text, split_text

_FINISH = {"refusal": "stop", "paused": "stop"}
_NATIVE = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_REASONING = {
    "openrouter": "reasoning",
    "huggingface": "reasoning_content",
    "compatible": "reasoning_content",
    "ollama": "reasoning",
}
_PREFIX = {"openrouter": "gen-", "huggingface": "oc-"}
_CODES: dict[str, tuple[str, str | None]] = {  # kind or status -> type, code
    "bad_key": ("invalid_request_error", "invalid_api_key"),
    "no_key": ("invalid_request_error", None),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "context_length": ("invalid_request_error", "context_length_exceeded"),
    "unknown_model": ("invalid_request_error", "model_not_found"),
    "unknown_path": ("invalid_request_error", None),
    "rate_limit": ("requests", "rate_limit_exceeded"),
    "overloaded": ("server_error", "overloaded"),
}
_OPENROUTER_KINDS = {
    "rate_limit": "rate_limit_exceeded",
    "overloaded": "provider_overloaded",
    "context_length": "context_length_exceeded",
    "quota": "insufficient_credits",
}


class ChatCompletionsDialect(ScriptedDialect):
    """`POST …/chat/completions` of OpenAI and of compatible hosts."""

    name = "chat_completions"

    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request."""
        model = require_field(body, "model", str, "you must provide a model parameter")
        messages = require_field(body, "messages", list, "Missing required parameter: 'messages'.")
        prompt, results = _last_prompt(messages)
        form = body.get("response_format") or {}
        schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else form.get("value")
        options = body.get("stream_options") or {}
        return ParsedRequest(
            provider,
            model,
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(map(_parse_tool, (t["function"] for t in body.get("tools") or () if "function" in t))),
            choice=_parse_tool_choice(body.get("tool_choice")),
            schema=schema,
            json_mode=form.get("type") == "json_object",
            thinking=_wants_thinking(provider, body),
            include_usage=bool(options.get("include_usage")),
            obfuscate=options.get("include_obfuscation") is not False,
            body=body,
        )

    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn as chunks or a `chat.completion`."""
        builder = _OpenRouterReplyBuilder if request.provider == "openrouter" else _ReplyBuilder
        return (
            builder(self, turn, request, ids).stream_reply()
            if request.stream
            else builder(self, turn, request, ids).document_reply()
        )

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: IdSequence) -> dict[str, str]:
        """Return the header with the request's id."""
        given = turn.request_id if turn is not None else None
        if provider == "openrouter":
            return {"x-generation-id": given or ids.new("gen-")}
        extra = {"openai-version": "2020-10-01", "openai-processing-ms": "12"} if provider == "openai" else {}
        return {"x-request-id": given or ids.new("req_"), **extra}

    def retry_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """Return OpenAI's rate limit headers: the remaining requests, and a duration such as `6m0s`."""
        minutes, rest = divmod(seconds, 60)
        duration = f"{minutes:g}m{rest:g}s" if minutes else f"{rest:g}s"
        return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": duration}, None

    def error_body(self, problem: Problem, provider: str, ids: IdSequence) -> dict[str, Any]:
        """Return an error body: OpenAI's, OpenRouter's with a numeric code, or HuggingFace's plain text."""
        if provider == "openrouter":
            return {"error": _openrouter_error(problem)}
        if provider == "huggingface" and problem.kind in {"bad_key", "no_key", "quota", "unknown_path"}:
            return {"error": problem.text()}
        fallback = ("server_error" if problem.status >= 500 else "invalid_request_error", None)
        kind, code = _CODES.get(problem.kind, fallback)
        return {"error": {"message": problem.text(), "type": kind, "param": problem.field, "code": code}}

    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return a chunk with a top-level `error`."""
        body = self.error_body(problem, request.provider, ids)
        if request.provider != "openrouter":
            return sse_event(body)
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
        base = {"id": ids.new("gen-"), "object": "chat.completion.chunk", "created": CREATED, "model": request.model}
        return sse_event({**base, "provider": "Scripted", **body, "choices": [choice]})

    def unknown_event(self) -> bytes:
        """Return an object with unknown keys."""
        return sse_event({"object": "chat.completion.novelty", "choices": [], "novelty": {"delta": "unknown"}})


class _ReplyBuilder:
    """Encodes a turn as OpenAI, the HuggingFace router and compatible hosts do."""

    def __init__(
        self, dialect: ChatCompletionsDialect, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence
    ) -> None:
        self.dialect, self.turn, self.request, self.ids = dialect, turn, request, ids
        self.openai = request.provider == "openai"
        self.base: dict[str, Any] = {
            "id": ids.new(_PREFIX.get(request.provider, "chatcmpl-")),
            "object": "chat.completion.chunk" if request.stream else "chat.completion",
            "created": CREATED,
            "model": turn.model or request.model,
        }
        if self.openai:
            self.base |= {"service_tier": "default", "system_fingerprint": "fp_scripted"}
        self.calls = [self.tool_call(index, call) for index, call in enumerate(turn.tool_calls)]

    def tool_call(self, index: int, call: ScriptedToolCall) -> dict[str, Any]:
        """Return a tool call."""
        made = {"id": call.id or self.ids.new("call_"), "type": "function"}
        return {**made, "function": {"name": call.name, "arguments": join_text(call.json)}}

    @property
    def finish(self) -> str:
        """The finish reason as this dialect names it."""
        return _FINISH.get(self.turn.finish_reason, self.turn.finish_reason)

    def usage(self) -> dict[str, Any]:
        """Return the usage; cached and reasoning tokens are subsets."""
        spent = self.turn.usage_for(self.request)
        sums = {
            "prompt_tokens": spent.total_input,
            "completion_tokens": spent.total_output,
            "total_tokens": spent.total_input + spent.total_output,
        }
        inside: dict[str, Any] = {"cached_tokens": spent.cache_read}
        if not self.openai:
            return {**sums, "prompt_tokens_details": inside}
        if spent.cache_write:
            inside["cache_write_tokens"] = spent.cache_write
        out = {"reasoning_tokens": spent.reasoning, "audio_tokens": 0}
        out |= {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
        return {**sums, "prompt_tokens_details": {**inside, "audio_tokens": 0}, "completion_tokens_details": out}

    def document_reply(self) -> Reply:
        """Return the turn as a `chat.completion`."""
        message: dict[str, Any] = {"role": "assistant", "content": join_text(self.turn.text) or None}
        if self.openai:
            message |= {"refusal": self.turn.refusal or None, "annotations": [dict(b) for b in self.turn.blocks]}
        elif self.turn.reasoning and self.request.provider in _REASONING:
            message[_REASONING[self.request.provider]] = join_text(self.turn.reasoning)
        if not self.openai:
            message["content"] = join_text(self.turn.text)
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        value = {**self.base, "choices": [choice], "usage": self.usage()}
        return self.dialect.document_reply(self.turn, self.request, self.ids, value)

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        """Return a chunk."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        value = {**self.base, "choices": [choice]}
        if self.request.include_usage:
            value["usage"] = None
        if self.openai and self.request.obfuscate:
            value["obfuscation"] = "x" * (len(str(delta)) % 7)
        return sse_event(value)

    def reasoning_chunk(self, text: str) -> bytes:
        """Return a chunk of the reasoning."""
        return self.chunk({_REASONING[self.request.provider]: text})

    def content_chunks(self) -> list[bytes]:
        """Return the chunks between the first and the last."""
        turn, out = self.turn, []
        if self.request.provider in _REASONING:
            out += [self.reasoning_chunk(text) for text in split_text(turn.reasoning, turn.deltas)]
        out += [self.chunk({"content": text}) for text in split_text(turn.text, turn.deltas)]
        out += [self.chunk({"refusal": text}) for text in split_text(turn.refusal, turn.deltas)]
        for index, call in enumerate(turn.tool_calls):
            start = {"index": index, **self.calls[index], "function": {"name": call.name, "arguments": ""}}
            out.append(self.chunk({"tool_calls": [start]}))
            for text in split_text(call.json, turn.deltas):
                out.append(self.chunk({"tool_calls": [{"index": index, "function": {"arguments": text}}]}))
        return out

    def first_delta(self) -> dict[str, Any]:
        """Return the delta of the first chunk."""
        if not self.openai:
            return {"role": "assistant", "content": ""}
        return {"role": "assistant", "content": None if self.calls else "", "refusal": None}

    def stream_reply(self) -> Reply:
        """Return the turn as chunks."""
        events = [self.chunk(self.first_delta()), *self.content_chunks()]
        last = len(events)
        events.append(self.chunk({}, self.finish))
        if self.request.include_usage:
            events.append(sse_event({**self.base, "choices": [], "usage": self.usage()}))
        events.append(b"data: [DONE]\n\n")
        return self.dialect.stream_reply(self.turn, self.request, self.ids, events, first=1, last=last)


class _OpenRouterReplyBuilder(_ReplyBuilder):
    """Encodes a turn as OpenRouter does: with reasoning details, native finish reasons, costs and comments."""

    def __init__(
        self, dialect: ChatCompletionsDialect, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence
    ) -> None:
        super().__init__(dialect, turn, request, ids)
        self.base["provider"] = "Scripted"
        self.native = _NATIVE.get(self.finish, self.finish)
        signed = turn.reasoning and turn.signature != ""
        self.signature = (turn.signature or ids.blob("signature")) if signed else None

    def tool_call(self, index: int, call: ScriptedToolCall) -> dict[str, Any]:
        """Return a tool call; OpenRouter sends its index in documents too."""
        return {"index": index, **super().tool_call(index, call)}

    def reasoning_details(self, **fields: str) -> list[dict[str, Any]]:
        """Return `reasoning_details` with one item."""
        return [{"type": "reasoning.text", **fields, "format": "anthropic-claude-v1", "index": 0}]

    def usage(self) -> dict[str, Any]:
        """Return the usage with the cost."""
        spent, cost = self.turn.usage_for(self.request), self.turn.cost
        inside = {"cached_tokens": spent.cache_read, "cache_write_tokens": spent.cache_write}
        parts = {"upstream_inference_prompt_cost": cost / 2, "upstream_inference_completions_cost": cost / 2}
        return {
            "prompt_tokens": spent.total_input,
            "completion_tokens": spent.total_output,
            "total_tokens": spent.total_input + spent.total_output,
            "cost": cost,
            "is_byok": False,
            "prompt_tokens_details": {**inside, "audio_tokens": 0, "video_tokens": 0},
            "cost_details": {"upstream_inference_cost": cost, **parts},
            "completion_tokens_details": {"reasoning_tokens": spent.reasoning, "image_tokens": 0, "audio_tokens": 0},
        }

    def document_reply(self) -> Reply:
        """Return the turn as a `chat.completion`."""
        turn = self.turn
        message: dict[str, Any] = {
            "role": "assistant",
            "content": join_text(turn.text) or turn.refusal,
            "refusal": None,
        }
        message["reasoning"] = join_text(turn.reasoning) or None
        if turn.reasoning:
            signature = {"signature": self.signature} if self.signature else {}
            message["reasoning_details"] = self.reasoning_details(text=join_text(turn.reasoning), **signature)
        if self.calls:
            message["tool_calls"] = self.calls
        if turn.blocks:
            message["annotations"] = [dict(block) for block in turn.blocks]
        choice = {"index": 0, "logprobs": None, "finish_reason": self.finish, "native_finish_reason": self.native}
        value = {**self.base, "choices": [{**choice, "message": message}], "usage": self.usage()}
        return self.dialect.document_reply(turn, self.request, self.ids, value)

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        """Return a chunk."""
        return sse_event({**self.base, "choices": [self.choice(delta, finish)]})

    def choice(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        """Return a choice; each one has the role."""
        full = {"content": "", "role": "assistant", **delta}
        native = self.native if finish else None
        return {"index": 0, "delta": full, "finish_reason": finish, "native_finish_reason": native}

    def reasoning_chunk(self, text: str) -> bytes:
        """Return a chunk of the reasoning."""
        return self.chunk({"reasoning": text, "reasoning_details": self.reasoning_details(text=text)})

    def content_chunks(self) -> list[bytes]:
        """Return the chunks of the content; the signature follows the reasoning."""
        turn, out = self.turn, super().content_chunks()
        if self.signature:
            at = len(split_text(turn.reasoning, turn.deltas))
            out.insert(
                at,
                self.chunk({"reasoning": None, "reasoning_details": self.reasoning_details(signature=self.signature)}),
            )
        if turn.blocks:
            out.append(self.chunk({"annotations": [dict(block) for block in turn.blocks]}))
        return out

    def stream_reply(self) -> Reply:
        """Return the turn as chunks, with comments before them."""
        events = [b": OPENROUTER PROCESSING\n\n"] * 2 + self.content_chunks()
        last = len(events)
        events.append(self.chunk({}, self.finish))
        events.append(sse_event({**self.base, "choices": [self.choice({}, self.finish)], "usage": self.usage()}))
        events.append(b"data: [DONE]\n\n")
        return self.dialect.stream_reply(self.turn, self.request, self.ids, events, first=2, last=last)


def _openrouter_error(problem: Problem) -> dict[str, Any]:
    kind = _OPENROUTER_KINDS.get(problem.kind)
    return {"code": problem.status, "message": problem.text(), **({"metadata": {"error_type": kind}} if kind else {})}


def _parse_tool(function: Mapping[str, Any]) -> OfferedTool:
    return OfferedTool(function.get("name", ""), function.get("parameters") or {})


def _parse_tool_choice(choice: Any) -> str | None:
    if isinstance(choice, Mapping):
        return str(choice.get("function", choice).get("name", "required"))
    return None if choice in {None, "auto"} else str(choice)


def _wants_thinking(provider: str, body: Mapping[str, Any]) -> bool:
    if provider != "openrouter":
        return bool(body.get("reasoning_effort")) and body["reasoning_effort"] != "none"
    wanted = body.get("reasoning") or {}
    return bool(wanted) and wanted.get("effort") != "none" and wanted.get("enabled") is not False


def _last_prompt(messages: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the text of the user's last message and the tool results after it."""
    prompt = ""
    results: list[str] = []
    for message in messages:
        if message.get("role") == "user":
            prompt, results = text_of(message.get("content")), []
        elif message.get("role") == "tool":
            results.append(text_of(message.get("content")))
    return prompt, tuple(results)
