"""OpenAI Responses, also as OpenRouter serves it.

Follows https://platform.openai.com/docs/api-reference/responses-streaming (read November 2026).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ratatoskr.testing.dialects.chat_completions import ChatCompletions
from ratatoskr.testing.dialects.dialect import CREATED, Ids, Problem, Refused, sse, text_of
from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, Offered, ScriptedTurn, pieces, whole

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_CODES = {"rate_limit": "rate_limit_exceeded", "quota": "insufficient_quota", "bad_key": "invalid_api_key"}


class Responses(ChatCompletions):
    """`POST …/responses`. Errors before the stream are those of Chat Completions."""

    name = "responses"

    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request."""
        if not body.get("model"):
            raise Refused(Problem(400, message="Missing required parameter: 'model'.", field="model"))
        if not body.get("input"):
            raise Refused(Problem(400, message="Missing required parameter: 'input'.", field="input"))
        prompt, results = _heard(body["input"])
        form = (body.get("text") or {}).get("format") or {}
        choice = body.get("tool_choice")
        reasoning = body.get("reasoning") or {}
        return Asked(
            provider,
            body["model"],
            stream=bool(body.get("stream")),
            prompt=prompt,
            results=results,
            tools=tuple(
                Offered(tool["name"], tool.get("parameters") or {})
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

    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into events or a `response`."""
        story = _Story(turn, asked, ids)
        if not asked.stream:
            return self.document(turn, asked, ids, story.response(story.status, story.items()))
        events, first = story.events()
        last = len(events)
        events += [story.end(), *([b"data: [DONE]\n\n"] if asked.provider == "openrouter" else [])]
        return self.stream(turn, asked, ids, events, first=first, last=last)

    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return a bare `error` event."""
        code = _CODES.get(problem.kind, "server_error")
        value = {"type": "error", "code": code, "message": problem.text(), "param": None, "sequence_number": 99}
        return sse(value, "error")

    def frame(self, text: bytes) -> bytes:
        """Return text as one named event."""
        return b"event: response.output_text.delta\ndata: " + text + b"\n\n"

    def unknown_event(self) -> bytes:
        """Return an event of a type that nobody knows."""
        value = {"type": "response.novelty.delta", "delta": "nobody knows me", "sequence_number": 98}
        return sse(value, "response.novelty.delta")


class _Story:
    """One turn as output items, and the events that tell them."""

    def __init__(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> None:
        self.turn, self.asked, self.ids = turn, asked, ids
        self.named = asked.provider != "openrouter"  # OpenRouter names no events
        self.count = 0
        self.id = ids.new("resp_" if self.named else "gen-")
        word = turn.finish_word
        self.reason = _REASONS.get(word)
        self.status = "incomplete" if self.reason else "completed"
        signed = turn.reasoning and turn.signature != ""
        self.secret = (turn.signature or ids.blob("encrypted reasoning")) if signed or turn.signature else None
        self.reasoning_id = ids.new("rs_")
        self.message_id = ids.new("msg_")
        self.calls = [(call.id or ids.new("call_"), ids.new("fc_"), call) for call in turn.tool_calls]

    def response(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        """Spell the response object; what the request set is echoed."""
        body, over = self.asked.body, status not in {"in_progress", "queued"}
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
            "model": self.turn.model or self.asked.model,
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
        """Spell the usage."""
        spent = self.turn.spent(self.asked)
        inside = {"cached_tokens": spent.cache_read}
        if spent.cache_write:
            inside["cache_write_tokens"] = spent.cache_write
        usage = {
            "input_tokens": spent.prompt,
            "input_tokens_details": inside,
            "output_tokens": spent.completion,
            "output_tokens_details": {"reasoning_tokens": spent.reasoning},
            "total_tokens": spent.prompt + spent.completion,
        }
        if self.named:
            return usage
        parts = {"upstream_inference_input_cost": self.turn.cost / 2, "upstream_inference_output_cost": 0.0}
        details = {"upstream_inference_cost": self.turn.cost, **parts}
        return {**usage, "cost": self.turn.cost, "is_byok": False, "cost_details": details}

    def items(self) -> list[dict[str, Any]]:
        """Spell the finished output items."""
        turn, out = self.turn, []
        if turn.reasoning or self.secret:
            out.append(self.reasoning(whole(turn.reasoning)))
        out += [dict(block) for block in turn.blocks]
        if turn.text or turn.refusal or not (self.calls or out):
            content = [self.part(whole(turn.text))] if turn.text or not turn.refusal else []
            content += [{"type": "refusal", "refusal": turn.refusal}] if turn.refusal else []
            out.append(self.message(content, "completed"))
        return out + [self.call(at, whole(call.json), "completed") for at, (_, _, call) in enumerate(self.calls)]

    def reasoning(self, text: str) -> dict[str, Any]:
        """Spell a reasoning item."""
        summary = [{"type": "summary_text", "text": text}] if text else []
        secret = {"encrypted_content": self.secret} if self.secret else {}
        return {"id": self.reasoning_id, "type": "reasoning", **secret, "summary": summary}

    def part(self, text: str) -> dict[str, Any]:
        """Spell a part of text."""
        return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}

    def message(self, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
        """Spell a message item."""
        made = {"id": self.message_id, "type": "message", "status": status, "content": content}
        return {**made, "role": "assistant"}

    def call(self, at: int, arguments: str, status: str) -> dict[str, Any]:
        """Spell a call item."""
        call_id, item_id, call = self.calls[at]
        made = {"id": item_id, "type": "function_call", "status": status, "arguments": arguments}
        return {**made, "call_id": call_id, "name": call.name}

    def event(self, name: str, **fields: Any) -> bytes:
        """Spell one event, with the next sequence number."""
        made = sse({"type": name, **fields, "sequence_number": self.count}, name if self.named else "")
        self.count += 1
        return made

    def end(self) -> bytes:
        """Spell the terminal event."""
        return self.event(f"response.{self.status}", response=self.response(self.status, self.items()))

    def events(self) -> tuple[list[bytes], int]:
        """Spell all events but the terminal one; the number tells where content begins."""
        opening = self.response("in_progress", [])
        out = [] if self.named else [b": \n\n"]
        out += [self.event(f"response.{word}", response=opening) for word in ("created", "in_progress")]
        first = 0
        for at, item in enumerate(self.items()):
            told = list(self.tell(at, item))
            if not first and (item["type"] != "reasoning" or self.turn.reasoning):
                first = len(out) + next((n for n, event in enumerate(told) if b".delta" in event), 0)
            out += told
        return out, first

    def tell(self, at: int, item: dict[str, Any]) -> Iterator[bytes]:
        """Tell one item from `added` to `done`."""
        middle: Callable[[dict[str, Any]], Iterator[bytes]] | None
        match item["type"]:
            case "reasoning":
                started, middle = {**item, "summary": []}, self.tell_summary
            case "message":
                started, middle = {**item, "status": "in_progress", "content": []}, self.tell_message
            case "function_call":
                started, middle = {**item, "status": "in_progress", "arguments": ""}, self.tell_arguments
            case _:
                started, middle = item, None
        yield self.event("response.output_item.added", item=started, output_index=at)
        if middle is not None:
            yield from middle({"item_id": item["id"], "output_index": at})
        yield self.event("response.output_item.done", item=item, output_index=at)

    @property
    def padding(self) -> dict[str, str]:
        """What OpenAI pads its deltas with."""
        return {"obfuscation": "x" * (self.count % 7)} if self.named and self.asked.obfuscate else {}

    def tell_summary(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Tell the summary of the thinking."""
        text = whole(self.turn.reasoning)
        if not text:
            return
        where = {**where, "summary_index": 0}
        name = "response.reasoning_summary"
        yield self.event(f"{name}_part.added", **where, part={"type": "summary_text", "text": ""})
        for piece in pieces(self.turn.reasoning, self.turn.deltas):
            yield self.event(f"{name}_text.delta", **where, delta=piece, **self.padding)
        yield self.event(f"{name}_text.done", **where, text=text)
        yield self.event(f"{name}_part.done", **where, part={"type": "summary_text", "text": text})

    def tell_message(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Tell the parts of a message: text, refusal."""
        text, refusal = whole(self.turn.text), self.turn.refusal
        index = 0
        if text or not refusal:
            here = {**where, "content_index": 0}
            yield self.event("response.content_part.added", **here, part=self.part(""))
            for piece in pieces(self.turn.text, self.turn.deltas):
                yield self.event("response.output_text.delta", **here, delta=piece, logprobs=[], **self.padding)
            yield self.event("response.output_text.done", **here, text=text, logprobs=[])
            yield self.event("response.content_part.done", **here, part=self.part(text))
            index = 1
        if refusal:
            here = {**where, "content_index": index}
            yield self.event("response.content_part.added", **here, part={"type": "refusal", "refusal": ""})
            for piece in pieces(refusal, self.turn.deltas):
                yield self.event("response.refusal.delta", **here, delta=piece)
            yield self.event("response.refusal.done", **here, refusal=refusal)
            yield self.event("response.content_part.done", **here, part={"type": "refusal", "refusal": refusal})

    def tell_arguments(self, where: dict[str, Any]) -> Iterator[bytes]:
        """Tell the arguments of a call."""
        call = next(call for _, item_id, call in self.calls if item_id == where["item_id"])
        for piece in pieces(call.json, self.turn.deltas):
            yield self.event("response.function_call_arguments.delta", **where, delta=piece, **self.padding)
        yield self.event("response.function_call_arguments.done", **where, arguments=whole(call.json))


def _heard(items: Any) -> tuple[str, tuple[str, ...]]:
    """Return the last words of the user and the tool results after them."""
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
