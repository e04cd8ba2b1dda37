"""A transport that records requests and returns prepared replies."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from ratatoskr.config.secrets import Secret
from ratatoskr.providers.protocol import CallOptions
from ratatoskr.providers.provider import HttpProvider
from ratatoskr.providers.specs import SPECS, ProviderSpec
from ratatoskr.transport.client import HttpRequest
from ratatoskr.types.chat import ChatOptions, ChatRequest
from ratatoskr.types.message import Message
from ratatoskr.types.timeouts import Deadlines

KEY = "sk-canary-0123456789"
PROMPT = "Who lives in the ash tree?"
LIMITS = Deadlines(1.0, 2.0, 3.0, 4.0, "attempt")

Batch = list[tuple[str, bytes]]


class FakeReply:
    """A reply with a body, or with batches of events; an error in place of a batch is raised."""

    def __init__(
        self,
        body: bytes | Mapping[str, Any] = b"{}",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        batches: Sequence[Batch | Exception | None] | None = None,
    ) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = dict(headers or {})
        self.streamed = batches is not None
        self.batches = list(batches or ())
        self.closed = False
        self.left = False

    async def batch(self) -> Batch | None:
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        self.left = True


class FakeTransport:
    """Returns each prepared reply once, in order; an error in place of a reply is raised."""

    loop_bound = False

    def __init__(self, *replies: FakeReply | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> FakeReply:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def preconnect(self, urls: Sequence[str]) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    @property
    def body(self) -> dict[str, Any]:
        """The body of the last request."""
        body: dict[str, Any] = json.loads(self.requests[-1].body)
        return body


def provider_of(
    transport: FakeTransport, spec: str | ProviderSpec = "openai", keys: Sequence[str] = (KEY,), **keywords: Any
) -> HttpProvider:
    """Return a provider that uses the transport."""
    row = SPECS[spec] if isinstance(spec, str) else spec
    return HttpProvider(row, transport, [Secret(key) for key in keys], **keywords)


def chat_request(text: str = PROMPT, **options: Any) -> ChatRequest:
    """Return a request with one user message."""
    return ChatRequest((Message.user(text),), options=ChatOptions(**options))


def call_options(model: str = "gpt-4o-mini", **keywords: Any) -> CallOptions:
    """Return the options of a call."""
    return CallOptions(model, LIMITS, **keywords)


def completion(content: str | None = "Ratatoskr", finish_reason: str = "stop", **members: Any) -> dict[str, Any]:
    """Return a body of Chat Completions."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        **members,
    }


def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> tuple[str, bytes]:
    """Return an event of a Chat Completions stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return "", json.dumps({"id": "chatcmpl-1", "model": "gpt-4o-mini-2024-07-18", "choices": [choice]}).encode()


DONE = ("", b"[DONE]")


def shown_locals(error: BaseException) -> str:
    """Return the text of an error's traceback with the local variables of the package's frames."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in shown.stack if "python/ratatoskr" in frame.filename]
    assert frames
    return "".join(f"{frame.locals}" for frame in frames)
