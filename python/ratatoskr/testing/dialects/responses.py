"""OpenAI Responses, and OpenRouter's variant.

Follows https://platform.openai.com/docs/api-reference/responses-streaming (read November 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ratatoskr.testing.dialects.chat_completions import ChatCompletionsDialect
from ratatoskr.testing.dialects.dialect import CREATED, IdSequence, Problem, RequestRefused, sse_event, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import OfferedTool, ParsedRequest, ScriptedTurn, join_text, split_text

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_CODES = {"rate_limit": "rate_limit_exceeded", "quota": "insufficient_quota", "bad_key": "invalid_api_key"}


class ResponsesDialect(ChatCompletionsDialect):
    """`POST …/responses`. Errors before a stream are those of Chat Completions."""

    name = "responses"

    def parse(
        self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> ParsedRequest:
        """Parse a request."""
        if not body.get("model"):
            raise RequestRefused(Problem(400, message="Missing required parameter: 'model'.", field="model"))
        if not body.get("input"):
            raise RequestRefused(Problem(400, message="Missing required parameter: 'input'.", field="input"))
        prompt, results = _last_prompt(body["input"])
        form = (body.get("text") or {}).get("format") or {}
        choice = body.get("tool_choice")
        reasoning = body.get("reasoning") or {}
        return ParsedRequest(
            provider,
            body["model"],
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(
                OfferedTool(tool["name"], tool.get("parameters") or {})
                for tool in body.get("tools") or ()
                if tool.get("type") == "function"
            ),
            choice=choice.get("name") if isinstance(choice, Mapping) else choice if choice != "auto" else None,
            schema=form.get("schema"),
            json_mode=form.get("type") == "json_object",
            thinking=bool(reasoning) and reasoning.get("effort") != "none",
            obfuscate=(body.get("stream_options") or {}).get("include_obfuscation") is not False,
            body=body,
        )

    def reply(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> Reply:
        """Encode a turn as events or a `response`."""
        builder = _ResponseBuilder(turn, request, ids)
        if not request.stream:
            return self.document_reply(turn, request, ids, builder.response(builder.status, builder.items()))
        events, first = builder.events()
        last = len(events)
        events += [builder.final_event(), *([b"data: [DONE]\n\n"] if request.provider == "openrouter" else [])]
        return self.stream_reply(turn, request, ids, events, first=first, last=last)

    def stream_error(self, problem: Problem, request: ParsedRequest, ids: IdSequence) -> bytes:
        """Return an `error` event."""
        code = _CODES.get(problem.kind, "server_error")
        value = {"type": "error", "code": code, "message": problem.text(), "param": None, "sequence_number": 99}
        return sse_event(value, "error")

    def frame(self, text: bytes) -> bytes:
        """Return text as one named event."""
        return b"event: response.output_text.delta\ndata: " + text + b"\n\n"

    def unknown_event(self) -> bytes:
        """Return an event of an unknown type."""
        value = {"type": "response.novelty.delta", "delta": "unknown", "sequence_number": 98}
        return sse_event(value, "response.novelty.delta")


class _ResponseBuilder:
    """Encodes a turn as output items and as events."""

    def __init__(self, turn: ScriptedTurn, request: ParsedRequest, ids: IdSequence) -> None:
        self.turn, self.request, self.ids = turn, request, ids
        self.names_events = request.provider != "openrouter"  # OpenRouter's events have no names
        self.count = 0
        self.id = ids.new("resp_" if self.names_events else "gen-")
        word = turn.finish_reason
        self.reason = _REASONS.get(word)
        self.status = "incomplete" if self.reason else "completed"
        signed = turn.reasoning and turn.signature != ""
        self.encrypted = (turn.signature or ids.blob("encrypted reasoning")) if signed or turn.signature else None
        self.reasoning_id = ids.new("rs_")
        self.message_id = ids.new("msg_")
        self.calls = [(call.id or ids.new("call_"), ids.new("fc_"), call) for call in turn.tool_calls]

    def response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the response object, with the settings of the request."""
        body, over = self.request.body, status not in {"in_progress", "queued"}
        form = (body.get("text") or {}).get("format") or {"type": "text"}
        reasoning = body.get("reasoning") or {}
        return {
            "id": self.id,
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": False,
            "completed_at": CREATED + 1 if status == "completed" else None,
            "error": None,
            "frequency_penalty": 0.0,
            "incomplete_details": {"reason": self.reason} if over and self.reason else None,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "max_tool_calls": None,
            "model": self.turn.model or self.request.model,
            "output": output,
            "parallel_tool_calls": body.get("parallel_tool_calls", True),
            "presence_penalty": 0.0,
            "previous_response_id": body.get("previous_response_id"),
            "prompt_cache_key": body.get("prompt_cache_key"),
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "safety_identifier": body.get("safety_identifier"),
            "service_tier": "default" if over else "auto",
            "store": body.get("store", True),
            "temperature": body.get("temperature", 1.0),
            "text": {"format": form, "verbosity": "medium"},
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": body.get("tools") or [],
            "top_logprobs": 0,
            "top_p": body.get("top_p", 1.0),
            "truncation": body.get("truncation", "disabled"),
            "usage": self.usage() if over else None,
            "user": None,
            "metadata": body.get("metadata") or {},
        }

    def usage(self) -> dict[str, Any]:
        """Return the usage."""
        spent = self.turn.usage_for(self.request)
        inside = {"cached_tokens": spent.cache_read}
        if spent.cache_write:
            inside["cache_write_tokens"] = spent.cache_write
        usage = {
            "input_tokens": spent.total_input,
            "input_tokens_details": inside,
            "output_tokens": spent.total_output,
            "output_tokens_details": {"reasoning_tokens": spent.reasoning},
            "total_tokens": spent.total_input + spent.total_output,
        }
        if self.names_events:
            return usage
        parts = {"upstream_inference_input_cost": self.turn.cost / 2, "upstream_inference_output_cost": 0.0}
        details = {"upstream_inference_cost": self.turn.cost, **parts}
        return {**usage, "cost": self.turn.cost, "is_byok": False, "cost_details": details}

    def items(self) -> list[dict[str, Any]]:
        """Return the completed output items."""
        turn, out = self.turn, []
        if turn.reasoning or self.encrypted:
            out.append(self.reasoning_item(join_text(turn.reasoning)))
        out += [dict(block) for block in turn.blocks]
        if turn.text or turn.refusal or not (self.calls or out):
            content = [self.text_part(join_text(turn.text))] if turn.text or not turn.refusal else []
            content += [{"type": "refusal", "refusal": turn.refusal}] if turn.refusal else []
            out.append(self.message_item(content, "completed"))
        return out + [
            self.call_item(at, join_text(call.json), "completed") for at, (_, _, call) in enumerate(self.calls)
        ]

    def reasoning_item(self, text: str) -> dict[str, Any]:
        """Return a reasoning item."""
        summary = [{"type": "summary_text", "text": text}] if text else []
        secret = {"encrypted_content": self.encrypted} if self.encrypted else {}
        return {"id": self.reasoning_id, "type": "reasoning", **secret, "summary": summary}

    def text_part(self, text: str) -> dict[str, Any]:
        """Return a part of text."""
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def message_item(self, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
        """Return a message item."""
        made = {"id": self.message_id, "type": "message", "status": status, "content": content}
        return {**made, "role": "assistant"}

    def call_item(self, at: int, arguments: str, status: str) -> dict[str, Any]:
        """Return a function call item."""
        call_id, item_id, call = self.calls[at]
        made = {"id": item_id, "type": "function_call", "status": status, "arguments": arguments}
        return {**made, "call_id": call_id, "name": call.name}

    def event(self, name: str, **fields: Any) -> bytes:
        """Return an event with the next sequence number."""
        made = sse_event({"type": name, **fields, "sequence_number": self.count}, name if self.names_events else "")
        self.count += 1
        return made

    def final_event(self) -> bytes:
        """Return the terminal event."""
        return self.event(f"response.{self.status}", response=self.response(self.status, self.items()))

    def events(self) -> tuple[list[bytes], int]:
        """Return all events but the last, and the index of the first one with content."""
        opening = self.response("in_progress", [])
        out = [] if self.names_events else [b": \n\n"]
        out += [self.event(f"response.{word}", response=opening) for word in ("created", "in_progress")]
        first = 0
        for at, item in enumerate(self.items()):
            events = list(self.item_events(at, item))
            if not first and (item["type"] != "reasoning" or self.turn.reasoning):
                first = len(out) + next((n for n, event in enumerate(events) if b".delta" in event), 0)
            out += events
        return out, first

    def item_events(self, at: int, item: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of an item, from `added` to `done`."""
        middle: Callable[[dict[str, Any]], Iterator[bytes]] | None
        match item["type"]:
            case "reasoning":
                started, middle = {**item, "summary": []}, self.summary_events
            case "message":
                started, middle = {**item, "status": "in_progress", "content": []}, self.message_events
            case "function_call":
                started, middle = {**item, "status": "in_progress", "arguments": ""}, self.argument_events
            case _:
                started, middle = item, None
        yield self.event("response.output_item.added", item=started, output_index=at)
        if middle is not None:
            yield from middle({"item_id": item["id"], "output_index": at})
        yield self.event("response.output_item.done", item=item, output_index=at)

    @property
    def padding(self) -> dict[str, str]:
        """The padding of OpenAI's deltas."""
        return {"obfuscation": "x" * (self.count % 7)} if self.names_events and self.request.obfuscate else {}

    def summary_events(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of the reasoning summary."""
        text = join_text(self.turn.reasoning)
        if not text:
            return
        where = {**where, "summary_index": 0}
        name = "response.reasoning_summary"
        yield self.event(f"{name}_part.added", **where, part={"type": "summary_text", "text": ""})
        for piece in split_text(self.turn.reasoning, self.turn.deltas):
            yield self.event(f"{name}_text.delta", **where, delta=piece, **self.padding)
        yield self.event(f"{name}_text.done", **where, text=text)
        yield self.event(f"{name}_part.done", **where, part={"type": "summary_text", "text": text})

    def message_events(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of the parts of a message: text, refusal."""
        text, refusal = join_text(self.turn.text), self.turn.refusal
        index = 0
        if text or not refusal:
            here = {**where, "content_index": 0}
            yield self.event("response.content_part.added", **here, part=self.text_part(""))
            for piece in split_text(self.turn.text, self.turn.deltas):
                yield self.event("response.output_text.delta", **here, delta=piece, logprobs=[], **self.padding)
            yield self.event("response.output_text.done", **here, text=text, logprobs=[])
            yield self.event("response.content_part.done", **here, part=self.text_part(text))
            index = 1
        if refusal:
            here = {**where, "content_index": index}
            yield self.event("response.content_part.added", **here, part={"type": "refusal", "refusal": ""})
            for piece in split_text(refusal, self.turn.deltas):
                yield self.event("response.refusal.delta", **here, delta=piece)
            yield self.event("response.refusal.done", **here, refusal=refusal)
            yield self.event("response.content_part.done", **here, part={"type": "refusal", "refusal": refusal})

    def argument_events(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Yield the events of the arguments of a call."""
        call = next(call for _, item_id, call in self.calls if item_id == where["item_id"])
        for piece in split_text(call.json, self.turn.deltas):
            yield self.event("response.function_call_arguments.delta", **where, delta=piece, **self.padding)
        yield self.event("response.function_call_arguments.done", **where, arguments=join_text(call.json))


def _last_prompt(items: Any) -> tuple[str, tuple[str, ...]]:
    """Return the text of the user's last message and the tool results after it."""
    if isinstance(items, str):
        return items, ()
    prompt = ""
    results: list[str] = []
    for item in items:
        if item.get("role") == "user":
            prompt, results = text_of(item.get("content")), []
        elif item.get("type") == "function_call_output":
            results.append(text_of(item.get("output")))
    return prompt, tuple(results)
