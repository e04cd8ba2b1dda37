"""What every dialect can do: read a request, put a `ScriptedTurn` into its words, and fail in its own manner."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from ratatoskr.testing.reply import Reply
from ratatoskr.testing.turns import Asked, ScriptedTurn, encode_json

CREATED = 1_790_000_000
"""Seconds since the epoch that every answer claims to be from, so that answers are equal from run to run."""


class Ids:
    """Makes ids that are unique within one upstream and the same in every run."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """Return the next id."""
        self._count += 1
        return f"{prefix}{self._count:024x}"

    def blob(self, what: str) -> str:
        """Return an opaque token in base64, such as a signature."""
        self._count += 1
        return base64.b64encode(f"{what} {self._count:06d} of the scripted upstream".encode()).decode()


@dataclass(frozen=True, slots=True)
class Problem:
    """An error to be told in a dialect's words.

    Attributes:
        status: HTTP status that goes with it (and stands in the body where the dialect repeats it).
        kind: a word for errors that a dialect words in its own way: `bad_key`, `no_key`, `quota`, `context_length`,
            `unknown_model`, `unknown_path`, `overloaded`, `rate_limit`; "" means that the status says all.
        message: for people; made up when left out.
        field: the parameter that is wrong, where the dialect names it.
        retry_after: seconds, for dialects that tell them in the body.
    """

    status: int
    kind: str = ""
    message: str = ""
    field: str | None = None
    retry_after: float | None = None

    def text(self) -> str:
        """The message, given or made up."""
        if self.message:
            return self.message
        phrase = next((one.phrase for one in HTTPStatus if one.value == self.status), "Unknown error")
        return _MESSAGES.get(self.kind, f"{phrase}, said the scripted upstream.")


_MESSAGES = {
    "bad_key": "Incorrect API key provided.",
    "no_key": "You didn't provide an API key.",
    "quota": "You exceeded your current quota, please check your plan and billing details.",
    "context_length": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "200000 tokens. Please reduce the length of the messages.",
    "unknown_model": "The model does not exist or you do not have access to it.",
    "overloaded": "Overloaded",
    "rate_limit": "Rate limit reached. Please try again later.",
}


class Refused(Exception):  # it is control flow between reading a request and answering it
    """The request is not one that the provider would take."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text())
        self.problem = problem


class Dialect(ABC):
    """One provider's way of speaking. Stateless; `ids` come from the upstream."""

    name: ClassVar[str]
    stream_type: ClassVar[str] = "text/event-stream; charset=utf-8"
    json_type: ClassVar[str] = "application/json"
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"

    @abstractmethod
    def read(self, provider: str, path: str, query: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
        """Understand a request.

        Raises:
            Refused: something that the provider insists on is missing.
        """

    @abstractmethod
    def answer(self, turn: ScriptedTurn, asked: Asked, ids: Ids) -> Reply:
        """Put a turn into this dialect, as a stream if one was asked for."""

    @abstractmethod
    def error(self, problem: Problem, provider: str, ids: Ids) -> dict[str, Any]:
        """Return the body of an error response."""

    @abstractmethod
    def stream_error(self, problem: Problem, asked: Asked, ids: Ids) -> bytes:
        """Return the event by which an error is told inside a stream."""

    @abstractmethod
    def unknown_event(self) -> bytes:
        """Return an event of a kind that nobody knows yet."""

    def frame(self, text: bytes) -> bytes:
        """Return text as one unnamed event of a stream, whether it is JSON or not."""
        return b"data: " + text + b"\n\n"

    def event_line(self) -> tuple[bytes, bytes]:
        """Return how an event opens and how its lines end, for faults that never come to an end of it."""
        return b"data: ", b"\n"

    def request_id(self, turn: ScriptedTurn | None, provider: str, ids: Ids) -> dict[str, str]:
        """Return the headers that identify a request at this provider."""
        given = turn.request_id if turn is not None else None
        return {"x-request-id": given or ids.new("req_")}

    def rate_hint(self, seconds: float) -> tuple[dict[str, str], float | None]:
        """Return how this provider says when to come back: headers, and seconds to be told in the body."""
        return {"retry-after": f"{seconds:g}"}, None

    def refuse(self, problem: Problem, provider: str, ids: Ids) -> Reply:
        """Return a whole error response."""
        headers = {"content-type": self.json_type, **self.request_id(None, provider, ids)}
        return Reply(problem.status, headers, [encode_json(self.error(problem, provider, ids))])

    def stream(
        self, turn: ScriptedTurn, asked: Asked, ids: Ids, events: list[bytes], *, first: int, last: int
    ) -> Reply:
        """Return a streamed response of these events."""
        head = {"content-type": self.stream_type, "cache-control": "no-cache"}
        head |= self.request_id(turn, asked.provider, ids) | dict(turn.headers)
        if turn.keep_alives:
            events[:0] = [self.keep_alive] * turn.keep_alives
            first, last = first + turn.keep_alives, last + turn.keep_alives
        reply = Reply(200, head, events, "chunked", first=first, last=last)
        reply.pace, reply.delay, reply.gated = turn.pace, turn.delay, turn.gated
        return reply

    def document(self, turn: ScriptedTurn, asked: Asked, ids: Ids, value: Any) -> Reply:
        """Return a response with one JSON document."""
        head = {"content-type": self.json_type, **self.request_id(turn, asked.provider, ids), **turn.headers}
        return Reply(200, head, [encode_json(value)], delay=turn.delay)


def sse(value: Any, name: str = "") -> bytes:
    """Return one event of a stream."""
    opening = f"event: {name}\n".encode() if name else b""
    return opening + b"data: " + encode_json(value) + b"\n\n"


def need(body: Mapping[str, Any], name: str, kinds: type | tuple[type, ...], message: str) -> Any:
    """Return a field of the body that the provider insists on."""
    value = body.get(name)
    if not isinstance(value, kinds) or not value:
        raise Refused(Problem(400, message=message, field=name))
    return value


def text_of(content: Any) -> str:
    """Return the text in a message's content, whichever of the usual shapes it has."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        inner = content.get("text", content.get("content", ""))
        return text_of(inner) if inner else ""
    if isinstance(content, Iterable):
        return "".join(map(text_of, content))
    return ""
