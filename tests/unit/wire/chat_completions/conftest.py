"""A host of the dialect: encodes requests, and decodes responses."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.event import ChatEvent
from ratatoskr.types.message import Message
from ratatoskr.types.rules import ModelRules
from ratatoskr.wire import chat_completions as dialect
from ratatoskr.wire.dialect import Encoded, Target
from ratatoskr.wire.turn import TurnBuilder


class Wire:
    """One host: the requests that it would get, and the responses that it would send."""

    def __init__(self) -> None:
        self.target = Target("host", "some-model", "chat_completions")

    def at(self, *flags: str, provider: str = "host", model: str = "some-model", **rules: Any) -> Wire:
        """Use another host."""
        self.target = Target(provider, model, "chat_completions", ModelRules(**rules), frozenset(flags))
        return self

    def request(self, *messages: Message | str, stream: bool = False, **more: Any) -> Encoded:
        """Encode a request; options are passed by name."""
        about = {name: more.pop(name) for name in ("tools", "tool_choice") if name in more}
        history = tuple(Message.user(m) if isinstance(m, str) else m for m in messages) or (Message.user("Hi"),)
        return dialect.encode_request(
            ChatRequest(history, options=ChatOptions(**more), **about), self.target, stream=stream
        )

    def body(self, *messages: Message | str, **more: Any) -> dict[str, Any]:
        """Encode a request and return its body as the host would decode it."""
        return json.loads(msgspec.json.encode(self.request(*messages, **more).body))

    def messages(self, *messages: Message | str, **more: Any) -> list[dict[str, Any]]:
        """Return the messages of the body."""
        return self.body(*messages, **more)["messages"]

    def decode(self, message: dict[str, Any] | None = None, finish: str | None = "stop", **top: Any) -> TurnBuilder:
        """Decode a complete response with one choice."""
        choice = {"index": 0, "message": {"role": "assistant", **(message or {})}, "finish_reason": finish}
        choice |= top.pop("choice", {})
        value = {"id": "r1", "object": "chat.completion", "created": 7, "model": "some-model-1", "choices": [choice]}
        return dialect.decode_response(_json({**value, **top}), self.target)

    def chunk(self, delta: dict[str, Any], finish: str | None = None, **top: Any) -> bytes:
        """Return a chunk with one choice."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **top.pop("choice", {})}
        base = {"id": "r1", "object": "chat.completion.chunk", "created": 7, "model": "some-model-1"}
        return _json({**base, "choices": [choice], **top})

    def stream(self, *data: bytes | dict[str, Any], done: bool = True) -> tuple[list[ChatEvent], TurnBuilder]:
        """Decode a stream; an object is a delta."""
        decoder = dialect.StreamDecoder(self.target)
        events: list[ChatEvent] = []
        for one in data:
            events += decoder.feed("", self.chunk(one) if isinstance(one, dict) else one)
        if done:
            events += decoder.feed("", b"[DONE]")
        return events + decoder.end(), decoder.turn

    def deltas(self, *deltas: dict[str, Any], finish: str = "stop", **top: Any) -> tuple[list[ChatEvent], TurnBuilder]:
        """Decode a stream of deltas, with a last chunk that has the finish reason."""
        return self.stream(*deltas, self.chunk({}, finish, **top))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.fixture
def wire() -> Wire:
    """A host without quirks."""
    return Wire()
