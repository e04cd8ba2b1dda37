"""How a request is written in each dialect, and how a response is read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ratatoskr._core import SseParser

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer", "minimum": 3}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Wire:
    """A provider's address and how a request is written there."""

    provider: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    framing: str = "sse"
    name: str = ""

    def body(self, prompt: str = "Hi", *, stream: bool = False, **more: Any) -> dict[str, Any]:
        turn = [{"role": "user", "content": prompt}]
        if self.name == "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
        made: dict[str, Any] = {"model": "some-model", "stream": stream}
        if self.name == "responses":
            return {**made, "input": turn, **more}
        if self.name == "generate":
            return {**made, "prompt": prompt, **more}
        if self.name == "anthropic":
            made["max_tokens"] = 100
        return {**made, "messages": turn, **more}

    def address(self, upstream: Any, stream: bool = False) -> str:
        path = self.path
        if self.name == "gemini":
            path += ":streamGenerateContent?alt=sse" if stream else ":generateContent"
        return upstream.base_url(self.provider) + path

    def events(self, content: bytes) -> list[tuple[str, Any]]:
        """Parse a whole stream with the package's own parser; `[DONE]` stays text."""
        parser = SseParser(self.framing)
        found = [*parser.feed(content), *parser.finish()]
        return [(name, data.decode() if data == b"[DONE]" else json.loads(data)) for name, data in found]


WIRES = {
    wire.name: wire
    for wire in (
        Wire("openai", "/chat/completions", name="chat"),
        Wire("openrouter", "/chat/completions", name="openrouter"),
        Wire("huggingface", "/chat/completions", name="huggingface"),
        Wire("openai", "/responses", name="responses"),
        Wire("anthropic", "/v1/messages", {"anthropic-version": "2023-06-01"}, name="anthropic"),
        Wire("google", "/v1beta/models/some-model", name="gemini"),
        Wire("ollama", "/api/chat", framing="ndjson", name="ollama"),
    )
}


def joined(wire, events, what):
    """Join the text or the thinking of a stream, as its dialect spells it."""
    pieces = []
    for name, data in events:
        if data == "[DONE]":
            continue
        match wire.name:
            case "responses":
                wanted = "response.output_text.delta" if what == "text" else "response.reasoning_summary_text.delta"
                pieces.append(data["delta"] if name == wanted else "")
            case "anthropic":
                key = "text" if what == "text" else "thinking"
                pieces.append(data["delta"].get(key, "") if name == "content_block_delta" else "")
            case "gemini":
                parts = [p for c in data["candidates"] for p in c["content"]["parts"] if "text" in p]
                pieces += [part["text"] for part in parts if bool(part.get("thought")) == (what == "reasoning")]
            case "ollama":
                pieces.append(data["message"].get("content" if what == "text" else "thinking", ""))
            case _:
                keys = ("content",) if what == "text" else ("reasoning", "reasoning_content")
                for choice in data["choices"]:
                    pieces += [choice["delta"].get(key) or "" for key in keys]
    return "".join(pieces)


ENDS = {
    "chat": lambda name, data: data == "[DONE]",
    "openrouter": lambda name, data: data == "[DONE]",
    "huggingface": lambda name, data: data == "[DONE]",
    "responses": lambda name, data: name == "response.completed",
    "anthropic": lambda name, data: name == "message_stop",
    "gemini": lambda name, data: "finishReason" in data["candidates"][0],
    "ollama": lambda name, data: data["done"],
}
"""Whether an event is the end of a stream in its dialect."""


def document_text(response):
    """Return the text of a document of Chat Completions."""
    return response.json()["choices"][0]["message"]["content"]
