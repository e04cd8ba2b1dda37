"""OpenAI Chat Completions, and how OpenRouter, the HuggingFace router and compatible hosts differ from it.

Follows https://platform.openai.com/docs/api-reference/chat and https://openrouter.ai/docs (read November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.testing.dialects.dialect import CREATED, Dialect, Ids, Problem, need, sse, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, Call, Offered, ScriptedTurn, pieces, whole

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


class ChatCompletions(Dialect):
    """`POST …/chat/completions` of OpenAI and of everybody who copied it."""

    name = "chat_completions"

    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request."""
        model = need(body, "model", str, "you must provide a model parameter")
        messages = need(body, "messages", list, "Missing required parameter: 'messages'.")
        prompt, results = _heard(messages)
        form = body.get("response_format") or {}
        schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else form.get("value")
        options = body.get("stream_options") or {}
        return Asked(
            provider,
            model,
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(map(_offered, (t["function"] for t in body.get("tools") or () if "function" in t))),
            choice=_choice(body.get("tool_choice")),
            schema=schema,
            json_mode=form.get("type") == "json_object",
            thinking=_wants_thinking(provider, body),
            include_usage=bool(options.get("include_usage")),
            obfuscate=options.get("include_obfuscation") is not False,
            body=body,
        )

    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into chunks or a `chat.completion`."""
        spell = _OpenRouter if asked.provider == "openrouter" else _Plain
        return spell(self, turn, asked, ids).streamed() if asked.stream else spell(self, turn, asked, ids).at_once()

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: Ids) -> dict[str, str]:
        """Return the header with the request's id."""
        given = turn.request_id if turn is not None else None
        if provider == "openrouter":
            return {"x-generation-id": given or ids.new("gen-")}
        extra = {"openai-version": "2020-10-01", "openai-processing-ms": "12"} if provider == "openai" else {}
        return {"x-request-id": given or ids.new("req_"), **extra}

    def rate_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """OpenAI tells durations such as `6m0s` in its rate headers, beside what remains of that rate."""
        minutes, rest = divmod(seconds, 60)
        duration = f"{minutes:g}m{rest:g}s" if minutes else f"{rest:g}s"
        return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": duration}, None

    def error(self, problem: Problem, provider: str, ids: Ids) -> dict[str, Any]:
        """Return an error body: OpenAI's, OpenRouter's with a number for a code, or HuggingFace's bare text."""
        if provider == "openrouter":
            return {"error": _openrouter_error(problem)}
        if provider == "huggingface" and problem.kind in {"bad_key", "no_key", "quota", "unknown_path"}:
            return {"error": problem.text()}
        fallback = ("server_error" if problem.status >= 500 else "invalid_request_error", None)
        kind, code = _CODES.get(problem.kind, fallback)
        return {"error": {"message": problem.text(), "type": kind, "param": problem.field, "code": code}}

    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return a chunk with a top-level `error`."""
        body = self.error(problem, asked.provider, ids)
        if asked.provider != "openrouter":
            return sse(body)
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
        base = {"id": ids.new("gen-"), "object": "chat.completion.chunk", "created": CREATED, "model": asked.model}
        return sse({**base, "provider": "Scripted", **body, "choices": [choice]})

    def unknown_event(self) -> bytes:
        """Return an object with keys that nobody knows."""
        return sse({"object": "chat.completion.novelty", "choices": [], "novelty": {"delta": "nobody knows me"}})


class _Plain:
    """Spells one turn as OpenAI, the HuggingFace router and compatible hosts do."""

    def __init__(self, dialect: ChatCompletions, turn: ScriptedTurn, asked: Asked, ids: Ids) -> None:
        self.dialect, self.turn, self.asked, self.ids = dialect, turn, asked, ids
        self.openai = asked.provider == "openai"
        self.base: dict[str, Any] = {
            "id": ids.new(_PREFIX.get(asked.provider, "chatcmpl-")),
            "object": "chat.completion.chunk" if asked.stream else "chat.completion",
            "created": CREATED,
            "model": turn.model or asked.model,
        }
        if self.openai:
            self.base |= {"service_tier": "default", "system_fingerprint": "fp_scripted"}
        self.calls = [self.call(index, call) for index, call in enumerate(turn.tool_calls)]

    def call(self, index: int, call: Call) -> dict[str, Any]:
        """Spell one call of a tool."""
        made = {"id": call.id or self.ids.new("call_"), "type": "function"}
        return {**made, "function": {"name": call.name, "arguments": whole(call.json)}}

    @property
    def finish(self) -> str:
        """The finish reason in this dialect's word."""
        return _FINISH.get(self.turn.finish_word, self.turn.finish_word)

    def usage(self) -> dict[str, Any]:
        """Spell the usage; cached and thinking tokens are subsets here."""
        spent = self.turn.spent(self.asked)
        sums = {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
        }
        inside: dict[str, Any] = {"cached_tokens": spent.cache_read}
        if not self.openai:
            return {**sums, "prompt_tokens_details": inside}
        if spent.cache_write:
            inside["cache_write_tokens"] = spent.cache_write
        out = {"reasoning_tokens": spent.reasoning, "audio_tokens": 0}
        out |= {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
        return {**sums, "prompt_tokens_details": {**inside, "audio_tokens": 0}, "completion_tokens_details": out}

    def at_once(self) -> Reply:
        """Spell the turn as one document."""
        message: dict[str, Any] = {"role": "assistant", "content": whole(self.turn.text) or None}
        if self.openai:
            message |= {"refusal": self.turn.refusal or None, "annotations": [dict(b) for b in self.turn.blocks]}
        elif self.turn.reasoning and self.asked.provider in _REASONING:
            message[_REASONING[self.asked.provider]] = whole(self.turn.reasoning)
        if not self.openai:
            message["content"] = whole(self.turn.text)
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        value = {**self.base, "choices": [choice], "usage": self.usage()}
        return self.dialect.document(self.turn, self.asked, self.ids, value)

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        """Spell one chunk."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        value = {**self.base, "choices": [choice]}
        if self.asked.include_usage:
            value["usage"] = None
        if self.openai and self.asked.obfuscate:
            value["obfuscation"] = "x" * (len(str(delta)) % 7)
        return sse(value)

    def thought(self, text: str) -> bytes:
        """Spell a piece of the thinking."""
        return self.chunk({_REASONING[self.asked.provider]: text})

    def content(self) -> list[bytes]:
        """Spell all that comes between the opening chunk and the last."""
        turn, out = self.turn, []
        if self.asked.provider in _REASONING:
            out += [self.thought(text) for text in pieces(turn.reasoning, turn.deltas)]
        out += [self.chunk({"content": text}) for text in pieces(turn.text, turn.deltas)]
        out += [self.chunk({"refusal": text}) for text in pieces(turn.refusal, turn.deltas)]
        for index, call in enumerate(turn.tool_calls):
            start = {"index": index, **self.calls[index], "function": {"name": call.name, "arguments": ""}}
            out.append(self.chunk({"tool_calls": [start]}))
            for text in pieces(call.json, turn.deltas):
                out.append(self.chunk({"tool_calls": [{"index": index, "function": {"arguments": text}}]}))
        return out

    def opening(self) -> dict[str, Any]:
        """Spell the delta of the first chunk."""
        if not self.openai:
            return {"role": "assistant", "content": ""}
        return {"role": "assistant", "content": None if self.calls else "", "refusal": None}

    def streamed(self) -> Reply:
        """Spell the turn as chunks."""
        events = [self.chunk(self.opening()), *self.content()]
        last = len(events)
        events.append(self.chunk({}, self.finish))
        if self.asked.include_usage:
            events.append(sse({**self.base, "choices": [], "usage": self.usage()}))
        events.append(b"data: [DONE]\n\n")
        return self.dialect.stream(self.turn, self.asked, self.ids, events, first=1, last=last)


class _OpenRouter(_Plain):
    """Spells one turn as OpenRouter does: reasoning details, native reasons, costs, comments while it waits."""

    def __init__(self, dialect: ChatCompletions, turn: ScriptedTurn, asked: Asked, ids: Ids) -> None:
        super().__init__(dialect, turn, asked, ids)
        self.base["provider"] = "Scripted"
        self.native = _NATIVE.get(self.finish, self.finish)
        signed = turn.reasoning and turn.signature != ""
        self.signature = (turn.signature or ids.blob("signature")) if signed else None

    def call(self, index: int, call: Call) -> dict[str, Any]:
        """Spell one call; OpenRouter numbers them in documents too."""
        return {"index": index, **super().call(index, call)}

    def detail(self, **fields: str) -> list[dict[str, Any]]:
        """Spell one item of reasoning details."""
        return [{"type": "reasoning.text", **fields, "format": "anthropic-claude-v1", "index": 0}]

    def usage(self) -> dict[str, Any]:
        """Spell the usage with what it cost."""
        spent, cost = self.turn.spent(self.asked), self.turn.cost
        inside = {"cached_tokens": spent.cache_read, "cache_write_tokens": spent.cache_write}
        parts = {"upstream_inference_prompt_cost": cost / 2, "upstream_inference_completions_cost": cost / 2}
        return {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
            "cost": cost,
            "is_byok": False,
            "prompt_tokens_details": {**inside, "audio_tokens": 0, "video_tokens": 0},
            "cost_details": {"upstream_inference_cost": cost, **parts},
            "completion_tokens_details": {"reasoning_tokens": spent.reasoning, "image_tokens": 0, "audio_tokens": 0},
        }

    def at_once(self) -> Reply:
        """Spell the turn as one document."""
        turn = self.turn
        message: dict[str, Any] = {"role": "assistant", "content": whole(turn.text) or turn.refusal, "refusal": None}
        message["reasoning"] = whole(turn.reasoning) or None
        if turn.reasoning:
            signature = {"signature": self.signature} if self.signature else {}
            message["reasoning_details"] = self.detail(text=whole(turn.reasoning), **signature)
        if self.calls:
            message["tool_calls"] = self.calls
        if turn.blocks:
            message["annotations"] = [dict(block) for block in turn.blocks]
        choice = {"index": 0, "logprobs": None, "finish_reason": self.finish, "native_finish_reason": self.native}
        value = {**self.base, "choices": [{**choice, "message": message}], "usage": self.usage()}
        return self.dialect.document(turn, self.asked, self.ids, value)

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        """Spell one chunk."""
        return sse({**self.base, "choices": [self.choice(delta, finish)]})

    def choice(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        """Spell a choice; the role comes with each."""
        told = {"content": "", "role": "assistant", **delta}
        native = self.native if finish else None
        return {"index": 0, "delta": told, "finish_reason": finish, "native_finish_reason": native}

    def thought(self, text: str) -> bytes:
        """Spell a piece of the thinking."""
        return self.chunk({"reasoning": text, "reasoning_details": self.detail(text=text)})

    def content(self) -> list[bytes]:
        """Spell the content; the signature follows the last piece of thinking."""
        turn, out = self.turn, super().content()
        if self.signature:
            at = len(pieces(turn.reasoning, turn.deltas))
            out.insert(at, self.chunk({"reasoning": None, "reasoning_details": self.detail(signature=self.signature)}))
        if turn.blocks:
            out.append(self.chunk({"annotations": [dict(block) for block in turn.blocks]}))
        return out

    def streamed(self) -> Reply:
        """Spell the turn as chunks with comments before them."""
        events = [b": OPENROUTER PROCESSING\n\n"] * 2 + self.content()
        last = len(events)
        events.append(self.chunk({}, self.finish))
        events.append(sse({**self.base, "choices": [self.choice({}, self.finish)], "usage": self.usage()}))
        events.append(b"data: [DONE]\n\n")
        return self.dialect.stream(self.turn, self.asked, self.ids, events, first=2, last=last)


def _openrouter_error(problem: Problem) -> dict[str, Any]:
    kind = _OPENROUTER_KINDS.get(problem.kind)
    return {"code": problem.status, "message": problem.text(), **({"metadata": {"error_type": kind}} if kind else {})}


def _offered(function: Mapping[str, Any]) -> Offered:
    return Offered(function.get("name", ""), function.get("parameters") or {})


def _choice(choice: Any) -> str | None:
    if isinstance(choice, Mapping):
        return str(choice.get("function", choice).get("name", "required"))
    return None if choice in {None, "auto"} else str(choice)


def _wants_thinking(provider: str, body: Mapping[str, Any]) -> bool:
    if provider != "openrouter":
        return bool(body.get("reasoning_effort")) and body["reasoning_effort"] != "none"
    wanted = body.get("reasoning") or {}
    return bool(wanted) and wanted.get("effort") != "none" and wanted.get("enabled") is not False


def _heard(messages: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Return the last words of the user and the tool results after them."""
    prompt = ""
    results: list[str] = []
    for message in messages:
        if message.get("role") == "user":
            prompt, results = text_of(message.get("content")), []
        elif message.get("role") == "tool":
            results.append(text_of(message.get("content")))
    return prompt, tuple(results)
